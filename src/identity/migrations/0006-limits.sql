-- Unified limits: a default for each resource of a service, and what differs for a project or a domain.
create table identity.registered_limits (
  id text primary key,
  service_id text not null references identity.services on delete cascade,
  region_id text references identity.regions on delete cascade,
  resource_name text not null,
  -- -1 is no limit.
  default_limit integer not null,
  description text,
  constraint registered_limits_once unique nulls not distinct (service_id, region_id, resource_name)
);

create table identity.limits (
  id text primary key,
  registered_limit_id text not null references identity.registered_limits on delete cascade,
  project_id text references identity.projects on delete cascade,
  domain_id text references identity.projects on delete cascade,
  resource_limit integer not null,
  description text,
  constraint limits_one_target check (num_nonnulls(project_id, domain_id) = 1),
  constraint limits_once unique nulls not distinct (registered_limit_id, project_id, domain_id)
);
create index limits_project on identity.limits (project_id);
create index limits_domain on identity.limits (domain_id);
