-- Snapshots: full copies of volumes at one moment, on the same back end, which live on without the volume's data.
create table volume.snapshots (
  id uuid primary key,
  volume_id uuid not null constraint snapshots_volume references volume.volumes (id),
  project_id text not null,
  user_id text not null,
  name text,
  description text,
  size_gib integer not null,
  status text not null,
  type_id uuid not null constraint snapshots_type references volume.types (id),
  backend text not null,
  bootable boolean not null,
  image_metadata jsonb,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz
);
create index snapshots_by_project on volume.snapshots (project_id, created_at desc, id desc);
create index snapshots_by_volume on volume.snapshots (volume_id);
create index snapshots_by_backend on volume.snapshots (backend);

-- The snapshot that a volume was made of. It may be gone by now.
alter table volume.volumes add column snapshot_id uuid;
