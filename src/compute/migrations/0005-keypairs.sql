-- Public keys that users put into their servers. A server keeps a copy of its own.
create table compute.keypairs (
  id bigint generated always as identity primary key,
  user_id text not null,
  name text not null,
  type text not null constraint keypairs_type check (type in ('ssh', 'x509')),
  public_key text not null,
  -- Hex with colons: MD5 for ssh, SHA-1 for x509.
  fingerprint text not null,
  created_at timestamptz not null default now(),
  constraint keypairs_once unique (user_id, name)
);
