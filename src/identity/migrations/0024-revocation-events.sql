-- What made tokens bad before their time, as GET /v3/OS-REVOKE/events tells it. The tables write it themselves, so that
-- what goes because something else went is there too.
create table identity.revocation_events (
  id bigint generated always as identity primary key,
  user_id text,
  project_id text,
  domain_id text,
  trust_id text,
  audit_id text,
  revoked_at timestamptz not null default now()
);
create index revocation_events_revoked_at on identity.revocation_events (revoked_at);

create function identity.note_revocation() returns trigger language plpgsql as $$
begin
  case tg_table_name
    when 'users' then insert into identity.revocation_events (user_id) values (old.id);
    when 'projects' then
      if old.is_domain then insert into identity.revocation_events (domain_id) values (old.id);
      else insert into identity.revocation_events (project_id) values (old.id);
      end if;
    when 'trusts' then insert into identity.revocation_events (trust_id) values (old.id);
    when 'revocations' then insert into identity.revocation_events (audit_id) values (new.audit_id);
  end case;
  return null;
end $$;

create trigger note_user_gone after delete on identity.users
  for each row execute function identity.note_revocation();
create trigger note_user_changed after update on identity.users
  for each row when (old.token_generation < new.token_generation) execute function identity.note_revocation();
create trigger note_project_gone after delete on identity.projects
  for each row execute function identity.note_revocation();
create trigger note_project_changed after update on identity.projects
  for each row when (old.token_generation < new.token_generation) execute function identity.note_revocation();
create trigger note_trust_gone after delete on identity.trusts
  for each row execute function identity.note_revocation();
create trigger note_token_revoked after insert on identity.revocations
  for each row execute function identity.note_revocation();
