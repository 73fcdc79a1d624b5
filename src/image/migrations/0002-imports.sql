-- Bytes that were staged wait, hashed, in their incoming file; an import makes them the image's. A task tells how it went.
alter table image.images
  add column staged_md5 text,
  add column staged_sha512 text,
  -- The last import failed; shown until the next.
  add column import_failed boolean not null default false;

create table image.tasks (
  id uuid primary key,
  type text not null,
  status text not null constraint task_status check (status in ('pending', 'processing', 'success', 'failure')),
  owner text not null,
  user_id text not null,
  request_id text not null,
  image_id uuid not null references image.images (id),
  input jsonb not null,
  result jsonb,
  message text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Set when it has ended.
  expires_at timestamptz
);
create index tasks_newest on image.tasks (created_at desc, id desc);
create index tasks_by_image on image.tasks (image_id);
create index tasks_by_expiry on image.tasks (expires_at) where expires_at is not null;
