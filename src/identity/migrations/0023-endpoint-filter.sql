-- Which endpoints the catalog of a project shows: those that were given to it, one by one or by a group of them. A
-- project that was given none sees all.
create table identity.project_endpoints (
  project_id text not null references identity.projects on delete cascade,
  endpoint_id text not null references identity.endpoints on delete cascade,
  constraint project_endpoints_pkey primary key (project_id, endpoint_id)
);
create index project_endpoints_endpoint on identity.project_endpoints (endpoint_id);

create table identity.endpoint_groups (
  id text primary key,
  name text not null,
  description text,
  -- What an endpoint must have to belong: any of service_id, region_id, interface.
  filters jsonb not null
);

create table identity.project_endpoint_groups (
  endpoint_group_id text not null references identity.endpoint_groups on delete cascade,
  project_id text not null references identity.projects on delete cascade,
  constraint project_endpoint_groups_pkey primary key (endpoint_group_id, project_id)
);
create index project_endpoint_groups_project on identity.project_endpoint_groups (project_id);
