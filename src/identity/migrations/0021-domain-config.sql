-- Options of a domain's identity driver, as the API keeps them: upstream's database stores them for domain-specific
-- drivers, and nothing here has those.
create table identity.domain_config (
  domain_id text not null references identity.projects on delete cascade,
  option_group text not null,
  option text not null,
  value jsonb not null,
  -- Written, and never shown.
  sensitive boolean not null,
  primary key (domain_id, option_group, option)
);
