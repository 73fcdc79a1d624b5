/** The back ends that the host side offers, and what is known of each when the scheduler or an operator asks. */
import type { Logger } from 'pino'
import type { BackendStats, VolumeBackend } from '../agent/contract.ts'
import type { Database, Sql } from '../database/database.ts'
import { backendUnknown } from './errors.ts'
import type { BackendState } from './scheduler/back-end.ts'
import { disabledServices } from './services/store.ts'

/** All back ends are in one zone, as all hosts are. */
export const AVAILABILITY_ZONE = 'nova'

const STATS_WITHIN_MS = 5_000

export interface Backends {
  /** @throws DomainError unavailable, `volume.backend.unknown` */
  on(name: string): VolumeBackend
  all(): readonly VolumeBackend[]
  states(): Promise<readonly BackendState[]>
}

export function openBackends(backends: readonly VolumeBackend[], db: Database, log: Logger): Backends {
  const byName = new Map(backends.map((backend) => [backend.name, backend]))

  const statsOf = async (backend: VolumeBackend): Promise<BackendStats | undefined> => {
    try {
      return await within(STATS_WITHIN_MS, backend.stats())
    } catch (error) {
      log.warn({ err: error, backend: backend.name }, 'back end does not answer')
      return undefined
    }
  }

  return {
    on(name) {
      const found = byName.get(name)
      if (found === undefined) throw backendUnknown(name)
      return found
    },
    all: () => backends,

    async states() {
      const [stats, provisioned, disabled] = await Promise.all([
        Promise.all(backends.map(statsOf)),
        provisionedByBackend(db),
        disabledServices(db),
      ])
      return backends.map(({ name }, index) => {
        const known = stats[index]
        const host = name.split('#')[0]!
        return {
          name,
          backendName: known?.backendName ?? host.split('@')[1] ?? host,
          poolName: known?.poolName ?? name.split('#')[1] ?? '',
          availabilityZone: AVAILABILITY_ZONE,
          isUp: known !== undefined,
          isEnabled: !disabled.some((service) => service.binaryName === 'cinder-volume' && service.host === host),
          totalGiB: known?.totalGiB ?? 0,
          freeGiB: known?.freeGiB ?? 0,
          reservedPercentage: 0,
          provisionedGiB: provisioned.get(name) ?? 0,
          thinProvisioning: known?.thinProvisioning ?? false,
          maxOverSubscriptionRatio: known?.maxOverSubscriptionRatio ?? 1,
          storageProtocol: known?.storageProtocol ?? 'iSCSI',
        }
      })
    },
  }
}

async function provisionedByBackend(sql: Sql): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ backend: string; gib: number }[]>`
    with held as (
      select backend, coalesce(extending_to_gib, size_gib) as gib from volume.volumes where backend is not null
      union all select backend, size_gib from volume.snapshots)
    select backend, sum(gib)::float8 as gib from held group by backend`
  return new Map(rows.map((row) => [row.backend, row.gib]))
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
