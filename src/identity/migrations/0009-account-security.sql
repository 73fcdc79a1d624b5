-- What the rules of accounts ask: failed logins in a row, and when somebody was last here.
alter table identity.users
  add column failed_logins integer not null default 0,
  add column last_failed_at timestamptz,
  add column last_active_on date;

-- One-time passcodes that have been used, by the half minute that they were good for; a row goes when it no longer is.
create table identity.used_passcodes (
  credential_id text not null references identity.credentials on delete cascade,
  step bigint not null,
  primary key (credential_id, step)
);
