/** A pretend back end of block storage: volumes are sizes, exports are rows. */
import { join } from 'node:path'
import { DomainError } from '../../domain-error.ts'
import type { ImageId, VolumeId } from '../../ids.ts'
import type { ExportOrder, VolumeBackend, VolumeConnection } from '../contract.ts'
import { Faults } from './faults.ts'
import { Journal } from './journal.ts'

export interface VolumeRow {
  readonly id: VolumeId
  readonly sizeGiB: number
  readonly imageId?: ImageId
  readonly copyOf?: VolumeId
}

export type BackendCall = `backend.${keyof VolumeBackend}`

export interface SimulatedBackend extends VolumeBackend {
  readonly faults: Faults<BackendCall>
  /** What is there now. */
  snapshot(): { readonly volumes: readonly VolumeRow[]; readonly exports: readonly ExportOrder[] }
  /** Whether a host would get in with this, by the exports that stand. */
  admits(connection: VolumeConnection): boolean
}

export interface SimulatedBackendOptions {
  readonly host: string
  /** Of the back end and of its pool; `simulated` if absent. */
  readonly name?: string
  readonly totalGiB?: number
  /** Where to remember; absent: nowhere. */
  readonly dir?: string
}

export function openSimulatedBackend({
  host,
  name = 'simulated',
  totalGiB = 1000,
  dir,
}: SimulatedBackendOptions): SimulatedBackend {
  const journal = new Journal(
    dir === undefined ? undefined : join(dir, `${encodeURIComponent(`${host}@${name}`)}.jsonl`),
  )
  const volumes = journal.table<VolumeRow>('volumes')
  const exported = journal.table<ExportOrder>('exports')
  const faults = new Faults<BackendCall>()

  const known = (id: VolumeId): VolumeRow => {
    const volume = volumes.get(id)
    if (volume === undefined)
      throw new DomainError('not-found', 'agent.volume.unknown', `There is no volume ${id} on ${host}@${name}.`)
    return volume
  }
  const freeGiB = () => volumes.values().reduce((free, volume) => free - volume.sizeGiB, totalGiB)
  const targetOf = (order: ExportOrder) => ({
    targetPortal: '127.0.0.1:3260',
    targetIqn: `iqn.2010-10.org.openstack:volume-${order.volumeId}`,
    targetLun: 1,
  })

  const backend: VolumeBackend = {
    name: `${host}@${name}#${name}`,
    async stats() {
      return {
        backendName: name,
        poolName: name,
        totalGiB,
        freeGiB: freeGiB(),
        thinProvisioning: true,
        maxOverSubscriptionRatio: 20,
        storageProtocol: 'iSCSI',
      }
    },
    async create(id, sizeGiB) {
      if (!volumes.has(id)) volumes.set(id, { id, sizeGiB })
    },
    async writeImage(id, image, signal) {
      signal?.throwIfAborted()
      volumes.set(id, { ...known(id), imageId: image.id })
    },
    async copy(from, to, sizeGiB) {
      const source = known(from)
      volumes.set(to, {
        id: to,
        sizeGiB: Math.max(sizeGiB, source.sizeGiB),
        copyOf: from,
        ...(source.imageId !== undefined && { imageId: source.imageId }),
      })
    },
    async extend(id, sizeGiB) {
      const volume = known(id)
      if (sizeGiB > volume.sizeGiB) volumes.set(id, { ...volume, sizeGiB })
    },
    async remove(id) {
      if (exported.has(id)) throw new DomainError('conflict', 'agent.volume.exported', `The volume ${id} is exported.`)
      volumes.delete(id)
    },
    async list() {
      return volumes.values().map((volume) => volume.id)
    },
    async ensureExport(order) {
      known(order.volumeId)
      exported.set(order.volumeId, order)
      return targetOf(order)
    },
    async removeExport(id) {
      exported.delete(id)
    },
    async reconcileExports(orders) {
      const wanted = new Set<string>(orders.map((order) => order.volumeId))
      for (const id of exported.keys()) if (!wanted.has(id)) exported.delete(id)
      for (const order of orders) {
        known(order.volumeId)
        exported.set(order.volumeId, order)
      }
    },
    async close() {},
  }
  return {
    ...faults.over('backend', backend),
    faults,
    snapshot: () => ({ volumes: volumes.values(), exports: exported.values() }),
    admits: (connection) =>
      exported
        .values()
        .some(
          (order) =>
            targetOf(order).targetIqn === connection.targetIqn &&
            order.initiators.includes(connection.initiator) &&
            order.authUsername === connection.authUsername &&
            order.authPassword === connection.authPassword,
        ),
  }
}
