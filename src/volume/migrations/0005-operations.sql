-- What went wrong, in words for the user whose request it was.
create table volume.messages (
  id uuid primary key,
  project_id text not null,
  request_id text,
  resource_type text not null,
  resource_id uuid,
  action_id text not null,
  detail_id text not null,
  user_message text not null,
  level text not null default 'ERROR',
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
create index messages_by_project on volume.messages (project_id, created_at desc, id desc);

-- Services that an operator has disabled; one that is not listed is enabled.
create table volume.disabled_services (
  binary_name text not null,
  host text not null,
  reason text,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (binary_name, host)
);
