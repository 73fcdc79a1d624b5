-- Tokens that were given back before they expired; a row goes when its token would have expired anyway.
create table identity.revocations (
  audit_id text primary key,
  expires_at timestamptz not null
);
create index revocations_expires on identity.revocations (expires_at);
