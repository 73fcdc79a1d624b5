/** Ports of servers in SQL. */
import { type Sql, type Transaction, violatedConstraint } from '../../database/database.ts'
import type { HostName, NetworkId, PortId, ProjectId, SecurityGroupId, ServerId } from '../../ids.ts'
import type { WrittenPool } from '../addresses/allocation-pools.ts'
import { refusal } from '../errors.ts'
import type { BoundPort } from '../index.ts'

/** Networks that a server of the project may be on without naming one. */
export async function networksForServers(sql: Sql, projectId: ProjectId): Promise<readonly NetworkId[]> {
  const rows = await sql<{ id: NetworkId }[]>`
    select id from network.networks where project_id = ${projectId} or shared order by created_at, id limit 2`
  return rows.map(({ id }) => id)
}

export async function addressInUse(sql: Sql, networkId: NetworkId, ipAddress: string): Promise<boolean> {
  const [row] = await sql<{ used: boolean }[]>`
    select exists (select from network.ip_allocations where network_id = ${networkId} and ip_address = ${ipAddress}) as used`
  return row!.used
}

export interface NicToHold {
  readonly portId: PortId
  readonly networkId: NetworkId
  readonly made: boolean
  readonly macAddress: string
  readonly index: number
  readonly tag: string | null
  readonly securityGroupIds: readonly string[]
}

export interface Holder {
  readonly serverId: ServerId
  readonly serverName: string
  readonly hostname: string
  readonly projectId: ProjectId
  readonly host: HostName
  readonly deviceOwner: string
}

export interface HeldNic {
  readonly portId: PortId
  /** False: another device has the port, the port is gone, or a drawn MAC address is taken. */
  readonly held: boolean
  readonly exists: boolean
  readonly networkExists: boolean
  readonly macAddress: string
  readonly hasAddress: boolean
  readonly wasPluggedOn: HostName | null
  readonly subnets: readonly {
    readonly id: never
    readonly ipVersion: 4 | 6
    readonly cidr: string
    readonly enableDhcp: boolean
    readonly ipv6AddressMode: string | null
    readonly allocationPools: readonly WrittenPool[]
  }[]
}

/**
 * Makes the ports that the boot makes and takes those that exist, in one statement, and says what is needed to give
 * them addresses. A port that the server holds already stays as it is, apart from its host.
 */
export async function hold(tx: Transaction, holder: Holder, nics: readonly NicToHold[]): Promise<readonly HeldNic[]> {
  try {
    return await tx<HeldNic[]>`
      with nic as (
        select * from jsonb_to_recordset(${tx.json(nics as never)}::jsonb) as nic("portId" uuid, "networkId" uuid,
          made boolean, "macAddress" macaddr, index integer, tag text, "securityGroupIds" uuid[])
      ), before as (
        select p.id, p.plugged_on, p.device_id, p.mac_address from network.ports p join nic on nic."portId" = p.id for update of p
      ), added as (
        insert into network.ports (id, network_id, project_id, name, description, admin_state_up, status, mac_address,
          device_id, device_owner, port_security_enabled, allowed_address_pairs, extra_dhcp_opts, dns_name,
          ip_allocation, vnic_type, binding_profile, binding_host, plugged_on, made_by_boot, nic_index, nic_tag)
        select nic."portId", nic."networkId", ${holder.projectId}, '', '', true, 'BUILD', nic."macAddress",
          ${holder.serverId}, ${holder.deviceOwner}, n.port_security_enabled, '[]', '[]', ${holder.hostname},
          'immediate', 'normal', '{}', ${holder.host}, ${holder.host}, true, nic.index, nic.tag
          from nic join network.networks n on n.id = nic."networkId"
         where nic.made and nic."portId" not in (select id from before)
        on conflict do nothing
        returning id, port_security_enabled
      ), grouped as (
        insert into network.port_security_groups (port_id, security_group_id)
        select added.id, member.id from added join nic on nic."portId" = added.id, unnest(nic."securityGroupIds") as member(id)
         where added.port_security_enabled
      ), taken as (
        update network.ports p
           set device_id = ${holder.serverId}, device_owner = ${holder.deviceOwner}, binding_host = ${holder.host},
               plugged_on = ${holder.host}, status = 'BUILD', nic_index = nic.index, nic_tag = nic.tag,
               dns_name = case when p.dns_name = '' then ${holder.hostname} else p.dns_name end,
               revision_number = p.revision_number + 1, updated_at = now()
          from nic
         where p.id = nic."portId" and p.device_id in ('', ${holder.serverId})
        returning p.id
      )
      select nic."portId" as port_id,
             nic."portId" in (select id from added union all select id from taken) as held,
             before.id is not null as exists,
             n.id is not null as network_exists,
             coalesce(before.mac_address, nic."macAddress") as mac_address,
             exists (select from network.ip_allocations a where a.port_id = nic."portId") as has_address,
             before.plugged_on as was_plugged_on,
             (select coalesce(json_agg(json_build_object('id', s.id, 'ipVersion', s.ip_version, 'cidr', s.cidr::text,
                 'enableDhcp', s.enable_dhcp, 'ipv6AddressMode', s.ipv6_address_mode, 'allocationPools', (
                   select coalesce(json_agg(json_build_object('start', host(p.first_ip), 'end', host(p.last_ip))
                     order by p.first_ip), '[]'::json)
                     from network.allocation_pools p where p.subnet_id = s.id))
                 order by s.created_at, s.id), '[]'::json)
                from network.subnets s where s.network_id = nic."networkId") as subnets
        from nic
        left join before on before.id = nic."portId"
        left join network.networks n on n.id = nic."networkId"
       order by nic.index`
  } catch (error) {
    if (violatedConstraint(error) === 'security_groups_in_use') {
      throw refusal('network.security-group.not-found', 'of the server')
    }
    throw error
  }
}

interface BoundRow extends BoundPort {
  readonly serverId: ServerId
}

const BOUND = `
  p.device_id as server_id, p.id as port_id, p.network_id, n.name as network_name, p.mac_address,
  coalesce(p.tap, '') as tap, n.mtu, p.vnic_type, p.status, p.made_by_boot as made, p.nic_tag as tag,
  (select coalesce(json_agg(json_build_object('id', g.id, 'name', g.name) order by g.name, g.id), '[]'::json)
     from network.port_security_groups m join network.security_groups g on g.id = m.security_group_id
    where m.port_id = p.id) as security_groups,
  (select coalesce(json_agg(json_strip_nulls(json_build_object('ipAddress', host(a.ip_address), 'subnetId', s.id,
       'cidr', s.cidr::text, 'ipVersion', s.ip_version, 'gatewayIp', host(s.gateway_ip),
       'dnsNameservers', s.dns_nameservers, 'hostRoutes', s.host_routes, 'enableDhcp', s.enable_dhcp,
       'ipv6AddressMode', s.ipv6_address_mode)) order by a.position), '[]'::json)
     from network.ip_allocations a join network.subnets s on s.id = a.subnet_id where a.port_id = p.id) as fixed_ips`

/** Ports are wired: what the hosts answered is written down, and the whole is read for the boot. */
export async function wired(
  sql: Sql,
  serverId: ServerId,
  taps: ReadonlyMap<PortId, string>,
): Promise<readonly BoundRow[]> {
  const rows = await sql<(BoundRow & { newStatus: BoundPort['status'] | null; newTap: string | null })[]>`
    with told as (
      select * from unnest(${[...taps.keys()]}::uuid[], ${[...taps.values()]}::text[]) as told(id, tap)
    ), up as (
      update network.ports p set tap = told.tap, status = case when p.admin_state_up then 'ACTIVE' else 'DOWN' end
        from told where p.id = told.id and p.device_id = ${serverId}
      returning p.id, p.status, p.tap
    )
    select ${sql.unsafe(BOUND)}, up.status as new_status, up.tap as new_tap
      from network.ports p join network.networks n on n.id = p.network_id left join up on up.id = p.id
     where p.device_id = ${serverId} and p.device_owner like 'compute:%' order by p.nic_index, p.created_at, p.id`
  return rows.map(({ newStatus, newTap, ...row }) => ({
    ...row,
    ...(newStatus !== null && { status: newStatus }),
    ...(newTap !== null && { tap: newTap }),
  }))
}

export async function boundPorts(sql: Sql, serverIds: readonly ServerId[]): Promise<readonly BoundRow[]> {
  return await sql<BoundRow[]>`
    select ${sql.unsafe(BOUND)}
      from network.ports p join network.networks n on n.id = p.network_id
     where p.device_id = any(${serverIds as ServerId[]}::text[]) and p.device_owner like 'compute:%'
     order by p.nic_index, p.created_at, p.id`
}

export interface ServerPort {
  readonly id: PortId
  readonly networkId: NetworkId
  readonly pluggedOn: HostName | null
  readonly securityGroupIds: readonly SecurityGroupId[]
}

export async function portsOfServer(sql: Sql, serverId: ServerId, portId?: PortId): Promise<readonly ServerPort[]> {
  return await sql<ServerPort[]>`
    select p.id, p.network_id, p.plugged_on,
           array(select m.security_group_id from network.port_security_groups m where m.port_id = p.id) as security_group_ids
      from network.ports p
     where p.device_id = ${serverId} and p.device_owner like 'compute:%'
       and ${portId === undefined ? sql`true` : sql`p.id = ${portId}`}
     order by p.id`
}

/** Removes ports that the boot made and frees the others. */
export async function letGo(sql: Sql, serverId: ServerId, ids: readonly PortId[]): Promise<void> {
  await sql`
    with gone as (
      delete from network.ports where id = any(${ids as PortId[]}::uuid[]) and device_id = ${serverId} and made_by_boot
    )
    update network.ports
       set device_id = '', device_owner = '', binding_host = '', plugged_on = null, tap = null, status = 'DOWN',
           nic_index = null, nic_tag = null, dns_name = '', revision_number = revision_number + 1, updated_at = now()
     where id = any(${ids as PortId[]}::uuid[]) and device_id = ${serverId} and not made_by_boot`
}

export async function serverOf(sql: Sql, portId: PortId): Promise<ServerId | undefined> {
  const [row] = await sql<{ deviceId: ServerId }[]>`
    select device_id from network.ports where id = ${portId} and device_owner like 'compute:%' and device_id <> ''`
  return row?.deviceId
}

/** @returns the ports that did not have the group yet */
export async function addGroup(sql: Sql, serverId: ServerId, groupId: string): Promise<readonly PortId[]> {
  const rows = await sql<{ portId: PortId }[]>`
    insert into network.port_security_groups (port_id, security_group_id)
    select id, ${groupId} from network.ports
     where device_id = ${serverId} and device_owner like 'compute:%' and port_security_enabled
    on conflict do nothing
    returning port_id`
  return rows.map(({ portId }) => portId)
}

/** @returns the ports that had the group */
export async function removeGroup(sql: Sql, serverId: ServerId, groupId: string): Promise<readonly PortId[]> {
  const rows = await sql<{ portId: PortId }[]>`
    delete from network.port_security_groups m using network.ports p
     where m.port_id = p.id and m.security_group_id = ${groupId}
       and p.device_id = ${serverId} and p.device_owner like 'compute:%'
    returning m.port_id`
  return rows.map(({ portId }) => portId)
}
