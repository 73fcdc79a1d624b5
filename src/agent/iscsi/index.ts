/**
 * Block storage on this machine: sparse files, exported over iSCSI with CHAP by a tgtd of this cloud's own. Guests
 * connect through QEMU's own iSCSI client, so no kernel module is needed.
 */
import type { Logger } from 'pino'
import { DomainError } from '../../domain-error.ts'
import type { VolumeId } from '../../ids.ts'
import type { ExportOrder, ImageSource, VolumeBackend } from '../contract.ts'
import { openTargets, targetIqn, VOLUME_LUN } from './targets.ts'
import { openTgtDaemon } from './tgt-daemon.ts'
import { openVolumeFiles } from './volume-files.ts'

export { findTgtd } from './tgt-daemon.ts'

export interface FileBackend extends VolumeBackend {
  /** Ends all exports and tgtd, for `stratolith down`. Volumes stay. */
  removeEverything(): Promise<void>
}

export interface FileBackendOptions {
  /** Everything of this back end lies here: volumes, the control socket, the port it had. */
  readonly dir: string
  readonly host: string
  readonly cloudId: string
  /** Where tgtd listens: `127.0.0.1:0` unless given; port 0 is a free one, remembered in `dir`. */
  readonly portal?: string
  readonly images: ImageSource
  readonly log: Logger
}

/** Files take room as they are written, so more may be promised than there is. */
const MAX_OVER_SUBSCRIPTION = 20

/** Adopts a tgtd that runs; one that does not is started with the first export. */
export async function openFileBackend(options: FileBackendOptions): Promise<FileBackend> {
  const { dir, host, cloudId, images } = options
  // Commas part the parameters of tgtd's requests, and there is no way to quote one.
  if (dir.includes(',')) throw new Error(`a directory of volumes may not have a comma in its path: ${dir}`)
  const log = options.log.child({ backend: 'file' })
  const files = await openVolumeFiles(dir, images)
  const daemon = await openTgtDaemon({ dir, cloudId, portal: options.portal ?? '127.0.0.1:0', log })
  const targets = openTargets(daemon.socketPath)

  /** What should be exported, as far as this process was told. */
  const exported = new Map<VolumeId, ExportOrder>()

  /** One change of targets at a time: each compares what is there with what should be. */
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }

  /** Runs; and when it had to be started, everything that was exported is again. */
  const running = async () => {
    const { started } = await daemon.ensureRunning()
    if (started) for (const order of exported.values()) await exportNow(order)
    daemon.watch(() => inTurn(running))
  }

  const exportNow = async (order: ExportOrder) => {
    await files.mustExist(order.volumeId)
    await targets.ensure(order, files.path(order.volumeId))
  }

  return {
    name: `${host}@file#file`,

    async stats() {
      return {
        backendName: 'file',
        poolName: 'file',
        ...(await files.room()),
        thinProvisioning: true,
        maxOverSubscriptionRatio: MAX_OVER_SUBSCRIPTION,
        storageProtocol: 'iSCSI',
      }
    },

    create: (id, sizeGiB) => files.create(id, sizeGiB),
    writeImage: (id, image, signal) => files.writeImage(id, image, signal),
    copy: (from, to, sizeGiB) => files.copy(from, to, sizeGiB),

    async extend(id, sizeGiB) {
      await files.grow(id, sizeGiB)
      await inTurn(async () => {
        if (await daemon.isRunning()) await targets.rereadSize(id)
      })
    },

    async remove(id) {
      await inTurn(async () => {
        if ((await daemon.isRunning()) && (await targets.isExported(id))) {
          throw new DomainError('conflict', 'agent.volume.exported', `The volume ${id} is exported.`)
        }
        await files.remove(id)
      })
    },

    list: () => files.list(),

    async ensureExport(order) {
      await files.mustExist(order.volumeId)
      await inTurn(async () => {
        await running()
        await exportNow(order)
        exported.set(order.volumeId, order)
      })
      return { targetPortal: daemon.portal(), targetIqn: targetIqn(order.volumeId), targetLun: VOLUME_LUN }
    },

    async removeExport(id) {
      await inTurn(async () => {
        exported.delete(id)
        if (await daemon.isRunning()) await targets.remove(id)
      })
    },

    async reconcileExports(orders) {
      await inTurn(async () => {
        exported.clear()
        if (orders.length === 0 && !(await daemon.isRunning())) return
        await running()
        await targets.removeOthers(orders.map((order) => order.volumeId))
        const failed: unknown[] = []
        for (const order of orders) {
          try {
            await exportNow(order)
            exported.set(order.volumeId, order)
          } catch (error) {
            // One file that is gone does not keep the others' guests waiting.
            log.error({ err: error, volume: order.volumeId }, 'volume cannot be exported')
            failed.push(error)
          }
        }
        if (failed.length > 0) throw new AggregateError(failed, `${failed.length} volumes cannot be exported`)
      })
    },

    async close() {
      await daemon.endWatch()
      await inTurn(async () => {
        // Guests keep it; without any it would stay for nothing.
        if ((await daemon.isRunning()) && (await targets.count()) === 0) await daemon.stop()
      })
    },

    async removeEverything() {
      await daemon.endWatch()
      await inTurn(async () => {
        exported.clear()
        if (!(await daemon.isRunning())) return
        await targets.removeAll()
        await daemon.stop()
      })
    },
  }
}
