-- Sizes. A server keeps a copy of its own, so a flavor may go while servers of it stay.
create table compute.flavors (
  -- Any text: users choose it, or it is a UUID.
  id text primary key,
  number bigint generated always as identity,
  name text not null constraint flavors_name unique,
  description text,
  vcpus integer not null,
  ram_mib integer not null,
  root_gib integer not null,
  ephemeral_gib integer not null,
  swap_mib integer not null,
  rxtx_factor double precision not null default 1,
  is_public boolean not null default true,
  extra_specs jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- Projects that may use a flavor that is not public.
create table compute.flavor_access (
  flavor_id text not null references compute.flavors on delete cascade,
  project_id text not null,
  constraint flavor_access_once primary key (flavor_id, project_id)
);
