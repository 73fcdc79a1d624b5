-- Servers that want to be together or apart. A server is a member by the hint that it was made with.
create table compute.server_groups (
  id uuid primary key,
  number bigint generated always as identity,
  project_id text not null,
  user_id text not null,
  name text not null,
  policy text not null constraint server_groups_policy
    check (policy in ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
  rules jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index server_groups_of_project on compute.server_groups (project_id, number);
create index servers_of_group on compute.servers ((scheduler_hints ->> 'group')) where deleted_at is null;
