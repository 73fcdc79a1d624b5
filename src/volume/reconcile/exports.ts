/**
 * The gardener of exports: every export that should be there is, and no other; volumes on a back end that no row knows
 * are reported. At start, on a clock, and without input, so that its one path is the tested one.
 */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import { wantedExports } from '../attachments/store.ts'
import type { Backends } from '../backends.ts'
import type { Messages } from '../messages/messages.ts'
import { knownSnapshots } from '../snapshots/store.ts'
import { findVolumes } from '../volumes/store.ts'

export interface ExportGardener {
  reconcile(): Promise<void>
  close(): Promise<void>
}

interface Parts {
  readonly db: Database
  readonly backends: Backends
  readonly messages: Messages
  readonly log: Logger
}

const EVERY_MS = 60_000

export function openExportGardener({ db, backends, messages, log }: Parts): ExportGardener {
  let clock: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined

  /** One back end's trouble is not another's. */
  const eachBackend = async () => {
    for (const backend of backends.all()) {
      try {
        await tend(backend.name)
      } catch (error) {
        log.error({ err: error, backend: backend.name }, 'exports could not be made so')
      }
    }
    await messages.forgetExpired()
  }

  const tend = async (name: string) => {
    const backend = backends.on(name)
    // The tables are locked against attachments that come and go: what is read is still so when it is made so.
    await db.begin(async (tx) => {
      await tx`lock table volume.attachments, volume.connections in share mode`
      const wanted = (await wantedExports(tx)).filter((each) => each.backend === name)
      await backend.reconcileExports(wanted.map(({ backend: _backend, ...order }) => order))
    })
    const held = await backend.list()
    const volumes = (await findVolumes(db, held)).map((volume) => volume.id as string)
    const known = new Set([...volumes, ...(await knownSnapshots(db, held))])
    for (const id of held) if (!known.has(id)) log.warn({ volume: id, backend: name }, 'a volume that no row knows')
  }

  const reconcile = () => {
    underWay ??= eachBackend().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  return {
    async reconcile() {
      clock ??= setInterval(() => {
        reconcile().catch((error) => log.error({ err: error }, 'export gardener failed'))
      }, EVERY_MS).unref()
      await reconcile()
    },
    async close() {
      clearInterval(clock)
      await underWay
    },
  }
}
