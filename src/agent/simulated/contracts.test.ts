/** The pretend host keeps the same promises as the real ones. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageId, type NetworkId, newId, type PortId, type ServerId } from '../../ids.ts'
import type { DiskSpec, InterfaceSpec } from '../contract.ts'
import { hypervisorContract } from '../hypervisor.contract.ts'
import { networkPlaneContract } from '../network-plane.contract.ts'
import { volumeBackendContract } from '../volume-backend.contract.ts'
import { openSimulatedAgent, openSimulatedBackend } from './index.ts'

hypervisorContract('the simulated driver', async () => {
  const agent = openSimulatedAgent({ host: 'contract' })
  const networkId = newId<NetworkId>()
  await agent.network.ensureNetwork({ id: networkId, mtu: 1450, segment: 1, hostIsGateway: false, subnets: [] })
  let macs = 0
  const aFile = async (device: string): Promise<DiskSpec> => {
    const disk = await agent.disks.ensureBlankDisk(newId<ServerId>(), device, 64)
    return { device, bus: 'virtio', kind: 'disk', source: { type: 'file', ...disk } }
  }
  const anInterface = async (): Promise<InterfaceSpec> => {
    const portId = newId<PortId>()
    const macAddress = `fa:16:3e:00:00:${(++macs).toString(16).padStart(2, '0')}`
    const { tap } = await agent.network.ensurePort({
      id: portId,
      networkId,
      macAddress,
      adminStateUp: true,
      fixedIps: [],
      allowedAddressPairs: [],
      portSecurity: true,
      rules: [],
      hostname: 'guest',
      extraDhcpOptions: [],
    })
    return { portId, macAddress, tap, mtu: 1450, model: 'virtio' }
  }
  const deaf = new Set<ServerId>()
  return {
    hypervisor: {
      ...agent.hypervisor,
      async start(id) {
        await agent.hypervisor.start(id)
        agent.guests.ignoreShutdown(id, deaf.has(id))
      },
    },
    async aDomain(kind) {
      const id = newId<ServerId>()
      if (kind === 'deaf') deaf.add(id)
      return {
        id,
        name: 'contract',
        projectId: 'contract',
        vcpus: 1,
        ramMiB: 64,
        disks: [await aFile('vda')],
        interfaces: [await anInterface()],
        hardware: {},
      }
    },
    aDisk: aFile,
    anInterface,
    async booted() {},
    plugged: async (id) => agent.plugged(id),
    async kill(id) {
      agent.guests.crash(id)
    },
    async [Symbol.asyncDispose]() {
      await agent.close()
    },
  }
})

volumeBackendContract('the simulated driver', async () => {
  const backend = openSimulatedBackend({ host: 'contract' })
  const volume = (id: string) => backend.snapshot().volumes.find((row) => row.id === id)
  return {
    backend,
    anImage: async () => ({ id: newId<ImageId>(), format: 'raw' }),
    sizeGiB: async (id) => volume(id)?.sizeGiB ?? 0,
    holdsImage: async (id, imageId) => volume(id)?.imageId === imageId,
    canConnect: async (connection) => backend.admits(connection),
    async [Symbol.asyncDispose]() {
      await backend.close()
    },
  }
})

networkPlaneContract(
  'the simulated driver',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'stratolith-simulated-'))
    let agent = openSimulatedAgent({ host: 'contract', dir })
    return {
      get plane() {
        return agent.network
      },
      async reopen() {
        await agent.close()
        agent = openSimulatedAgent({ host: 'contract', dir })
      },
      async standing() {
        const { taps, networks } = agent.snapshot()
        return { taps, networks: networks.length }
      },
      async [Symbol.asyncDispose]() {
        await agent.close()
        await rm(dir, { recursive: true, force: true })
      },
    }
  },
  { carriesPackets: false },
)
