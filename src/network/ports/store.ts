/** Ports and their security groups in SQL. Addresses are taken in addresses/allocate.ts. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { HostName, NetworkId, PortId, ProjectId, SecurityGroupId } from '../../ids.ts'
import type { FixedIp } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import type { Fragment } from '../resources/filters.ts'
import { behindMarker, type Listing, matching, ordered } from '../resources/listing.ts'
import { ofRevision } from '../resources/revision.ts'
import { type StandardRow, standardColumns } from '../resources/standard-attributes.ts'

export interface AddressPair {
  readonly mac_address: string
  readonly ip_address: string
}

export interface DhcpOption {
  readonly opt_name: string
  readonly opt_value: string
  readonly ip_version: 4 | 6
}

export interface PortRow extends StandardRow {
  readonly id: PortId
  readonly name: string
  readonly networkId: NetworkId
  readonly adminStateUp: boolean
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD'
  readonly macAddress: string
  readonly deviceId: string
  readonly deviceOwner: string
  readonly portSecurityEnabled: boolean
  readonly allowedAddressPairs: readonly AddressPair[]
  readonly extraDhcpOpts: readonly DhcpOption[]
  readonly dnsName: string
  readonly ipAllocation: 'immediate' | 'none'
  readonly vnicType: string
  readonly bindingProfile: Readonly<Record<string, unknown>>
  readonly bindingHost: string
  readonly pluggedOn: HostName | null
  readonly fixedIps: readonly FixedIp[]
  readonly securityGroupIds: readonly SecurityGroupId[]
  readonly networkProjectId: ProjectId
  readonly networkShared: boolean
  readonly networkExternal: boolean
}

const SOURCE = 'network.ports p join network.networks n on n.id = p.network_id'
export const FIXED_IPS = `coalesce((select json_agg(json_build_object('subnetId', a.subnet_id, 'ipAddress', host(a.ip_address))
  order by a.position) from network.ip_allocations a where a.port_id = p.id), '[]'::json)`
const COLUMNS = `${standardColumns('p')}, p.name, p.network_id, p.admin_state_up, p.status, p.mac_address, p.device_id,
  p.device_owner, p.port_security_enabled, p.allowed_address_pairs, p.extra_dhcp_opts, p.dns_name, p.ip_allocation,
  p.vnic_type, p.binding_profile, p.binding_host, p.plugged_on, ${FIXED_IPS} as fixed_ips,
  array(select g.security_group_id from network.port_security_groups g where g.port_id = p.id
    order by g.security_group_id) as security_group_ids,
  n.project_id as network_project_id, n.shared as network_shared, n.external as network_external`

/** Ports that a caller may see: own ones, and all of its own networks. */
function visible(sql: Sql, caller: Caller): Fragment {
  if (caller.isAdmin || caller.roles.includes('service')) return sql`true`
  const own = caller.roles.includes('reader') ? (caller.projectId ?? null) : null
  return sql`(p.project_id = ${own} or n.project_id = ${own})`
}

export async function list(sql: Sql, caller: Caller, listing: Listing): Promise<readonly PortRow[]> {
  return await sql<PortRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where ${visible(sql, caller)} and ${matching(sql, listing)} and (${behindMarker(sql, listing, SOURCE)})
     ${ordered(sql, listing)}`
}

export async function find(sql: Sql, ids: readonly string[], caller?: Caller): Promise<readonly PortRow[]> {
  return await sql<PortRow[]>`
    select ${sql.unsafe(COLUMNS)} from ${sql.unsafe(SOURCE)}
     where p.id = any(${ids as string[]}::uuid[]) and ${caller === undefined ? sql`true` : visible(sql, caller)}`
}

export interface NewPort {
  readonly id: PortId
  readonly networkId: NetworkId
  readonly projectId: ProjectId
  readonly name: string
  readonly description: string
  readonly adminStateUp: boolean
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD'
  readonly macAddress: string
  readonly deviceId: string
  readonly deviceOwner: string
  readonly portSecurityEnabled: boolean
  readonly allowedAddressPairs: readonly AddressPair[]
  readonly extraDhcpOpts: readonly DhcpOption[]
  readonly dnsName: string
  readonly ipAllocation: 'immediate' | 'none'
  readonly vnicType: string
  readonly bindingProfile: Readonly<Record<string, unknown>>
  readonly bindingHost: string
  readonly tags: readonly string[]
  readonly securityGroupIds: readonly string[]
}

/**
 * Ports with their security groups, in one statement. A port whose MAC address is taken on its network is left out.
 * @returns the ids of those that were written
 * @throws DomainError `network.security-group.not-found`, `network.network.not-found`
 */
export async function insert(tx: Transaction, ports: readonly NewPort[]): Promise<readonly PortId[]> {
  try {
    const rows = await tx<{ id: PortId }[]>`
      with new as (
        select * from jsonb_to_recordset(${tx.json(ports as never)}::jsonb) as new(
          id uuid, "networkId" uuid, "projectId" text, name text, description text, "adminStateUp" boolean, status text,
          "macAddress" macaddr, "deviceId" text, "deviceOwner" text, "portSecurityEnabled" boolean,
          "allowedAddressPairs" jsonb, "extraDhcpOpts" jsonb, "dnsName" text, "ipAllocation" text, "vnicType" text,
          "bindingProfile" jsonb, "bindingHost" text, tags text[], "securityGroupIds" uuid[])
      ), added as (
        insert into network.ports (id, network_id, project_id, name, description, admin_state_up, status, mac_address,
          device_id, device_owner, port_security_enabled, allowed_address_pairs, extra_dhcp_opts, dns_name,
          ip_allocation, vnic_type, binding_profile, binding_host, tags)
        select id, "networkId", "projectId", name, description, "adminStateUp", status, "macAddress", "deviceId",
          "deviceOwner", "portSecurityEnabled", "allowedAddressPairs", "extraDhcpOpts", "dnsName", "ipAllocation",
          "vnicType", "bindingProfile", "bindingHost", tags from new
        on conflict on constraint ports_mac_taken do nothing
        returning id
      ), grouped as (
        insert into network.port_security_groups (port_id, security_group_id)
        select added.id, member.id from added join new using (id), unnest(new."securityGroupIds") as member(id)
      )
      select id from added`
    return rows.map(({ id }) => id)
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'security_groups_in_use') throw refusal('network.security-group.not-found', 'of the port')
    if (constraint === 'ports_network') throw refusal('network.network.not-found', ports[0]!.networkId)
    throw error
  }
}

export type PortChanges = Partial<Omit<NewPort, 'id' | 'networkId' | 'projectId' | 'securityGroupIds' | 'tags'>>

/**
 * @returns whether the port was there, in the revision that is wanted
 * @throws DomainError `network.port.mac-in-use`
 */
export async function update(
  tx: Transaction,
  port: { readonly id: PortId; readonly networkId: NetworkId },
  changes: PortChanges,
  revision: number | undefined,
): Promise<boolean> {
  const json = (value: unknown) => tx.json(value as never)
  const columns = {
    ...changes,
    updatedAt: tx`now()`,
    ...(changes.allowedAddressPairs !== undefined && { allowedAddressPairs: json(changes.allowedAddressPairs) }),
    ...(changes.extraDhcpOpts !== undefined && { extraDhcpOpts: json(changes.extraDhcpOpts) }),
    ...(changes.bindingProfile !== undefined && { bindingProfile: json(changes.bindingProfile) }),
  }
  try {
    const written = await tx`
      update network.ports set ${tx(columns as unknown as Record<string, string>)}, revision_number = revision_number + 1
       where id = ${port.id} and ${ofRevision(tx, revision)}`
    return written.count === 1
  } catch (error) {
    if (violatedConstraint(error) === 'ports_mac_taken') {
      throw refusal('network.port.mac-in-use', port.networkId, changes.macAddress!)
    }
    throw error
  }
}

export async function dropAddresses(tx: Transaction, id: PortId, addresses: readonly string[]): Promise<void> {
  if (addresses.length === 0) return
  await tx`
    delete from network.ip_allocations
     where port_id = ${id} and ip_address = any(${addresses as string[]}::inet[])`
}

/** @throws DomainError `network.security-group.not-found` */
export async function replaceSecurityGroups(tx: Transaction, id: PortId, groupIds: readonly string[]): Promise<void> {
  await tx`delete from network.port_security_groups where port_id = ${id}`
  if (groupIds.length === 0) return
  try {
    await tx`
      insert into network.port_security_groups (port_id, security_group_id)
      select ${id}, id from unnest(${groupIds as string[]}::uuid[]) as member(id)`
  } catch (error) {
    if (violatedConstraint(error) === 'security_groups_in_use') {
      throw refusal('network.security-group.not-found', groupIds.join(', '))
    }
    throw error
  }
}

/** Its addresses and memberships go with it. */
export async function remove(tx: Transaction, id: PortId, revision: number | undefined): Promise<boolean> {
  const gone = await tx`delete from network.ports where id = ${id} and ${ofRevision(tx, revision)}`
  return gone.count === 1
}

/** Which of the groups a port of the project may have; an administrator may use anyone's. */
export async function usableGroups(
  sql: Sql,
  ids: readonly string[],
  caller: Caller,
  projectId: ProjectId,
): Promise<ReadonlySet<string>> {
  const rows = await sql<{ id: string }[]>`
    select id from network.security_groups
     where id = any(${ids as string[]}::uuid[]) and (${caller.isAdmin} or project_id = ${projectId})`
  return new Set(rows.map(({ id }) => id))
}

interface DhcpPort {
  readonly networkProjectId: ProjectId
  readonly id: PortId | null
  readonly macAddress: string | null
  readonly fixedIps: readonly FixedIp[]
}

/** The DHCP port of a network, if it has one; absent for a network that is gone. */
export async function dhcpPortOf(tx: Transaction, networkId: NetworkId): Promise<DhcpPort | undefined> {
  const [row] = await tx<DhcpPort[]>`
    select n.project_id as network_project_id, p.id, p.mac_address, ${tx.unsafe(FIXED_IPS)} as fixed_ips
      from network.networks n
      left join network.ports p on p.network_id = n.id and p.device_owner = 'network:dhcp'
     where n.id = ${networkId}`
  return row
}
