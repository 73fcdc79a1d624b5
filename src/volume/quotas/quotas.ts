/** How much a project may have. Source: cinder/quota.py, cinder/api/contrib/{quotas,quota_classes}.py */
import type { Database, Sql } from '../../database/database.ts'
import {
  gigabytesExceeded,
  invalidRequest,
  snapshotLimitExceeded,
  volumeLimitExceeded,
  volumeSizeExceedsLimit,
} from '../errors.ts'
import { MAX_INT } from '../parameter-types.ts'
import * as store from './store.ts'

/** Upstream's defaults; -1 is no limit. */
const DEFAULTS = {
  volumes: 10,
  snapshots: 10,
  gigabytes: 1000,
  backups: 10,
  backup_gigabytes: 1000,
  per_volume_gigabytes: -1,
  groups: 10,
} as const

/** Each volume type has these three of its own, without limit unless set. */
const PER_TYPE = ['volumes', 'gigabytes', 'snapshots'] as const

const DEFAULT_CLASS = 'default'

export type Limits = Readonly<Record<string, number>>

export interface Usage {
  readonly limit: number
  readonly in_use: number
  readonly reserved: number
}

export interface Quotas {
  /**
   * Sees that the project has room for more, and keeps others out until the transaction ends.
   * @throws DomainError over-quota, `volume.quota.*`
   */
  reserve(tx: Sql, want: QuotaRequest): Promise<void>
  /** The same for a snapshot, which counts with its size. */
  reserveSnapshot(tx: Sql, want: Pick<QuotaRequest, 'projectId' | 'typeName' | 'sizeGiB'>): Promise<void>
  /** The same question without keeping the room. */
  check(want: QuotaRequest): Promise<void>
  of(projectId: string): Promise<Limits>
  usageOf(projectId: string): Promise<Readonly<Record<string, Usage>>>
  defaults(): Promise<Limits>
  /** @throws DomainError invalid, `volume.quota.bad-key`, `volume.quota.bad-value`, `volume.quota.below-use` */
  set(projectId: string, limits: Readonly<Record<string, unknown>>): Promise<Limits>
  reset(projectId: string): Promise<void>
  ofClass(className: string): Promise<Limits>
  setClass(className: string, limits: Readonly<Record<string, unknown>>): Promise<Limits>
}

export interface QuotaRequest {
  readonly projectId: string
  readonly typeName: string
  readonly volumes: number
  /** What is added, to all and to the type. */
  readonly gigabytes: number
  /** The size that one volume will have. */
  readonly sizeGiB: number
  /** The volume is there already and only changes its type. */
  readonly onlyOfType?: boolean
}

export function openQuotas(db: Database): Quotas {
  const defaults = async (sql: Sql = db, className = DEFAULT_CLASS): Promise<Limits> => {
    const [names, rows] = await Promise.all([store.typeNames(sql), store.classLimits(sql, className)])
    const perType = names.flatMap((name) => PER_TYPE.map((resource) => [`${resource}_${name}`, -1] as const))
    return { ...DEFAULTS, ...Object.fromEntries(perType), ...byResource(rows) }
  }

  const of = async (projectId: string, sql: Sql = db): Promise<Limits> => ({
    ...(await defaults(sql)),
    ...byResource(await store.projectLimits(sql, projectId)),
  })

  const check = async (sql: Sql, want: QuotaRequest) => {
    const [limits, usage] = await Promise.all([of(want.projectId, sql), store.usageByType(sql, want.projectId)])
    refuseOverQuota(want, limits, usage)
  }

  const usageOf = async (projectId: string) => {
    const [limits, usage] = await Promise.all([of(projectId), store.usageByType(db, projectId)])
    const used: Record<string, number> = {}
    for (const resource of PER_TYPE) {
      used[resource] = total(usage, resource)
      for (const ofType of usage) used[`${resource}_${ofType.typeName}`] = ofType[resource]
    }
    return Object.fromEntries(
      Object.entries(limits).map(([resource, limit]) => [
        resource,
        { limit, in_use: used[resource] ?? 0, reserved: 0 },
      ]),
    )
  }

  return {
    async reserve(tx, want) {
      await store.lockUsage(tx, want.projectId)
      await check(tx, want)
    },
    async reserveSnapshot(tx, want) {
      await store.lockUsage(tx, want.projectId)
      const [limits, usage] = await Promise.all([of(want.projectId, tx), store.usageByType(tx, want.projectId)])
      refuseGigabytes({ ...want, gigabytes: want.sizeGiB }, limits, usage)
      refuseNumber('snapshots', want, limits, usage)
    },
    check: (want) => check(db, want),
    of,
    usageOf,
    defaults,

    async set(projectId, asked) {
      const usage = await usageOf(projectId)
      const rows = limitsOf(asked, usage)
      for (const { resource, hardLimit } of rows) {
        if (resource !== 'per_volume_gigabytes' && hardLimit !== -1 && usage[resource]!.in_use > hardLimit) {
          throw invalidRequest(
            'volume.quota.below-use',
            `Quota ${resource} limit must be equal or greater than existing resources.`,
          )
        }
      }
      if (rows.length > 0) await store.setProjectLimits(db, projectId, rows)
      return await of(projectId)
    },
    reset: (projectId) => store.removeProjectLimits(db, projectId),
    ofClass: (className) => defaults(db, className),

    async setClass(className, asked) {
      const rows = limitsOf(asked, await defaults(db, className))
      if (rows.length > 0) await store.setClassLimits(db, className, rows)
      return await defaults(db, className)
    },
  }
}

function byResource(rows: readonly store.LimitRow[]): Limits {
  return Object.fromEntries(rows.map(({ resource, hardLimit }) => [resource, hardLimit]))
}

function total(usage: readonly store.TypeUsage[], of: (typeof PER_TYPE)[number]): number {
  return usage.reduce((sum, each) => sum + each[of], 0)
}

/** Which limit a request would break, in upstream's order: size of one, sum of sizes, number. */
function refuseOverQuota(want: QuotaRequest, limits: Limits, usage: readonly store.TypeUsage[]): void {
  const perVolume = limits.per_volume_gigabytes!
  if (perVolume >= 0 && want.sizeGiB > perVolume) throw volumeSizeExceedsLimit(want.sizeGiB, perVolume)

  refuseGigabytes(want, limits, usage)
  if (want.volumes > 0) refuseNumber('volumes', want, limits, usage)
}

type Want = Pick<QuotaRequest, 'typeName' | 'onlyOfType'>

function refuseGigabytes(want: Want & { gigabytes: number }, limits: Limits, usage: readonly store.TypeUsage[]): void {
  for (const [quota, consumed] of consumption('gigabytes', want, usage)) {
    const limit = limits[quota]!
    if (limit >= 0 && consumed + want.gigabytes > limit) {
      throw gigabytesExceeded(quota, { requested: want.gigabytes, consumed, limit })
    }
  }
}

function refuseNumber(
  resource: 'volumes' | 'snapshots',
  want: Want,
  limits: Limits,
  usage: readonly store.TypeUsage[],
): void {
  for (const [quota, consumed] of consumption(resource, want, usage)) {
    const limit = limits[quota]!
    if (limit < 0 || consumed + 1 <= limit) continue
    throw resource === 'volumes' ? volumeLimitExceeded(quota, limit) : snapshotLimitExceeded(quota, limit)
  }
}

/** How much is used of a resource's quota and of the one of the type. */
function consumption(
  resource: (typeof PER_TYPE)[number],
  { typeName, onlyOfType }: Want,
  usage: readonly store.TypeUsage[],
): [quota: string, consumed: number][] {
  const ofType = usage.find((each) => each.typeName === typeName)
  return [
    ...(onlyOfType ? [] : [[resource, total(usage, resource)] as [string, number]]),
    [`${resource}_${typeName}`, ofType?.[resource] ?? 0],
  ]
}

/** What a body asks, checked against the resources that there are. Some clients send the id along. */
function limitsOf(
  asked: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, unknown>>,
): store.LimitRow[] {
  const entries = Object.entries(asked).filter(([key]) => key !== 'tenant_id' && key !== 'id')
  const bad = entries.map(([key]) => key).filter((key) => !Object.hasOwn(known, key))
  if (bad.length > 0) {
    throw invalidRequest('volume.quota.bad-key', `Bad key(s) in quota set: ${bad.join(', ').slice(0, 255)}`)
  }
  return entries.map(([resource, value]) => {
    const hardLimit = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value
    if (typeof hardLimit !== 'number' || !Number.isInteger(hardLimit) || hardLimit < -1 || hardLimit > MAX_INT) {
      throw invalidRequest(
        'volume.quota.bad-value',
        `Quota limit for ${resource} must be an integer from -1 to ${MAX_INT}.`,
      )
    }
    return { resource, hardLimit }
  })
}
