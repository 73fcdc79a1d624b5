-- Policy files that somebody keeps here for services to fetch, and which endpoints each is for.
create table identity.policies (
  id text primary key,
  type text not null,
  blob text not null,
  extra jsonb not null default '{}'
);

-- For an endpoint, for a service, or for a service in a region; one policy each.
create table identity.policy_associations (
  policy_id text not null references identity.policies on delete cascade,
  endpoint_id text references identity.endpoints on delete cascade,
  service_id text references identity.services on delete cascade,
  region_id text references identity.regions on delete cascade,
  constraint policy_associations_endpoint_or_service check (num_nonnulls(endpoint_id, service_id) = 1),
  constraint policy_associations_region_of_service check (region_id is null or service_id is not null),
  constraint policy_associations_once unique nulls not distinct (endpoint_id, service_id, region_id)
);
create index policy_associations_policy on identity.policy_associations (policy_id);
create index policy_associations_service on identity.policy_associations (service_id);
create index policy_associations_region on identity.policy_associations (region_id);
