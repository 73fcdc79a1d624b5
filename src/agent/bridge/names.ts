/**
 * What is ours on a host, and how it is called. Devices are named after resource ids within the 15 characters that the
 * kernel allows, as upstream's agents name theirs; the alias says which cloud a device belongs to, since several clouds
 * may share a machine.
 */
import { DomainError } from '../../domain-error.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const CLOUD_ID = /^[0-9a-f]{8}$/

/** The id as it is, if it may be part of a device's or file's name. @throws DomainError invalid `agent.network.invalid` */
export function checkedId(id: string): string {
  if (!UUID.test(id)) throw new DomainError('invalid', 'agent.network.invalid', `${JSON.stringify(id)} is not an id.`)
  return id
}

const short = (id: string) => checkedId(id).slice(0, 11)

export const tapOf = (portId: string) => `tap${short(portId)}`
export const bridgeOf = (networkId: string) => `brq${short(networkId)}`
/** The DHCP namespace's leg on the network's bridge. Not `tap…`: what is called so is a guest's and is filtered. */
export const dhcpLegOf = (networkId: string) => `dhc${short(networkId)}`
/** The DHCP namespace's leg on the cloud's metadata bridge. */
export const metadataLegOf = (networkId: string) => `mta${short(networkId)}`
export const namespaceOf = (networkId: string) => `qdhcp-${checkedId(networkId)}`

/** The legs' names inside the namespace. */
export const DHCP_LEG = 'dhcp0'
export const METADATA_LEG = 'meta0'

export interface CloudNames {
  readonly cloudId: string
  readonly table: string
  readonly metadataBridge: string
  /** The interface group of all ports of our bridges: how a frame's rules know that it is ours. */
  readonly group: number
  alias(kind: 'network' | 'port' | 'metadata', id?: string): string
  isOurs(alias: string | undefined): boolean
}

/** `cloudId` is 8 hex digits. */
export function cloudNames(cloudId: string): CloudNames {
  if (!CLOUD_ID.test(cloudId))
    throw new DomainError('invalid', 'agent.network.invalid', `${JSON.stringify(cloudId)} is not a cloud id.`)
  const prefix = `stratolith:${cloudId}:`
  return {
    cloudId,
    table: `stratolith_${cloudId}`,
    metadataBridge: `mdb-${cloudId}`,
    // iproute2 takes 31 bits; group 0 is everybody else's.
    group: Number.parseInt(cloudId, 16) & 0x7fff_ffff || 1,
    alias: (kind, id) => prefix + (id === undefined ? kind : `${kind}:${checkedId(id)}`),
    isOurs: (alias) => alias?.startsWith(prefix) === true,
  }
}
