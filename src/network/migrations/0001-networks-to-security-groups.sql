create schema network;
-- For exclusion constraints that mix `=` on a uuid with `&&` on a range. A trusted extension: an owner may create it.
create extension if not exists btree_gist with schema public;

-- VXLAN ids. A number comes back only after all others were used, so that a forgotten device of a deleted network
-- cannot meet a new network's.
create sequence network.segments as integer minvalue 1001 maxvalue 16777215 cycle;

create table network.networks (
  id uuid primary key,
  project_id text not null,
  name text not null,
  description text not null,
  admin_state_up boolean not null,
  shared boolean not null,
  external boolean not null,
  mtu integer not null,
  segment integer not null constraint networks_segment_taken unique,
  port_security_enabled boolean not null,
  dns_domain text not null,
  availability_zone_hints text[] not null default '{}',
  tags text[] not null default '{}',
  revision_number integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index networks_project on network.networks (project_id);

create table network.subnets (
  id uuid primary key,
  network_id uuid not null constraint subnets_network references network.networks,
  project_id text not null,
  name text not null,
  description text not null,
  ip_version smallint not null,
  cidr cidr not null,
  gateway_ip inet,
  enable_dhcp boolean not null,
  -- In the order of the user.
  dns_nameservers text[] not null,
  -- [{"destination": cidr, "nexthop": address}]
  host_routes jsonb not null,
  ipv6_address_mode text,
  ipv6_ra_mode text,
  tags text[] not null default '{}',
  revision_number integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint subnets_overlap exclude using gist (network_id with =, cidr inet_ops with &&)
);
create index subnets_project on network.subnets (project_id);

-- The ranges that automatic addresses come from; both ends are inclusive.
create table network.allocation_pools (
  subnet_id uuid not null references network.subnets on delete cascade,
  first_ip inet not null,
  last_ip inet not null,
  primary key (subnet_id, first_ip)
);

create table network.ports (
  id uuid primary key,
  network_id uuid not null constraint ports_network references network.networks,
  project_id text not null,
  name text not null,
  description text not null,
  admin_state_up boolean not null,
  status text not null,
  mac_address macaddr not null,
  device_id text not null,
  device_owner text not null,
  port_security_enabled boolean not null,
  -- [{"mac_address": mac, "ip_address": address or cidr}]
  allowed_address_pairs jsonb not null,
  -- [{"opt_name": name, "opt_value": value, "ip_version": 4 or 6}]
  extra_dhcp_opts jsonb not null,
  dns_name text not null,
  ip_allocation text not null,
  vnic_type text not null,
  binding_profile jsonb not null,
  -- What the API shows; an administrator may write it without a guest being there.
  binding_host text not null,
  -- The host whose plane holds this port's tap: written before the tap is made and cleared after it is gone.
  plugged_on text,
  -- The tap's name, once the plane has answered it.
  tap text,
  -- Of servers: made by the boot and removed with it; place among the server's cards; the device's tag.
  made_by_boot boolean not null default false,
  nic_index integer,
  nic_tag text,
  tags text[] not null default '{}',
  revision_number integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ports_mac_taken unique (network_id, mac_address)
);
create index ports_project on network.ports (project_id);
create index ports_device on network.ports (device_id) where device_id <> '';
create index ports_plugged on network.ports (plugged_on, network_id) where plugged_on is not null;
-- One DHCP port a network.
create unique index ports_dhcp on network.ports (network_id) where device_owner = 'network:dhcp';

-- Which address is whose. The primary key is what makes an address unique in its network.
create table network.ip_allocations (
  network_id uuid not null,
  ip_address inet not null,
  subnet_id uuid not null constraint ip_allocations_subnet references network.subnets,
  port_id uuid not null references network.ports on delete cascade,
  -- Order among the port's addresses.
  position smallint not null,
  constraint ip_allocations_taken primary key (network_id, ip_address)
);
create index ip_allocations_port on network.ip_allocations (port_id);
create index ip_allocations_subnet_address on network.ip_allocations (subnet_id, ip_address);

create table network.security_groups (
  id uuid primary key,
  project_id text not null,
  name text not null,
  description text not null,
  is_default boolean not null,
  tags text[] not null default '{}',
  revision_number integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index security_groups_project on network.security_groups (project_id);
create unique index security_groups_one_default on network.security_groups (project_id) where is_default;

create table network.security_group_rules (
  id uuid primary key,
  security_group_id uuid not null constraint security_group_rules_group
    references network.security_groups on delete cascade,
  project_id text not null,
  description text not null,
  direction text not null,
  ethertype text not null,
  protocol text,
  port_range_min integer,
  port_range_max integer,
  -- As the user wrote it: bits behind the prefix are kept.
  remote_ip_prefix inet,
  remote_group_id uuid constraint security_group_rules_remote_group
    references network.security_groups on delete cascade,
  -- What makes two rules the same; see rule-key.ts.
  rule_key text not null,
  tags text[] not null default '{}',
  revision_number integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint security_group_rules_same unique (security_group_id, rule_key)
);
create index security_group_rules_remote on network.security_group_rules (remote_group_id)
  where remote_group_id is not null;

create table network.port_security_groups (
  port_id uuid not null references network.ports on delete cascade,
  security_group_id uuid not null constraint security_groups_in_use references network.security_groups,
  primary key (port_id, security_group_id)
);
create index port_security_groups_group on network.port_security_groups (security_group_id);

-- Agents as they are listed: one of each type a host.
create table network.agents (
  id uuid primary key,
  host text not null,
  agent_type text not null,
  created_at timestamptz not null default now(),
  started_at timestamptz not null default now(),
  unique (host, agent_type)
);
