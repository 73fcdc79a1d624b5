-- Who there is, and what they may do where. Ids are text: 32 hex digits for all but the domain `default`.
create schema identity;

-- A domain is a project that acts as one: same row, same id, as the API shows it (GET /v3/projects?is_domain=true).
create table identity.projects (
  id text primary key,
  name text not null,
  -- Null exactly for projects acting as domains.
  domain_id text references identity.projects on delete cascade,
  -- The domain's id for top-level projects.
  parent_id text references identity.projects,
  is_domain boolean not null default false,
  enabled boolean not null default true,
  description text,
  options jsonb not null default '{}',
  -- Attributes that the API keeps for its users without knowing them.
  extra jsonb not null default '{}',
  -- Grows when the project is disabled; a token carries the value it was issued under, so that tokens of an earlier
  -- generation stay dead when the project is enabled again.
  token_generation integer not null default 0,
  constraint projects_domain_or_within check (is_domain = (domain_id is null) and is_domain = (parent_id is null))
);
create unique index projects_name_in_domain on identity.projects (domain_id, name) where not is_domain;
create unique index domains_name on identity.projects (name) where is_domain;
create index projects_parent on identity.projects (parent_id);

create table identity.project_tags (
  project_id text not null references identity.projects on delete cascade,
  name text not null,
  position integer not null default 0,
  primary key (project_id, name)
);

create table identity.users (
  id text primary key,
  name text not null,
  domain_id text not null references identity.projects on delete cascade,
  enabled boolean not null default true,
  -- No foreign key: the API keeps the id of a project that is gone, and ignores it.
  default_project_id text,
  options jsonb not null default '{}',
  extra jsonb not null default '{}',
  -- Grows when the user is disabled or the password changes.
  token_generation integer not null default 0,
  created_at timestamptz not null default now(),
  constraint users_name_in_domain unique (domain_id, name)
);

-- The newest row of a user is the password; older ones are its history.
create table identity.passwords (
  id bigint generated always as identity primary key,
  user_id text not null references identity.users on delete cascade,
  -- PHC string: algorithm, parameters, salt and digest.
  hash text not null,
  self_service boolean not null default false,
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
create index passwords_user on identity.passwords (user_id, id desc);

create table identity.groups (
  id text primary key,
  name text not null,
  domain_id text not null references identity.projects on delete cascade,
  description text not null default '',
  extra jsonb not null default '{}',
  constraint groups_name_in_domain unique (domain_id, name)
);

create table identity.memberships (
  group_id text not null references identity.groups on delete cascade,
  user_id text not null references identity.users on delete cascade,
  primary key (group_id, user_id)
);
create index memberships_user on identity.memberships (user_id);

create table identity.roles (
  id text primary key,
  name text not null,
  -- Null for global roles. A domain's own role is never in a token; what it implies is.
  domain_id text references identity.projects on delete cascade,
  description text,
  options jsonb not null default '{}',
  extra jsonb not null default '{}',
  constraint roles_name_in_domain unique nulls not distinct (domain_id, name)
);

create table identity.implied_roles (
  prior_role_id text not null references identity.roles on delete cascade,
  implied_role_id text not null references identity.roles on delete cascade,
  primary key (prior_role_id, implied_role_id)
);

-- A role for a user or a group, on a project, a domain or the system. An inherited one counts below its target only.
create table identity.assignments (
  id bigint generated always as identity primary key,
  role_id text not null references identity.roles on delete cascade,
  user_id text references identity.users on delete cascade,
  group_id text references identity.groups on delete cascade,
  project_id text references identity.projects on delete cascade,
  domain_id text references identity.projects on delete cascade,
  on_system boolean not null default false,
  inherited boolean not null default false,
  constraint assignments_one_actor check (num_nonnulls(user_id, group_id) = 1),
  constraint assignments_one_target check (num_nonnulls(project_id, domain_id) + on_system::int = 1),
  constraint assignments_system_is_flat check (not (on_system and inherited)),
  constraint assignments_once unique nulls not distinct
    (user_id, group_id, project_id, domain_id, on_system, inherited, role_id)
);
create index assignments_user on identity.assignments (user_id) where user_id is not null;
create index assignments_group on identity.assignments (group_id) where group_id is not null;
create index assignments_project on identity.assignments (project_id) where project_id is not null;
create index assignments_domain on identity.assignments (domain_id) where domain_id is not null;
create index assignments_role on identity.assignments (role_id);
