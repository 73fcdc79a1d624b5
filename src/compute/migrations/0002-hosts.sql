-- A host that runs guests: a compute service and a hypervisor in the API's words. What it is able to give is placement's.
create table compute.hosts (
  name text primary key,
  -- The id of service and hypervisor before microversion 2.53.
  number bigint generated always as identity unique,
  service_id uuid not null unique,
  -- The hypervisor's id, and that of its provider in placement.
  provider_id uuid not null unique,
  enabled boolean not null default true,
  disabled_reason text,
  -- Set from outside, by whoever has fenced the host: it counts as down whatever it says itself.
  forced_down boolean not null default false,
  last_seen_at timestamptz,
  -- As the agent tells them: agent/contract.ts, HostFacts.
  facts jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
