-- Volumes. `extending_to_gib` is the size that an extend under way has been granted: quotas count it already.
-- The CHAP account and the target number belong to the volume and outlive its exports, so that a target that is made
-- again after a crash is the same one.
create sequence volume.target_numbers;

create table volume.volumes (
  id uuid primary key,
  project_id text not null,
  user_id text not null,
  name text,
  description text,
  size_gib integer not null,
  extending_to_gib integer,
  status text not null,
  previous_status text,
  migration_status text,
  type_id uuid not null constraint volumes_type references volume.types (id),
  availability_zone text not null,
  -- host@backend#pool; null until scheduled
  backend text,
  bootable boolean not null default false,
  multiattach boolean not null default false,
  metadata jsonb not null default '{}',
  -- `readonly` and `attached_mode`, which users see among the metadata and only the service writes
  admin_metadata jsonb not null default '{}',
  image_metadata jsonb,
  image_id uuid,
  source_volume_id uuid,
  scheduler_hints jsonb not null default '{}',
  target_number bigint not null constraint volumes_target_number_key unique default nextval('volume.target_numbers'),
  auth_username text not null,
  auth_password text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz
);
create index volumes_by_project on volume.volumes (project_id, created_at desc, id desc);
create index volumes_by_type on volume.volumes (type_id);
create index volumes_by_backend on volume.volumes (backend);
