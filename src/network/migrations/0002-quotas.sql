-- Quotas are counted by triggers, so that no way of adding or removing a resource (bulk, cascade, boot) can miss the
-- count, and enforced where it is counted: the counter's row is locked until the transaction ends, so two requests
-- cannot both take the last place.

-- Limits where a project has none of its own; -1 is unlimited. Source: neutron/conf/quota.py.
create table network.quota_defaults (
  resource text primary key,
  max_count integer not null
);
insert into network.quota_defaults (resource, max_count) values
  ('network', 100), ('subnet', 100), ('port', 500), ('security_group', 10), ('security_group_rule', 100);

create table network.quotas (
  project_id text not null,
  resource text not null references network.quota_defaults,
  max_count integer not null,
  primary key (project_id, resource)
);

create table network.quota_usages (
  project_id text not null,
  resource text not null,
  used integer not null,
  primary key (project_id, resource)
);

-- Resources that the cloud makes for itself are counted, as upstream counts them, but never refused.
create function network.count_added() returns trigger language plpgsql as $$
declare
  project record;
  now_used integer;
  allowed integer;
begin
  for project in execute format('select project_id, count(*)::integer as added, count(*) filter (where %s) as asked_for
    from added group by project_id order by project_id', tg_argv[1]) loop
    insert into network.quota_usages as usage (project_id, resource, used)
      values (project.project_id, tg_argv[0], project.added)
      on conflict (project_id, resource) do update set used = usage.used + excluded.used
      returning used into now_used;
    continue when project.asked_for = 0;
    select coalesce(own.max_count, preset.max_count) into allowed
      from network.quota_defaults preset
      left join network.quotas own on own.resource = preset.resource and own.project_id = project.project_id
     where preset.resource = tg_argv[0];
    if allowed >= 0 and now_used > allowed then
      raise exception 'over quota' using errcode = 'check_violation', constraint = 'quota_' || tg_argv[0];
    end if;
  end loop;
  return null;
end $$;

create function network.count_removed() returns trigger language plpgsql as $$
begin
  update network.quota_usages usage set used = usage.used - gone.count
    from (select project_id, count(*)::integer as count from removed group by project_id) gone
   where usage.project_id = gone.project_id and usage.resource = tg_argv[0];
  return null;
end $$;

create trigger count_added after insert on network.networks referencing new table as added
  for each statement execute function network.count_added('network', 'true');
create trigger count_removed after delete on network.networks referencing old table as removed
  for each statement execute function network.count_removed('network');

create trigger count_added after insert on network.subnets referencing new table as added
  for each statement execute function network.count_added('subnet', 'true');
create trigger count_removed after delete on network.subnets referencing old table as removed
  for each statement execute function network.count_removed('subnet');

create trigger count_added after insert on network.ports referencing new table as added
  for each statement execute function network.count_added('port', 'device_owner <> ''network:dhcp''');
create trigger count_removed after delete on network.ports referencing old table as removed
  for each statement execute function network.count_removed('port');

create trigger count_added after insert on network.security_groups referencing new table as added
  for each statement execute function network.count_added('security_group', 'not is_default');
create trigger count_removed after delete on network.security_groups referencing old table as removed
  for each statement execute function network.count_removed('security_group');

create trigger count_added after insert on network.security_group_rules referencing new table as added
  for each statement execute function network.count_added('security_group_rule', 'true');
create trigger count_removed after delete on network.security_group_rules referencing old table as removed
  for each statement execute function network.count_removed('security_group_rule');
