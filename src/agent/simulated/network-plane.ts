/** A pretend network plane: what was asked for is remembered, so that it can be compared with what should be. */
import { DomainError } from '../../domain-error.ts'
import type { NetworkPlane, NetworkSpec, PortSpec } from '../contract.ts'
import type { Table } from './journal.ts'

/** The name of a port's tap: what fits into 15 characters, as upstream's agents name it. */
const tapOf = (portId: string) => `tap${portId.slice(0, 11)}`

export interface PortRow extends PortSpec {
  readonly tap: string
}

export function simulateNetworkPlane(networks: Table<NetworkSpec>, ports: Table<PortRow>): NetworkPlane {
  const ensurePort = (port: PortSpec) => {
    if (!networks.has(port.networkId))
      throw new DomainError(
        'invalid',
        'agent.network.unknown',
        `The network ${port.networkId} of port ${port.id} is not on this host.`,
      )
    const tap = tapOf(port.id)
    ports.set(port.id, { ...port, tap })
    return { tap }
  }
  return {
    async ensureNetwork(network) {
      networks.set(network.id, network)
    },
    async ensurePort(port) {
      return ensurePort(port)
    },
    async removePort(portId) {
      ports.delete(portId)
    },
    async removeNetwork(networkId) {
      if (ports.values().some((port) => port.networkId === networkId))
        throw new DomainError('conflict', 'agent.network.in-use', `The network ${networkId} has ports on this host.`)
      networks.delete(networkId)
    },
    async reconcile(wantedNetworks, wantedPorts) {
      const portIds = new Set<string>(wantedPorts.map((port) => port.id))
      for (const id of ports.keys()) if (!portIds.has(id)) ports.delete(id)
      const networkIds = new Set<string>(wantedNetworks.map((network) => network.id))
      for (const id of networks.keys()) if (!networkIds.has(id)) networks.delete(id)
      for (const network of wantedNetworks) networks.set(network.id, network)
      for (const port of wantedPorts) ensurePort(port)
    },
    portOfMetadataPeer: () => undefined,
    metadataAddress: () => undefined,
  }
}
