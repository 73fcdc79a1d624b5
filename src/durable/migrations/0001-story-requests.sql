-- A story is asked for in the transaction that writes its resource, and begun after it. What stands here without a
-- workflow of the same id was committed by a control plane that died before it could begin it.
create schema if not exists durable;
create table durable.story_requests (
  id uuid primary key,
  story text not null,
  input jsonb not null,
  requested_at timestamptz not null default now(),
  begun_at timestamptz
);
create index story_requests_waiting on durable.story_requests (requested_at) where begun_at is null;
