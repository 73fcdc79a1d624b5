-- Two trusts that differ in nothing, and end at the same moment, are one. Attributes that the API does not know are kept.
alter table identity.trusts
  add column extra jsonb not null default '{}',
  add constraint trusts_once unique (trustor_user_id, trustee_user_id, project_id, impersonation, expires_at);
