-- Clouds that people come from, and clouds that they go to: kept for clients. Nobody logs in by them here.
create table identity.identity_providers (
  id text primary key,
  -- Where people who come from there would be.
  domain_id text not null constraint identity_providers_domain references identity.projects on delete cascade,
  enabled boolean not null,
  description text,
  authorization_ttl integer
);
create index identity_providers_domain_id on identity.identity_providers (domain_id);

create table identity.remote_ids (
  remote_id text constraint remote_ids_once primary key,
  idp_id text not null references identity.identity_providers on delete cascade
);
create index remote_ids_idp on identity.remote_ids (idp_id);

create table identity.service_providers (
  id text primary key,
  enabled boolean not null,
  description text,
  auth_url text not null,
  sp_url text not null,
  relay_state_prefix text not null
);
