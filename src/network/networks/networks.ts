/** The rules of networks. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { Caller } from '../../http/caller.ts'
import { type NetworkId, newId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Planes } from '../plane/planes.ts'
import type { CreateOrder, UpdateOrder } from '../resources/attributes.ts'
import { inOrder, type Listing, markerIsUuid, refuseMarker } from '../resources/listing.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import type { Resource } from '../resources/resource-routes.ts'
import { refuseOtherRevision } from '../resources/revision.ts'
import { changeTags } from '../resources/tags.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import { networkAttributes } from './schemas.ts'
import * as store from './store.ts'
import type { NetworkChanges, NetworkRow, NewNetwork } from './store.ts'
import { viewNetwork } from './view.ts'

/** What an underlay of 1500 leaves of a frame after VXLAN over IPv4. */
export const DEFAULT_MTU = 1450
/** What IPv4 (RFC 791) and IPv6 (RFC 8200) need. */
const LEAST_MTU = { 4: 68, 6: 1280 } as const
const MAX_SEGMENT = 2 ** 24 - 1
export const ZONES: readonly string[] = ['nova']

type Order = CreateOrder<typeof networkAttributes>

export function networks(db: Database, planes: Planes): Resource<typeof networkAttributes, NetworkRow> {
  const get = async (caller: Caller, id: string) => {
    const [network] = isCanonicalUuid(id) ? await store.find(db, [id], caller) : []
    if (network === undefined) throw refusal('network.network.not-found', id.slice(0, 64))
    return network
  }

  return {
    singular: 'network',
    plural: 'networks',
    path: 'networks',
    attributes: networkAttributes,
    view: viewNetwork,
    target: ({ projectId, shared, external }) => ({ projectId, shared, external }),
    get,

    async list(caller, listing) {
      await refuseUnknownMarker(db, listing)
      return inOrder(await store.list(db, caller, listing), listing)
    },

    async targets(_caller, orders) {
      return orders.map((order) => ({ projectId: order.project_id }))
    },

    async create(_caller, orders) {
      const planned = orders.map(plan)
      return await withinQuota(() =>
        transaction(db, async (tx) => {
          for (const network of planned) await store.insert(tx, network)
          return inRequestOrder(
            planned,
            await store.find(
              tx,
              planned.map(({ id }) => id),
            ),
          )
        }),
      )
    },

    async update(caller, network, order, revision) {
      refuseOtherRevision(network, revision)
      const changes = changesOf(order)
      if (Object.keys(changes).length > 0) {
        await transaction(db, async (tx) => {
          if (network.shared && changes.shared === false && (await store.usedByOthers(tx, network.id))) {
            throw refusal('network.network.shared-in-use', network.name || network.id)
          }
          if (changes.mtu !== undefined) {
            const version = await store.highestIpVersion(tx, network.id)
            if (version !== undefined && changes.mtu < LEAST_MTU[version]) {
              throw refusal('network.network.mtu-too-small', network.id, LEAST_MTU[version])
            }
          }
          if (!(await store.update(tx, network.id, changes, revision))) throw await changedMeanwhile(network, revision)
        })
        if (['adminStateUp', 'external', 'mtu', 'dnsDomain'].some((name) => name in changes)) {
          await planes.networksChanged([network.id])
        }
      }
      return await get(caller, network.id)
    },

    async remove(_caller, network, revision) {
      refuseOtherRevision(network, revision)
      await transaction(db, async (tx) => {
        const ports = await store.portsOfUsers(tx, network.id)
        if (ports.length > 0) throw refusal('network.network.in-use', network.id, ports.join(', '))
        await store.removeDhcpPort(tx, network.id)
        if (!(await store.remove(tx, network.id, revision))) throw await changedMeanwhile(network, revision)
      })
    },

    changeTags: (network, change) => changeTags(db, 'network.networks', network.id, change),
  }
}

/** The networks of orders, in their order. @throws DomainError `network.network.not-found` */
export async function networksFor(db: Database, caller: Caller, ids: readonly string[]): Promise<NetworkRow[]> {
  const found = await store.find(db, [...new Set(ids)], caller)
  return ids.map((id) => {
    const network = found.find((each) => each.id === id)
    if (network === undefined) throw refusal('network.network.not-found', id)
    return network
  })
}

async function refuseUnknownMarker(db: Database, listing: Listing): Promise<void> {
  if (listing.marker === undefined) return
  if (!markerIsUuid(listing) || (await store.find(db, [listing.marker])).length === 0) refuseMarker(listing.marker)
}

async function changedMeanwhile(network: NetworkRow, revision: number | undefined) {
  return revision === undefined
    ? refusal('network.network.not-found', network.id)
    : refusal('network.revision.mismatch', revision, network.revisionNumber + 1)
}

function inRequestOrder(planned: readonly { id: string }[], rows: readonly NetworkRow[]): NetworkRow[] {
  return planned.map(({ id }) => rows.find((row) => row.id === id)!)
}

function plan(order: Order): NewNetwork {
  const segment = segmentOf(order)
  for (const zone of order.availability_zone_hints) {
    if (!ZONES.includes(zone)) throw refusal('network.availability-zone.not-found', zone)
  }
  return {
    id: newId<NetworkId>(),
    projectId: order.project_id,
    name: order.name,
    description: order.description,
    adminStateUp: order.admin_state_up,
    shared: order.shared,
    external: order['router:external'],
    mtu: mtuOf(order.mtu),
    ...(segment !== undefined && { segment }),
    portSecurityEnabled: order.port_security_enabled,
    dnsDomain: order.dns_domain,
    availabilityZoneHints: order.availability_zone_hints,
  }
}

/** All networks are VXLAN: other types are refused by name. */
function segmentOf(order: Order): number | undefined {
  const type = order['provider:network_type']
  const segment = order['provider:segmentation_id']
  const physical = order['provider:physical_network']
  if (type === undefined) {
    if (segment === undefined && physical == null) return undefined
    throw refusal('network.request.invalid-input', 'provider:network_type must be given with other provider attributes')
  }
  if (type !== 'vxlan') {
    throw refusal('network.request.invalid-input', `network_type value '${type}' is not supported; vxlan is`)
  }
  if (physical != null) {
    throw refusal('network.request.invalid-input', 'provider:physical_network does not go with a vxlan network')
  }
  if (segment !== undefined && (segment < 1 || segment > MAX_SEGMENT)) {
    throw refusal('network.request.invalid-input', `provider:segmentation_id is a number from 1 to ${MAX_SEGMENT}`)
  }
  return segment
}

/** 0 asks for the default. */
function mtuOf(asked: number | undefined): number {
  if (asked === undefined || asked === 0) return DEFAULT_MTU
  if (asked > DEFAULT_MTU) {
    throw refusal('network.request.invalid-input', `the MTU ${asked} is too big, the maximum is ${DEFAULT_MTU}`)
  }
  if (asked < LEAST_MTU[4]) {
    throw refusal('network.request.invalid-input', `the MTU ${asked} is too small, the minimum is ${LEAST_MTU[4]}`)
  }
  return asked
}

function changesOf(order: UpdateOrder<typeof networkAttributes>): NetworkChanges {
  return {
    ...(order.name !== undefined && { name: order.name }),
    ...(order.description !== undefined && { description: order.description }),
    ...(order.admin_state_up !== undefined && { adminStateUp: order.admin_state_up }),
    ...(order.shared !== undefined && { shared: order.shared }),
    ...(order['router:external'] !== undefined && { external: order['router:external'] }),
    ...(order.mtu !== undefined && { mtu: mtuOf(order.mtu) }),
    ...(order.port_security_enabled !== undefined && { portSecurityEnabled: order.port_security_enabled }),
    ...(order.dns_domain !== undefined && { dnsDomain: order.dns_domain }),
  }
}
