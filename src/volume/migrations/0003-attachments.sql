-- Who uses a volume, and by which connector. `connection` is where the target answers, without the credentials.
create table volume.attachments (
  id uuid primary key,
  volume_id uuid not null constraint attachments_volume references volume.volumes (id),
  project_id text not null,
  server_id uuid,
  status text not null,
  mode text,
  connector jsonb,
  connection jsonb,
  mountpoint text,
  attached_host text,
  -- made by our own compute service, which detaches before it deletes
  held_by_compute boolean not null default false,
  attached_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz
);
create index attachments_by_volume on volume.attachments (volume_id);
create index attachments_by_project on volume.attachments (project_id, created_at desc, id desc);

-- Connections opened by os-initialize_connection, the flow from before attachments.
create table volume.connections (
  volume_id uuid not null references volume.volumes (id) on delete cascade,
  initiator text not null,
  connector jsonb not null,
  primary key (volume_id, initiator)
);
