/** Subnets and their allocation pools in SQL. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { NetworkId, PortId, ProjectId, SubnetId } from '../../ids.ts'
import { type Pool, showPool, type WrittenPool } from '../addresses/allocation-pools.ts'
import { parseAddress, parseCidr } from '../addresses/ip-address.ts'
import type { NetworkSubnet } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import { visibleNetworks } from '../networks/store.ts'
import type { Fragment } from '../resources/filters.ts'
import { behindMarker, type Listing, matching, ordered } from '../resources/listing.ts'
import { ofRevision } from '../resources/revision.ts'
import { type StandardRow, standardColumns } from '../resources/standard-attributes.ts'

export interface HostRoute {
  readonly destination: string
  readonly nexthop: string
}

export interface SubnetRow extends StandardRow {
  readonly id: SubnetId
  readonly name: string
  readonly networkId: NetworkId
  readonly ipVersion: 4 | 6
  readonly cidr: string
  readonly gatewayIp: string | null
  readonly enableDhcp: boolean
  readonly dnsNameservers: readonly string[]
  readonly hostRoutes: readonly HostRoute[]
  readonly ipv6AddressMode: Ipv6Mode | null
  readonly ipv6RaMode: Ipv6Mode | null
  readonly allocationPools: readonly WrittenPool[]
  readonly networkProjectId: ProjectId
  readonly networkShared: boolean
  readonly networkExternal: boolean
}

export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless'

const SOURCE = 'network.subnets s join network.networks n on n.id = s.network_id'
const POOLS = `coalesce((select json_agg(json_build_object('start', host(p.first_ip), 'end', host(p.last_ip))
  order by p.first_ip) from network.allocation_pools p where p.subnet_id = s.id), '[]'::json)`
const COLUMNS = `${standardColumns('s')}, s.name, s.network_id, s.ip_version, s.cidr::text as cidr,
  host(s.gateway_ip) as gateway_ip, s.enable_dhcp, s.dns_nameservers, s.host_routes, s.ipv6_address_mode,
  s.ipv6_ra_mode, ${POOLS} as allocation_pools, n.project_id as network_project_id, n.shared as network_shared,
  n.external as network_external`

/** Subnets that a caller may see: own ones, and those of networks that it may see. */
function visible(sql: Sql, caller: Caller): Fragment {
  const own = caller.roles.includes('reader') ? (caller.projectId ?? null) : null
  return sql`(s.project_id = ${own} or ${visibleNetworks(sql, caller)})`
}

export async function list(sql: Sql, caller: Caller, listing: Listing): Promise<readonly SubnetRow[]> {
  return await sql<SubnetRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${visible(sql, caller)} and ${matching(sql, listing)} and (${behindMarker(sql, listing, SOURCE)})
     ${ordered(sql, listing)}`
}

export async function find(sql: Sql, ids: readonly string[], caller?: Caller): Promise<readonly SubnetRow[]> {
  return await sql<SubnetRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where s.id = any(${ids as string[]}::uuid[]) and ${caller === undefined ? sql`true` : visible(sql, caller)}`
}

export interface NewSubnet {
  readonly id: SubnetId
  readonly networkId: NetworkId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string
  readonly ipVersion: 4 | 6
  readonly cidr: string
  readonly gatewayIp: string | null
  readonly enableDhcp: boolean
  readonly dnsNameservers: readonly string[]
  readonly hostRoutes: readonly HostRoute[]
  readonly ipv6AddressMode: Ipv6Mode | null
  readonly ipv6RaMode: Ipv6Mode | null
  readonly pools: readonly Pool[]
}

/** @throws DomainError `network.request.invalid-input` for an overlap; `network.network.not-found` */
export async function insert(tx: Transaction, subnet: NewSubnet): Promise<void> {
  try {
    await tx`
      insert into network.subnets (id, network_id, project_id, name, description, ip_version, cidr, gateway_ip,
        enable_dhcp, dns_nameservers, host_routes, ipv6_address_mode, ipv6_ra_mode)
      values (${subnet.id}, ${subnet.networkId}, ${subnet.projectId}, ${subnet.name}, ${subnet.description},
        ${subnet.ipVersion}, ${subnet.cidr}, ${subnet.gatewayIp}, ${subnet.enableDhcp},
        ${subnet.dnsNameservers as string[]}, ${tx.json(subnet.hostRoutes as never)}, ${subnet.ipv6AddressMode},
        ${subnet.ipv6RaMode})`
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'subnets_overlap') {
      throw refusal(
        'network.request.invalid-input',
        `the cidr ${subnet.cidr} overlaps with another subnet of network ${subnet.networkId}`,
      )
    }
    if (constraint === 'subnets_network') throw refusal('network.network.not-found', subnet.networkId)
    throw error
  }
  await insertPools(tx, subnet.id, subnet.ipVersion, subnet.pools)
}

async function insertPools(tx: Transaction, id: SubnetId, version: 4 | 6, pools: readonly Pool[]): Promise<void> {
  const written = pools.map((pool) => showPool(pool, version))
  await tx`
    insert into network.allocation_pools (subnet_id, first_ip, last_ip)
    select ${id}, pool.first_ip, pool.last_ip
      from unnest(${written.map(({ start }) => start)}::inet[], ${written.map(({ end }) => end)}::inet[])
        as pool(first_ip, last_ip)`
}

export async function replacePools(
  tx: Transaction,
  id: SubnetId,
  version: 4 | 6,
  pools: readonly Pool[],
): Promise<void> {
  await tx`delete from network.allocation_pools where subnet_id = ${id}`
  await insertPools(tx, id, version, pools)
}

export type SubnetChanges = Partial<
  Pick<NewSubnet, 'name' | 'description' | 'gatewayIp' | 'enableDhcp' | 'dnsNameservers' | 'hostRoutes'>
>

/** @returns whether the subnet was there, in the revision that is wanted */
export async function update(
  tx: Transaction,
  id: SubnetId,
  changes: SubnetChanges,
  revision: number | undefined,
): Promise<boolean> {
  const columns = {
    ...changes,
    updatedAt: tx`now()`,
    ...(changes.hostRoutes !== undefined && { hostRoutes: tx.json(changes.hostRoutes as never) }),
  }
  const written = await tx`
    update network.subnets set ${tx(columns as unknown as Record<string, string>)}, revision_number = revision_number + 1
     where id = ${id} and ${ofRevision(tx, revision)}`
  return written.count === 1
}

/** Frees the addresses of a subnet that keep nobody from deleting it: the DHCP port's, or with `all` everyone's. */
export async function freeAddresses(tx: Transaction, id: SubnetId, all: boolean): Promise<void> {
  await tx`
    delete from network.ip_allocations a using network.ports p
     where p.id = a.port_id and a.subnet_id = ${id} and (${all} or p.device_owner = 'network:dhcp')`
}

/** @throws DomainError `network.subnet.in-use` */
export async function remove(tx: Transaction, id: SubnetId, revision: number | undefined): Promise<boolean> {
  try {
    const gone = await tx`delete from network.subnets where id = ${id} and ${ofRevision(tx, revision)}`
    return gone.count === 1
  } catch (error) {
    if (violatedConstraint(error) === 'ip_allocations_subnet') throw refusal('network.subnet.in-use', id)
    throw error
  }
}

/** Ports that get an address of a new automatic subnet. */
export async function portsForAutomaticAddresses(
  tx: Transaction,
  networkId: NetworkId,
): Promise<readonly { id: PortId; macAddress: string; addresses: number }[]> {
  return await tx<{ id: PortId; macAddress: string; addresses: number }[]>`
    select p.id, p.mac_address, (select count(*)::integer from network.ip_allocations a where a.port_id = p.id) as addresses
      from network.ports p
     where p.network_id = ${networkId} and p.device_owner not like 'network:%'`
}

interface AddressingRow {
  readonly networkId: NetworkId
  readonly id: SubnetId
  readonly ipVersion: 4 | 6
  readonly cidr: string
  readonly enableDhcp: boolean
  readonly ipv6AddressMode: string | null
  readonly allocationPools: readonly WrittenPool[]
}

/** The subnets of networks as address allocation sees them, in order of making; a network without any is absent. */
export async function forAddressing(
  sql: Sql,
  networkIds: readonly NetworkId[],
): Promise<ReadonlyMap<NetworkId, readonly NetworkSubnet[]>> {
  const rows = await sql<AddressingRow[]>`
    select s.network_id, s.id, s.ip_version, s.cidr::text as cidr, s.enable_dhcp, s.ipv6_address_mode,
           ${sql.unsafe(POOLS)} as allocation_pools
      from network.subnets s where s.network_id = any(${networkIds as NetworkId[]}::uuid[])
     order by s.created_at, s.id`
  return Map.groupBy(
    rows.map((row) => ({ networkId: row.networkId, ...addressing(row) })),
    ({ networkId }) => networkId,
  )
}

/** From a row to numbers. */
export function addressing(row: Omit<AddressingRow, 'networkId'>): NetworkSubnet {
  return {
    id: row.id,
    ipVersion: row.ipVersion,
    cidr: parseCidr(row.cidr)!,
    enableDhcp: row.enableDhcp,
    ipv6AddressMode: row.ipv6AddressMode,
    pools: row.allocationPools.map(({ start, end }) => ({
      first: parseAddress(start)!.value,
      last: parseAddress(end)!.value,
    })),
  }
}
