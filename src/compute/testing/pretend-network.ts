/** A network service for compute's own tests: ports in memory, plugged on simulated hosts. */
import { DomainError } from '../../domain-error.ts'
import { newId, type NetworkId, type PortId, type ServerId } from '../../ids.ts'
import type { Agents } from '../../agent/contract.ts'
import type { BoundPort, Network } from '../../network/index.ts'

interface PretendPort extends BoundPort {
  readonly serverId: ServerId
  readonly host: string
}

export const PRIVATE = 'bbbbbbbb-0000-4000-8000-000000000001' as NetworkId

export interface PretendNetwork extends Network {
  readonly ports: Map<PortId, PretendPort>
  /** Ports that users have made, free to be named. */
  readonly free: Set<PortId>
}

export function pretendNetwork(agents: Agents): PretendNetwork {
  const ports = new Map<PortId, PretendPort>()
  const free = new Set<PortId>()
  let drawn = 0
  const groups = (names: readonly string[]) =>
    (names.length === 0 ? ['default'] : names).map((name) => ({ id: newIdOf(name), name }))
  const unbind = async (port: PretendPort) => {
    await agents.on(port.host as never).network.removePort(port.portId)
    ports.delete(port.portId)
    if (!port.made) free.add(port.portId)
  }
  const network: Pick<
    PretendNetwork,
    'plan' | 'bindPorts' | 'unbindPorts' | 'unbindPort' | 'portsOf' | 'serverOfPort' | 'ports' | 'free'
  > = {
    ports,
    free,
    async plan(_caller, wish) {
      if (wish.networks === 'none') return []
      const nics = wish.networks === 'auto' ? [{ networkId: PRIVATE as string }] : wish.networks
      return nics.map((nic) => {
        if (nic.portId !== undefined && !free.has(nic.portId as PortId))
          throw new DomainError('not-found', 'network.port.not-found', `Port ${nic.portId} could not be found.`)
        if (nic.portId === undefined && nic.networkId !== PRIVATE)
          throw new DomainError(
            'not-found',
            'network.network.not-found',
            `Network ${nic.networkId} could not be found.`,
          )
        return {
          portId: (nic.portId ?? newId()) as PortId,
          networkId: PRIVATE,
          made: nic.portId === undefined,
          securityGroupIds: wish.securityGroups as string[],
          ...(nic.fixedIp !== undefined && { fixedIp: nic.fixedIp }),
          ...(nic.tag !== undefined && { tag: nic.tag }),
        }
      })
    },
    async bindPorts({ serverId, hostname, host, nics }) {
      const plane = agents.on(host).network
      await plane.ensureNetwork({ id: PRIVATE, mtu: 1450, segment: 7, hostIsGateway: false, subnets: [] })
      for (const nic of nics) {
        const there = ports.get(nic.portId)
        if (there !== undefined && there.host !== host) await unbind(there)
        const macAddress = there?.macAddress ?? `fa:16:3e:00:00:${(++drawn % 256).toString(16).padStart(2, '0')}`
        const ipAddress = nic.fixedIp ?? there?.fixedIps[0]?.ipAddress ?? `10.0.${drawn >> 8}.${drawn % 256}`
        const { tap } = await plane.ensurePort({
          id: nic.portId,
          networkId: PRIVATE,
          macAddress,
          adminStateUp: true,
          fixedIps: [{ subnetId: 'subnet', ipAddress }],
          allowedAddressPairs: [],
          portSecurity: true,
          rules: [],
          hostname,
          extraDhcpOptions: [],
        })
        free.delete(nic.portId)
        ports.set(nic.portId, {
          portId: nic.portId,
          networkId: PRIVATE,
          networkName: 'private',
          macAddress,
          tap,
          mtu: 1450,
          vnicType: 'normal',
          status: 'ACTIVE',
          made: nic.made,
          securityGroups: groups(nic.securityGroupIds),
          fixedIps: [
            {
              ipAddress,
              subnetId: 'cccccccc-0000-4000-8000-000000000001',
              cidr: '10.0.0.0/16',
              ipVersion: 4,
              gatewayIp: '10.0.0.1',
              dnsNameservers: [],
              hostRoutes: [],
              enableDhcp: true,
            },
          ],
          ...(nic.tag !== undefined && { tag: nic.tag }),
          serverId,
          host,
        })
      }
      return [...ports.values()].filter((port) => port.serverId === serverId)
    },
    async unbindPorts(serverId) {
      for (const port of [...ports.values()]) if (port.serverId === serverId) await unbind(port)
    },
    async unbindPort(serverId, portId) {
      const port = ports.get(portId)
      if (port?.serverId === serverId) await unbind(port)
    },
    async portsOf(serverIds) {
      return Map.groupBy(
        [...ports.values()].filter((port) => serverIds.includes(port.serverId)),
        (port) => port.serverId,
      )
    },
    async serverOfPort(portId) {
      return ports.get(portId)?.serverId
    },
  }
  return network as PretendNetwork
}

function newIdOf(name: string): string {
  return `group-${name}`
}
