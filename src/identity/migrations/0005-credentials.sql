-- Secrets that users keep here for other services and methods: EC2 keys, TOTP seeds, certificates.
create table identity.credentials (
  id text primary key,
  user_id text not null references identity.users on delete cascade,
  project_id text references identity.projects on delete cascade,
  type text not null,
  -- Encrypted (credentials/cipher.ts): the database alone gives no secret away.
  blob bytea not null,
  extra jsonb not null default '{}'
);
create index credentials_user on identity.credentials (user_id, type);
create index credentials_project on identity.credentials (project_id);
