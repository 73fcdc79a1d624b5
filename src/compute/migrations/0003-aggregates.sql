-- Groups of hosts. The metadata key `availability_zone` makes a zone of one; a host is in one zone at most.
create table compute.aggregates (
  id integer generated always as identity primary key,
  uuid uuid not null,
  name text not null constraint aggregates_name unique,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create table compute.aggregate_hosts (
  aggregate_id integer not null references compute.aggregates on delete cascade,
  host text not null references compute.hosts on delete cascade,
  added_at timestamptz not null default now(),
  constraint aggregate_hosts_once primary key (aggregate_id, host)
);
create index aggregate_hosts_of_host on compute.aggregate_hosts (host);
