-- Images and who may use them. The bytes lie in files named after the id; see data/byte-store.ts.
create schema if not exists image;

create table image.images (
  id uuid primary key,
  -- A deleted image stays as a row: its id must never name other bytes, which hosts may still have cached.
  status text not null constraint image_status check
    (status in ('queued', 'saving', 'uploading', 'importing', 'active', 'deactivated', 'killed', 'deleted')),
  name text,
  visibility text not null constraint image_visibility check
    (visibility in ('public', 'private', 'shared', 'community')),
  protected boolean not null,
  os_hidden boolean not null,
  owner text,
  container_format text,
  disk_format text,
  min_disk_gib integer not null,
  min_ram_mib integer not null,
  size_bytes bigint,
  virtual_size_bytes bigint,
  checksum text,
  os_hash_algo text,
  os_hash_value text,
  -- What users add beside the base properties: text to text.
  properties jsonb not null,
  tags text[] not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  -- While bytes come in: which upload brings them, and until when it is believed to be alive.
  upload_id uuid,
  upload_lease_until timestamptz
);
create index images_newest on image.images (created_at desc, id desc) where status <> 'deleted';
create index images_by_owner on image.images (owner) where status <> 'deleted';
create index images_by_property on image.images using gin (properties jsonb_path_ops) where status <> 'deleted';
create index images_by_tag on image.images using gin (tags) where status <> 'deleted';
create index images_coming_in on image.images (upload_lease_until) where upload_id is not null;

create table image.members (
  image_id uuid not null references image.images (id) on delete cascade,
  member_id text not null,
  status text not null constraint member_status check (status in ('pending', 'accepted', 'rejected')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint member_once primary key (image_id, member_id)
);
create index members_by_project on image.members (member_id, status);
