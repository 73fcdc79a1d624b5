-- Secrets that stand for a user on one project, with no more than some of his roles there.
create table identity.application_credentials (
  id text primary key,
  user_id text not null references identity.users on delete cascade,
  project_id text not null references identity.projects on delete cascade,
  name text not null,
  description text,
  -- `$hmac-sha256$…` for a secret of ours, which nobody can guess; a PHC string of argon2id for one that somebody chose.
  secret_hash text not null,
  expires_at timestamptz,
  -- Whether it may make and remove other application credentials and trusts.
  unrestricted boolean not null default false,
  constraint application_credentials_name_of_user unique (user_id, name)
);
create index application_credentials_project on identity.application_credentials (project_id);

create table identity.application_credential_roles (
  application_credential_id text not null references identity.application_credentials on delete cascade,
  role_id text not null references identity.roles on delete cascade,
  primary key (application_credential_id, role_id)
);
create index application_credential_roles_role on identity.application_credential_roles (role_id);

-- Requests that an application credential with rules may make. A rule belongs to its user and may serve several.
create table identity.access_rules (
  id text primary key,
  user_id text not null references identity.users on delete cascade,
  service text not null,
  method text not null,
  path text not null,
  constraint access_rules_once unique (user_id, service, method, path)
);

create table identity.application_credential_rules (
  application_credential_id text not null references identity.application_credentials on delete cascade,
  access_rule_id text not null constraint access_rules_in_use references identity.access_rules on delete cascade,
  primary key (application_credential_id, access_rule_id)
);
create index application_credential_rules_rule on identity.application_credential_rules (access_rule_id);
