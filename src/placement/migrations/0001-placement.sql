-- What there is to give, who gives it, and who has taken it.
create schema if not exists placement;

-- `position` keeps upstream's order for the standard ones; custom ones begin with CUSTOM_.
create table placement.resource_classes (
  name text primary key,
  position integer generated always as identity,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table placement.traits (
  name text primary key,
  created_at timestamptz not null default now()
);

-- A tree of providers has one root; `root_id` is the provider's own id at the root.
create table placement.providers (
  id uuid primary key,
  name text not null constraint providers_name unique,
  -- Moves on with each change of inventory, traits, aggregates or allocations: writers say which one they have seen.
  generation bigint not null default 0,
  parent_id uuid constraint providers_parent references placement.providers,
  root_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index providers_of_root on placement.providers (root_id);
create index providers_of_parent on placement.providers (parent_id) where parent_id is not null;

-- `used` is the sum of the allocations, kept here so that the room check and the taking are one statement.
create table placement.inventories (
  provider_id uuid not null references placement.providers on delete cascade,
  resource_class text not null constraint inventories_class references placement.resource_classes on update cascade,
  total bigint not null,
  reserved bigint not null,
  min_unit bigint not null,
  max_unit bigint not null,
  step_size bigint not null,
  allocation_ratio double precision not null,
  used bigint not null default 0 constraint inventories_used_is_counted check (used >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (provider_id, resource_class)
);
create index inventories_of_class on placement.inventories (resource_class);

create table placement.provider_traits (
  provider_id uuid not null references placement.providers on delete cascade,
  trait text not null constraint provider_traits_trait references placement.traits,
  primary key (provider_id, trait)
);
create index provider_traits_of_trait on placement.provider_traits (trait);

create table placement.provider_aggregates (
  provider_id uuid not null references placement.providers on delete cascade,
  aggregate_id uuid not null,
  primary key (provider_id, aggregate_id)
);
create index provider_aggregates_of_aggregate on placement.provider_aggregates (aggregate_id);

-- Whoever has allocations, and nobody else. `type` is null for those written before microversion 1.38.
create table placement.consumers (
  id uuid primary key,
  project_id text not null,
  user_id text not null,
  type text,
  generation bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index consumers_of_project on placement.consumers (project_id, user_id);

create table placement.allocations (
  consumer_id uuid not null references placement.consumers,
  provider_id uuid not null,
  resource_class text not null,
  used bigint not null constraint allocations_positive check (used > 0),
  created_at timestamptz not null default now(),
  primary key (consumer_id, provider_id, resource_class),
  constraint allocations_inventory foreign key (provider_id, resource_class)
    references placement.inventories on update cascade
);
create index allocations_of_provider on placement.allocations (provider_id);
