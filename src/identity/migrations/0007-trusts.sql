-- A trustor lends a trustee some of his roles on a project. Trusts made out of a trust go with it.
create table identity.trusts (
  id text primary key,
  trustor_user_id text not null references identity.users on delete cascade,
  trustee_user_id text not null references identity.users on delete cascade,
  project_id text references identity.projects on delete cascade,
  impersonation boolean not null,
  expires_at timestamptz,
  -- Null where the trust may be used any number of times.
  remaining_uses integer,
  -- How many times it may still be passed on.
  redelegation_count integer not null default 0,
  redelegated_trust_id text references identity.trusts on delete cascade
);
create index trusts_trustor on identity.trusts (trustor_user_id);
create index trusts_trustee on identity.trusts (trustee_user_id);
create index trusts_project on identity.trusts (project_id);
create index trusts_parent on identity.trusts (redelegated_trust_id);

create table identity.trust_roles (
  trust_id text not null references identity.trusts on delete cascade,
  role_id text not null references identity.roles on delete cascade,
  primary key (trust_id, role_id)
);
create index trust_roles_role on identity.trust_roles (role_id);
