-- Servers and what belongs to one: its block devices, what was done to it, and why its host was chosen.
create schema if not exists compute;

-- One row a server, kept after its deletion: `changes-since` and `deleted=true` still show it. A server that counts
-- (for quotas and lists) has `deleted_at is null`.
create table compute.servers (
  id uuid primary key,
  -- The number in `OS-EXT-SRV-ATTR:instance_name`, instance-0000002a.
  number bigint generated always as identity,
  project_id text not null,
  user_id text not null,
  name text not null,
  hostname text not null,
  description text,

  -- What it is and what is being done to it: see lifecycle/states.ts.
  vm_state text not null,
  task_state text,
  -- As the API counts: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended.
  power_state smallint not null default 0,
  fault jsonb,
  locked_by text,
  locked_reason text,
  -- Set by a delete. The boot story reads it before each step: a delete during boot is a turn of that story.
  deletion_requested_at timestamptz,
  -- The story in charge of it, or the last that was.
  story_id uuid not null,

  -- Where it is: null before a host is claimed.
  host text,
  availability_zone text,
  -- What was asked for; null where the cloud may choose.
  pinned_availability_zone text,
  requested_host text,
  scheduler_hints jsonb not null default '{}',

  -- The flavor as it was when the server was made: later changes of the flavor do not reach it.
  flavor_id text not null,
  flavor_name text not null,
  vcpus integer not null,
  ram_mib integer not null,
  root_gib integer not null,
  ephemeral_gib integer not null,
  swap_mib integer not null,
  extra_specs jsonb not null default '{}',

  -- Null when it boots from a volume. `image` is the image as it was: format, sizes, properties.
  image_id uuid,
  image jsonb,
  root_device_name text,

  key_name text,
  key_type text,
  public_key text,
  -- Base64, as the API took it.
  user_data text,
  -- Injected files: [{"path", "contentsBase64"}].
  files jsonb not null default '[]',
  admin_password text,
  config_drive boolean not null default false,
  metadata jsonb not null default '{}',
  tags text[] not null default '{}',
  -- What network.plan settled: the ports to bind, in the order of the cards.
  nics jsonb not null default '[]',
  -- Names, for the answer while no port stands yet.
  security_groups text[] not null default '{}',
  access_ip_v4 text,
  access_ip_v6 text,
  disk_config text not null default 'MANUAL',
  reservation_id text not null,
  launch_index integer not null default 0,
  -- 512 bytes in base64, drawn once: `random_seed` in the metadata.
  random_seed text not null,

  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  launched_at timestamptz,
  terminated_at timestamptz,
  deleted_at timestamptz,

  constraint servers_vm_state check (vm_state in ('building', 'active', 'paused', 'suspended', 'stopped', 'rescued',
    'resized', 'soft-delete', 'deleted', 'error', 'shelved', 'shelved_offloaded'))
) with (fillfactor = 80);
create index servers_of_project on compute.servers (project_id, created_at desc, id desc) where deleted_at is null;
create index servers_newest on compute.servers (created_at desc, id desc) where deleted_at is null;
create index servers_on_host on compute.servers (host) where deleted_at is null;
-- No index holds a column that a running story changes, so that its updates stay in the page (HOT).

-- What a server has for disks, volumes and others; `device_name` as the guest's bus names it, /dev/vda.
create table compute.block_devices (
  -- `bdm_uuid`.
  id uuid primary key,
  server_id uuid not null references compute.servers,
  source_type text not null,
  destination_type text not null,
  image_id uuid,
  volume_id uuid,
  -- True: the boot makes the volume before it connects it.
  made boolean not null default false,
  size_gib integer,
  volume_type text,
  -- 0 is the disk it boots from; null and negative are not booted from.
  boot_index integer,
  device_name text not null,
  bus text not null,
  device_type text not null default 'disk',
  guest_format text,
  delete_on_termination boolean not null default false,
  tag text,
  -- Block storage's record of this attachment; its id is picked before it exists.
  attachment_id uuid,
  -- The story that attaches or detaches it; null when it is settled.
  story_id uuid,
  created_at timestamptz not null default now(),
  constraint block_devices_device unique (server_id, device_name),
  constraint block_devices_source check (source_type in ('image', 'volume', 'blank')),
  constraint block_devices_destination check (destination_type in ('local', 'volume')),
  constraint block_devices_volume_has_attachment check ((destination_type = 'volume') = (attachment_id is not null))
);
create index block_devices_of_volume on compute.block_devices (volume_id) where volume_id is not null;
create unique index block_devices_once on compute.block_devices (server_id, volume_id) where volume_id is not null;

-- What was asked of a server. The events of an action are its story's steps.
create table compute.instance_actions (
  id bigint generated always as identity primary key,
  server_id uuid not null references compute.servers,
  -- Upstream's word: create, stop, attach_volume, …
  action text not null,
  request_id text not null,
  story_id uuid,
  project_id text,
  user_id text,
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Null, or 'Error'.
  message text,
  -- Where it failed: the error's code and text, and the host that it ended on.
  error_code text,
  details text,
  host text
);
create index instance_actions_of_server on compute.instance_actions (server_id, id desc);
create index instance_actions_of_story on compute.instance_actions (story_id);

-- Why its host was chosen, or none: each filter's verdict on each host, of the latest attempt.
create table compute.schedules (
  server_id uuid primary key references compute.servers,
  verdicts jsonb not null,
  made_at timestamptz not null default now()
);

-- When each host started, as last seen: guests that a reboot of their host ended are started again; guests that
-- ended by themselves are not.
create table compute.host_boots (
  host text primary key,
  booted_at timestamptz not null
);
