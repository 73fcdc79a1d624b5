/** The rules of subnets. Shapes and sums are in plan.ts. */
import type { Database, Transaction } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { Caller } from '../../http/caller.ts'
import { allocate } from '../addresses/allocate.ts'
import { checkedPools, refuseGatewayInPools } from '../addresses/allocation-pools.ts'
import { eui64, parseAddress, parseCidr, showAddress } from '../addresses/ip-address.ts'
import { isAutomatic } from '../addresses/wishes.ts'
import { refusal } from '../errors.ts'
import { networksFor } from '../networks/networks.ts'
import { find as findNetworks, type NetworkRow } from '../networks/store.ts'
import type { Planes } from '../plane/planes.ts'
import { ensureDhcpPort } from '../ports/dhcp-port.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import type { UpdateOrder } from '../resources/attributes.ts'
import { inOrder, markerIsUuid, refuseMarker } from '../resources/listing.ts'
import type { Resource } from '../resources/resource-routes.ts'
import { refuseOtherRevision } from '../resources/revision.ts'
import { changeTags } from '../resources/tags.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import { gatewayOf, planSubnet, refuseDhcpOn, refuseHostRoutes, refuseNameservers } from './plan.ts'
import { subnetAttributes } from './schemas.ts'
import * as store from './store.ts'
import type { NewSubnet, SubnetChanges, SubnetRow } from './store.ts'
import { viewSubnet } from './view.ts'

const LEAST_IPV6_MTU = 1280

export function subnets(db: Database, planes: Planes): Resource<typeof subnetAttributes, SubnetRow> {
  const get = async (caller: Caller, id: string) => {
    const [subnet] = isCanonicalUuid(id) ? await store.find(db, [id], caller) : []
    if (subnet === undefined) throw refusal('network.subnet.not-found', id.slice(0, 64))
    return subnet
  }

  return {
    singular: 'subnet',
    plural: 'subnets',
    path: 'subnets',
    attributes: subnetAttributes,
    view: viewSubnet,
    target: targetOf,
    get,

    async list(caller, listing) {
      if (listing.marker !== undefined) {
        if (!markerIsUuid(listing) || (await store.find(db, [listing.marker])).length === 0)
          refuseMarker(listing.marker)
      }
      return inOrder(await store.list(db, caller, listing), listing)
    },

    async targets(caller, orders) {
      const networks = await networksFor(
        db,
        caller,
        orders.map((order) => order.network_id),
      )
      return orders.map((order, index) => ({ projectId: order.project_id, ...networkTarget(networks[index]!) }))
    },

    async create(_caller, orders) {
      const planned = orders.map(planSubnet)
      const networkIds = [...new Set(planned.map(({ networkId }) => networkId))]
      const made = await withinQuota(() =>
        transaction(db, async (tx) => {
          for (const network of await findNetworks(tx, networkIds)) {
            refuseSmallMtu(
              network,
              planned.filter(({ networkId }) => networkId === network.id),
            )
          }
          for (const subnet of planned) {
            await store.insert(tx, subnet)
            await giveAutomaticAddresses(tx, subnet)
          }
          for (const id of networkIds) await ensureDhcpPort(tx, id)
          const rows = await store.find(
            tx,
            planned.map(({ id }) => id),
          )
          return planned.map(({ id }) => rows.find((row) => row.id === id)!)
        }),
      )
      await planes.networksChanged(networkIds)
      return made
    },

    async update(caller, subnet, order, revision) {
      refuseOtherRevision(subnet, revision)
      const cidr = parseCidr(subnet.cidr)!
      const changes = changesOf(order, subnet)
      const gatewayText = changes.gatewayIp === undefined ? subnet.gatewayIp : changes.gatewayIp
      const gateway = gatewayText === null ? undefined : parseAddress(gatewayText)
      const pools =
        order.allocation_pools === undefined ? undefined : checkedPools(order.allocation_pools, cidr, gateway)
      if (pools === undefined && changes.gatewayIp !== undefined) {
        const current = subnet.allocationPools.map(({ start, end }) => ({
          first: parseAddress(start)!.value,
          last: parseAddress(end)!.value,
        }))
        refuseGatewayInPools(current, cidr, gateway)
      }
      if (Object.keys(changes).length === 0 && pools === undefined) return subnet
      await transaction(db, async (tx) => {
        if (!(await store.update(tx, subnet.id, changes, revision))) throw changedMeanwhile(subnet, revision)
        if (pools !== undefined) await store.replacePools(tx, subnet.id, subnet.ipVersion, pools)
        if (changes.enableDhcp !== undefined) await ensureDhcpPort(tx, subnet.networkId)
      })
      await planes.networksChanged([subnet.networkId])
      return await get(caller, subnet.id)
    },

    async remove(_caller, subnet, revision) {
      refuseOtherRevision(subnet, revision)
      const automatic = subnet.ipv6AddressMode === 'slaac' || subnet.ipv6AddressMode === 'dhcpv6-stateless'
      await transaction(db, async (tx) => {
        await store.freeAddresses(tx, subnet.id, automatic)
        if (!(await store.remove(tx, subnet.id, revision))) throw changedMeanwhile(subnet, revision)
        await ensureDhcpPort(tx, subnet.networkId)
      })
      await planes.networksChanged([subnet.networkId])
    },

    changeTags: (subnet, change) => changeTags(db, 'network.subnets', subnet.id, change),
  }
}

function targetOf(subnet: SubnetRow) {
  return {
    projectId: subnet.projectId,
    networkProjectId: subnet.networkProjectId,
    shared: subnet.networkShared,
    external: subnet.networkExternal,
  }
}

function networkTarget({ projectId, shared, external }: NetworkRow) {
  return { networkProjectId: projectId, shared, external }
}

function refuseSmallMtu(network: NetworkRow, planned: readonly NewSubnet[]): void {
  if (network.mtu < LEAST_IPV6_MTU && planned.some(({ ipVersion }) => ipVersion === 6)) {
    throw refusal('network.network.mtu-too-small', network.id, LEAST_IPV6_MTU)
  }
}

/** Ports that were there before an automatic subnet get their address of it. */
async function giveAutomaticAddresses(tx: Transaction, subnet: NewSubnet): Promise<void> {
  const cidr = parseCidr(subnet.cidr)!
  if (!isAutomatic({ ...subnet, cidr })) return
  const ports = await store.portsForAutomaticAddresses(tx, subnet.networkId)
  await allocate(
    tx,
    ports.map(({ id, macAddress, addresses }) => ({
      portId: id,
      networkId: subnet.networkId,
      position: addresses,
      wish: { subnetId: subnet.id, ipAddress: showAddress(eui64(cidr, macAddress)) },
    })),
  )
}

function changedMeanwhile(subnet: SubnetRow, revision: number | undefined) {
  return revision === undefined
    ? refusal('network.subnet.not-found', subnet.id)
    : refusal('network.revision.mismatch', revision, subnet.revisionNumber + 1)
}

function changesOf(order: UpdateOrder<typeof subnetAttributes>, subnet: SubnetRow): SubnetChanges {
  const cidr = parseCidr(subnet.cidr)!
  if (order.enable_dhcp === true && !subnet.enableDhcp) refuseDhcpOn(cidr)
  if (order.enable_dhcp === false && (subnet.ipv6AddressMode !== null || subnet.ipv6RaMode !== null)) {
    throw refusal('network.request.invalid-input', 'enable_dhcp stays while the subnet has IPv6 modes')
  }
  if (order.dns_nameservers !== undefined) refuseNameservers(order.dns_nameservers, cidr)
  if (order.host_routes !== undefined) refuseHostRoutes(order.host_routes, cidr)
  const gateway = order.gateway_ip === undefined ? undefined : gatewayOf(order.gateway_ip, cidr)
  return {
    ...(order.name !== undefined && { name: order.name }),
    ...(order.description !== undefined && { description: order.description }),
    ...(order.gateway_ip !== undefined && { gatewayIp: gateway === undefined ? null : showAddress(gateway) }),
    ...(order.enable_dhcp !== undefined && { enableDhcp: order.enable_dhcp }),
    ...(order.dns_nameservers !== undefined && { dnsNameservers: order.dns_nameservers }),
    ...(order.host_routes !== undefined && { hostRoutes: order.host_routes }),
  }
}
