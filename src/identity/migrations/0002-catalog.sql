-- Where the services are.
create table identity.regions (
  id text primary key,
  description text not null default '',
  parent_region_id text references identity.regions,
  extra jsonb not null default '{}'
);

create table identity.services (
  id text primary key,
  type text not null,
  name text,
  description text,
  enabled boolean not null default true,
  extra jsonb not null default '{}',
  -- The catalog lists services in the order in which they were made.
  position bigint generated always as identity
);

create table identity.endpoints (
  id text primary key,
  service_id text not null references identity.services on delete cascade,
  region_id text references identity.regions,
  interface text not null check (interface in ('public', 'internal', 'admin')),
  -- As given: `$(project_id)s` and its like are filled in for each token.
  url text not null,
  enabled boolean not null default true,
  name text,
  description text,
  extra jsonb not null default '{}',
  position bigint generated always as identity
);
create index endpoints_service on identity.endpoints (service_id);
create index endpoints_region on identity.endpoints (region_id);
