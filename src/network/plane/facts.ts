/**
 * What hosts must know of plugged ports, read in one statement: the ports, their networks, the rules of their security
 * groups, and the addresses of the groups that those rules speak of.
 */
import type { Sql } from '../../database/database.ts'
import type { HostName, NetworkId, PortId, SecurityGroupId, SubnetId } from '../../ids.ts'
import type { AddressPair, DhcpOption } from '../ports/store.ts'
import type { Fragment } from '../resources/filters.ts'
import type { HostRoute, Ipv6Mode } from '../subnets/store.ts'

export interface PlaneFacts {
  readonly networks: readonly NetworkFacts[]
  readonly ports: readonly PortFacts[]
  readonly rules: readonly RuleFacts[]
  readonly members: readonly MemberFacts[]
}

export interface NetworkFacts {
  readonly id: NetworkId
  readonly mtu: number
  readonly segment: number
  readonly external: boolean
  readonly adminStateUp: boolean
  readonly subnets: readonly SubnetFacts[]
  /** Absent without a DHCP port. */
  readonly dhcp: { readonly portId: PortId; readonly macAddress: string; readonly addresses: readonly string[] } | null
}

export interface SubnetFacts {
  readonly id: SubnetId
  readonly cidr: string
  readonly ipVersion: 4 | 6
  readonly gatewayIp: string | null
  readonly enableDhcp: boolean
  readonly dnsNameservers: readonly string[]
  readonly hostRoutes: readonly HostRoute[]
  readonly ipv6AddressMode: Ipv6Mode | null
  readonly ipv6RaMode: Ipv6Mode | null
}

export interface PortFacts {
  readonly id: PortId
  readonly networkId: NetworkId
  readonly pluggedOn: HostName
  readonly macAddress: string
  readonly adminStateUp: boolean
  readonly portSecurity: boolean
  readonly allowedAddressPairs: readonly AddressPair[]
  readonly extraDhcpOpts: readonly DhcpOption[]
  readonly dnsName: string
  readonly fixedIps: readonly { readonly subnetId: SubnetId; readonly ipAddress: string }[]
  readonly groupIds: readonly SecurityGroupId[]
}

export interface RuleFacts {
  readonly groupId: SecurityGroupId
  readonly direction: 'ingress' | 'egress'
  readonly ethertype: 'IPv4' | 'IPv6'
  readonly protocol: string | null
  readonly portMin: number | null
  readonly portMax: number | null
  readonly remotePrefix: string | null
  readonly remoteGroupId: SecurityGroupId | null
}

/** Those whose ports are plugged somewhere: nobody else can send. */
export interface MemberFacts {
  readonly groupId: SecurityGroupId
  /** Addresses and, from allowed address pairs, networks. */
  readonly addresses: readonly string[]
}

/** Which plugged ports are meant, by the alias `p`. */
export const scope = {
  all: (sql: Sql): Fragment => sql`true`,
  host: (sql: Sql, host: HostName): Fragment => sql`p.plugged_on = ${host}`,
  ports: (sql: Sql, ids: readonly string[]): Fragment => sql`p.id = any(${ids as string[]}::uuid[])`,
  networks: (sql: Sql, ids: readonly string[]): Fragment => sql`p.network_id = any(${ids as string[]}::uuid[])`,
  /** Ports in one of the groups. */
  inGroups: (sql: Sql, ids: readonly string[]): Fragment => sql`p.id in (
    select port_id from network.port_security_groups where security_group_id = any(${ids as string[]}::uuid[]))`,
  /** Ports in a group with a rule that speaks of one of these. */
  speakingOf: (sql: Sql, ids: readonly string[]): Fragment => sql`p.id in (
    select m.port_id from network.port_security_groups m
      join network.security_group_rules r on r.security_group_id = m.security_group_id
     where r.remote_group_id = any(${ids as string[]}::uuid[]))`,
}

/** One network with its subnets and its DHCP port, by the alias `n`. */
const NETWORK = `json_build_object(
  'id', n.id, 'mtu', n.mtu, 'segment', n.segment, 'external', n.external, 'adminStateUp', n.admin_state_up,
  'subnets', (
    select coalesce(json_agg(json_build_object('id', s.id, 'cidr', s.cidr::text, 'ipVersion', s.ip_version,
        'gatewayIp', host(s.gateway_ip), 'enableDhcp', s.enable_dhcp, 'dnsNameservers', s.dns_nameservers,
        'hostRoutes', s.host_routes, 'ipv6AddressMode', s.ipv6_address_mode, 'ipv6RaMode', s.ipv6_ra_mode)
      order by s.created_at, s.id), '[]'::json)
      from network.subnets s where s.network_id = n.id),
  'dhcp', (
    select json_build_object('portId', d.id, 'macAddress', d.mac_address, 'addresses', (
        select coalesce(json_agg(host(a.ip_address) order by a.position), '[]'::json)
          from network.ip_allocations a where a.port_id = d.id))
      from network.ports d where d.network_id = n.id and d.device_owner = 'network:dhcp'))`

export async function loadNetwork(sql: Sql, id: NetworkId): Promise<NetworkFacts | undefined> {
  const [row] = await sql<{ network: NetworkFacts }[]>`
    select ${sql.unsafe(NETWORK)} as network from network.networks n where n.id = ${id}`
  return row?.network
}

/** The plugged ports that are meant, and where. */
export async function pluggedPorts(
  sql: Sql,
  which: Fragment,
): Promise<readonly { readonly id: PortId; readonly pluggedOn: HostName }[]> {
  return await sql<{ id: PortId; pluggedOn: HostName }[]>`
    select p.id, p.plugged_on from network.ports p where p.plugged_on is not null and ${which}`
}

export async function loadFacts(sql: Sql, which: Fragment): Promise<PlaneFacts> {
  const [facts] = await sql<[PlaneFacts]>`
    with wanted as materialized (
      select p.* from network.ports p where p.plugged_on is not null and ${which}
    ), grouped as materialized (
      select g.port_id, g.security_group_id from network.port_security_groups g join wanted on wanted.id = g.port_id
    ), rules as materialized (
      select r.* from network.security_group_rules r
       where r.security_group_id in (select security_group_id from grouped)
    ), remote as materialized (
      select m.security_group_id, m.port_id, p.allowed_address_pairs
        from network.port_security_groups m join network.ports p on p.id = m.port_id
       where m.security_group_id in (select remote_group_id from rules) and p.plugged_on is not null
    ), member as (
      select remote.security_group_id, host(a.ip_address) as address
        from remote join network.ip_allocations a on a.port_id = remote.port_id
      union
      select remote.security_group_id, pair ->> 'ip_address'
        from remote, jsonb_array_elements(remote.allowed_address_pairs) as pair
    )
    select
      (select coalesce(json_agg(${sql.unsafe(NETWORK)}
        order by n.id), '[]'::json)
         from network.networks n where n.id in (select network_id from wanted)) as networks,
      (select coalesce(json_agg(json_build_object(
          'id', p.id, 'networkId', p.network_id, 'pluggedOn', p.plugged_on, 'macAddress', p.mac_address,
          'adminStateUp', p.admin_state_up, 'portSecurity', p.port_security_enabled,
          'allowedAddressPairs', p.allowed_address_pairs, 'extraDhcpOpts', p.extra_dhcp_opts, 'dnsName', p.dns_name,
          'fixedIps', (
            select coalesce(json_agg(json_build_object('subnetId', a.subnet_id, 'ipAddress', host(a.ip_address))
              order by a.position), '[]'::json)
              from network.ip_allocations a where a.port_id = p.id),
          'groupIds', (
            select coalesce(json_agg(g.security_group_id order by g.security_group_id), '[]'::json)
              from grouped g where g.port_id = p.id))
        order by p.id), '[]'::json)
         from wanted p) as ports,
      (select coalesce(json_agg(json_build_object(
          'groupId', r.security_group_id, 'direction', r.direction, 'ethertype', r.ethertype, 'protocol', r.protocol,
          'portMin', r.port_range_min, 'portMax', r.port_range_max,
          'remotePrefix', network(r.remote_ip_prefix)::text, 'remoteGroupId', r.remote_group_id)
        order by r.rule_key), '[]'::json)
         from rules r) as rules,
      (select coalesce(json_agg(of_group), '[]'::json) from (
        select json_build_object('groupId', m.security_group_id, 'addresses', json_agg(m.address order by m.address)) as of_group
          from member m group by m.security_group_id) as members) as members`
  return facts
}

/** Whether a host still has ports of a network. */
export async function hostHasNetwork(sql: Sql, host: HostName, networkId: NetworkId): Promise<boolean> {
  const [row] = await sql<{ there: boolean }[]>`
    select exists (select from network.ports where plugged_on = ${host} and network_id = ${networkId}) as there`
  return row!.there
}
