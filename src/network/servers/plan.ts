/**
 * What a server asks for, settled before anything is written: which networks and ports, and whether they may be had.
 * Source: nova/network/neutron.py validate_networks, _get_available_networks.
 */
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { type NetworkId, newId, type PortId, type ProjectId } from '../../ids.ts'
import { parseAddress, showAddress } from '../addresses/ip-address.ts'
import { type NetworkSubnet, wishesFor } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import type { NicPlan, NicRequest, NicWish } from '../index.ts'
import { find as findNetworks, type NetworkRow } from '../networks/store.ts'
import { POLICIES } from '../policies.ts'
import { find as findPorts, type PortRow } from '../ports/store.ts'
import * as quotas from '../quotas/store.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import { ensureDefaultGroup } from '../security-groups/default-group.ts'
import { namedIn } from '../security-groups/store.ts'
import { forAddressing } from '../subnets/store.ts'
import * as store from './store.ts'

/** @throws DomainError for whatever cannot be had; see index.ts */
export async function planNics(db: Database, caller: Caller, wish: NicWish): Promise<readonly NicPlan[]> {
  const projectId = caller.projectId
  if (wish.networks === 'none' || projectId === undefined) return []
  const requests = wish.networks === 'auto' ? await theOneNetwork(db, projectId) : wish.networks
  if (requests.length === 0) return []
  const networks = await requestedNetworks(db, caller, requests)
  const ports = await requestedPorts(db, caller, projectId, requests)
  const subnets = await forAddressing(db, [...networks.keys()])
  const groupIds = requests.some(({ portId }) => portId === undefined)
    ? (await usableGroups(db, projectId, wish.securityGroups)).map(({ id }) => id)
    : []
  const nics: NicPlan[] = []
  for (const request of requests) {
    const tag = request.tag === undefined ? {} : { tag: request.tag }
    if (request.portId !== undefined) {
      const { id, networkId } = ports.get(request.portId)!
      nics.push({ portId: id, networkId, made: false, securityGroupIds: [], ...tag })
      continue
    }
    const network = networks.get(request.networkId as NetworkId)!
    const fixedIp = await fixedIpOf(db, caller, request, network, subnets.get(network.id) ?? [])
    nics.push({
      portId: newId<PortId>(),
      networkId: network.id,
      made: true,
      securityGroupIds: network.portSecurityEnabled ? groupIds : [],
      ...(fixedIp !== undefined && { fixedIp }),
      ...tag,
    })
  }
  await refuseOverQuota(db, projectId, nics.filter(({ made }) => made).length)
  return nics
}

/** The project's own networks and shared ones: one of them is taken, of several none can be chosen. */
async function theOneNetwork(db: Database, projectId: ProjectId): Promise<readonly NicRequest[]> {
  const ids = await store.networksForServers(db, projectId)
  if (ids.length > 1) throw refusal('network.network.ambiguous')
  return ids.map((networkId) => ({ networkId }))
}

async function requestedNetworks(
  db: Database,
  caller: Caller,
  requests: readonly NicRequest[],
): Promise<ReadonlyMap<NetworkId, NetworkRow>> {
  const ids = requests.flatMap(({ networkId, portId }) =>
    networkId === undefined || portId !== undefined ? [] : [networkId],
  )
  if (requests.some(({ networkId, portId }) => networkId === undefined && portId === undefined)) {
    throw refusal('network.request.malformed', 'a network interface needs a network or a port')
  }
  const found = new Map(
    (await findNetworks(db, ids.filter(isCanonicalUuid), caller)).map((network) => [network.id, network]),
  )
  for (const id of ids) {
    const network = found.get(id.toLowerCase() as NetworkId)
    if (network === undefined) throw refusal('network.network.not-found', id)
    found.set(id as NetworkId, network)
    const foreign = network.projectId !== caller.projectId && !network.shared
    if (foreign && !caller.isAdmin) {
      if (network.external) throw refusal('network.network.external', id)
      throw refusal('network.network.not-found', id)
    }
    if (network.subnetIds.length === 0) throw refusal('network.network.no-subnet', id)
  }
  return found
}

async function requestedPorts(
  db: Database,
  caller: Caller,
  projectId: ProjectId,
  requests: readonly NicRequest[],
): Promise<ReadonlyMap<string, PortRow>> {
  const ids = requests.flatMap(({ portId }) => (portId === undefined ? [] : [portId]))
  const found = new Map<string, PortRow>(
    (await findPorts(db, ids.filter(isCanonicalUuid), caller)).map((port) => [port.id, port]),
  )
  for (const [index, id] of ids.entries()) {
    const port = found.get(id.toLowerCase())
    if (port === undefined || (port.projectId !== projectId && !caller.isAdmin))
      throw refusal('network.port.not-found', id)
    found.set(id, port)
    if (port.deviceId !== '') throw refusal('network.port.in-use', id, port.deviceId)
    if (ids.indexOf(id) !== index) throw refusal('network.port.in-use', id, 'the same server')
    if (port.fixedIps.length === 0) throw refusal('network.port.no-address', id)
  }
  return found
}

/** The address asked for, once it is known that it can be had. */
async function fixedIpOf(
  db: Database,
  caller: Caller,
  { fixedIp }: NicRequest,
  network: NetworkRow,
  subnets: readonly NetworkSubnet[],
): Promise<string | undefined> {
  if (fixedIp === undefined) return undefined
  const address = parseAddress(fixedIp)
  if (address === undefined) throw refusal('network.address.not-of-network', fixedIp.slice(0, 64))
  const text = showAddress(address)
  authorize(POLICIES, 'create_port:fixed_ips:ip_address', caller, {
    projectId: caller.projectId,
    networkProjectId: network.projectId,
    shared: network.shared,
  })
  // A MAC address is not drawn yet, so of an automatic subnet nothing can be chosen.
  wishesFor(subnets, [{ ip_address: text }], {
    networkId: network.id,
    macAddress: '00:00:00:00:00:00',
    deviceOwner: 'compute:',
  })
  if (await store.addressInUse(db, network.id, text)) throw refusal('network.address.in-use', network.id, text)
  return text
}

/** Groups of the project by name or id; without any, its default one. @throws DomainError `network.security-group.not-found` */
export async function usableGroups(
  db: Database,
  projectId: ProjectId,
  namesOrIds: readonly string[],
): Promise<readonly { id: string; name: string }[]> {
  const defaultId = await ensureDefaultGroup(db, projectId)
  const wanted = [...new Set(namesOrIds)]
  if (wanted.length === 0) return [{ id: defaultId, name: 'default' }]
  const found = await namedIn(db, projectId, wanted)
  const chosen = wanted.map((nameOrId) => {
    const byId = found.find(({ id }) => id === nameOrId)
    if (byId !== undefined) return byId
    const [first, second] = found.filter(({ name }) => name === nameOrId)
    if (first === undefined) throw refusal('network.security-group.not-found', nameOrId.slice(0, 255))
    if (second !== undefined) throw refusal('network.security-group.ambiguous', nameOrId)
    return first
  })
  return [...new Map(chosen.map((group) => [group.id, group])).values()]
}

async function refuseOverQuota(db: Database, projectId: ProjectId, more: number): Promise<void> {
  if (more === 0) return
  const port = (await quotas.ofProject(db, projectId)).find(({ resource }) => resource === 'port')!
  if (port.limit >= 0 && port.used + more > port.limit) throw refusal('network.quota.exceeded', 'port')
}
