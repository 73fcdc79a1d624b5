/**
 * The networks that a cloud begins with: `public`, whose gateway is the host, so that it reaches the guests and they
 * reach it; and `private`, of the project demo.
 */
import type { Database } from '../database/database.ts'
import { cloudItself } from '../http/caller.ts'
import type { NetworkId, ProjectId } from '../ids.ts'
import { parseCidr, showAddress } from './addresses/ip-address.ts'
import { refusal } from './errors.ts'
import type { Network } from './index.ts'
import { networkAttributes } from './networks/schemas.ts'
import { type NetworkRow, named } from './networks/store.ts'
import { readCreate } from './resources/attributes.ts'
import type { Resource } from './resources/resource-routes.ts'
import { subnetAttributes } from './subnets/schemas.ts'
import type { SubnetRow } from './subnets/store.ts'

/** Addresses of `public` below this one are for the host, and for those who set one by hand. */
const FIRST_PUBLIC = 10n

interface Rules {
  readonly db: Database
  readonly networks: Resource<typeof networkAttributes, NetworkRow>
  readonly subnets: Resource<typeof subnetAttributes, SubnetRow>
}

/** Makes what is missing. Repeating it changes nothing, and what people changed since stays changed. */
export async function ensureFirstNetworks(
  { db, networks, subnets }: Rules,
  order: Parameters<Network['bootstrap']>[0],
): Promise<{ publicId: NetworkId; privateId: NetworkId }> {
  const caller = cloudItself('req-bootstrap')

  const ensureNetwork = async (name: string, project: ProjectId, wishes: object): Promise<NetworkRow> => {
    const existing = await named(db, name, project)
    if (existing !== undefined) return existing
    const body = { name, project_id: project, ...wishes }
    const [made] = await networks.create(caller, [readCreate(networkAttributes, caller, body, 'network')])
    return made!
  }
  const ensureSubnet = async (network: NetworkRow, wishes: () => object): Promise<void> => {
    if (network.subnetIds.length > 0) return
    const body = { network_id: network.id, project_id: network.projectId, name: `${network.name}-subnet`, ...wishes() }
    await subnets.create(caller, [readCreate(subnetAttributes, caller, body, 'subnet')])
  }

  const publicNetwork = await ensureNetwork('public', order.adminProjectId, { 'router:external': true, shared: true })
  await ensureSubnet(publicNetwork, () => subnetOf(order.publicCidr(), FIRST_PUBLIC))
  const privateNetwork = await ensureNetwork('private', order.demoProjectId, {})
  await ensureSubnet(privateNetwork, () => subnetOf(order.privateCidr, undefined))
  return { publicId: publicNetwork.id, privateId: privateNetwork.id }
}

/** @param first the place of the first address to hand out; absent: all but the gateway */
function subnetOf(text: string, first: bigint | undefined): object {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw refusal('network.request.invalid-input', `'${text}' is not a valid IP subnet`)
  const at = (value: bigint) => showAddress({ version: cidr.version, value })
  const plain = { cidr: text, ip_version: cidr.version }
  if (first === undefined || cidr.last - cidr.first <= first + 1n) return plain
  return { ...plain, allocation_pools: [{ start: at(cidr.first + first), end: at(cidr.last - 1n) }] }
}
