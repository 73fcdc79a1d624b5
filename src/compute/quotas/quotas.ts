/**
 * Limits and what is used of them. Usage is counted from the servers themselves, so it cannot drift; a project's lock,
 * taken in the transaction that will insert, keeps two requests from counting the same room.
 * Source: nova/quota.py, nova/compute/utils.py (check_num_instances_quota)
 */
import type { Database, Sql, Transaction } from '../../database/database.ts'
import { overQuota } from '../errors.ts'
import { badLimit } from './errors.ts'
import { DEFAULT_LIMITS, type Limits, RESOURCES, type Resource, type Usage } from './resources.ts'
import * as store from './store.ts'

export { DEFAULT_LIMITS, type Limits, RESOURCES, type Resource, type Usage } from './resources.ts'

export interface Quotas {
  /** What holds for a project, or for one user in it; the defaults where no project is given. Give it your transaction. */
  limits(projectId: string | undefined, userId?: string, sql?: Sql): Promise<Limits>
  usage(projectId: string, userId?: string): Promise<Usage>
  defaults(): Promise<Limits>
  ofClass(name: string): Promise<Limits>
  setClass(name: string, limits: Partial<Limits>): Promise<void>
  /** @throws DomainError invalid `compute.quota.invalid`: below what is used, or above the project's, unless `force` */
  set(projectId: string, limits: Partial<Limits>, options: { userId?: string; force: boolean }): Promise<void>
  reset(projectId: string, userId?: string): Promise<void>
  /**
   * How many servers of one size may be made, `max` at most. Call it in the transaction that inserts them: it holds
   * the project's lock.
   * @throws DomainError over-quota `compute.quota.exceeded` when not even `min` fit
   */
  roomForServers(tx: Transaction, wish: ServersWish): Promise<number>
  /** The same for one more server group. @returns whether there is room */
  roomForServerGroup(tx: Transaction, projectId: string, userId: string): Promise<boolean>
}

export interface ServersWish {
  readonly projectId: string
  readonly userId: string
  readonly min: number
  readonly max: number
  readonly vcpus: number
  readonly ramMiB: number
}

export function openQuotas({ db }: { db: Database }): Quotas {
  const limits = async (projectId: string | undefined, userId?: string, sql: Sql = db) =>
    merged(await store.limitsOf(sql, projectId ?? '', userId ?? ''))

  return {
    limits,
    usage: (projectId, userId) => store.usageOf(db, projectId, userId),
    async defaults() {
      return merged(await store.limitsOfClass(db, 'default'))
    },
    async ofClass(name) {
      return merged(await store.limitsOfClass(db, name))
    },
    async setClass(name, changed) {
      await store.setClassLimits(db, name, changed as Record<string, number>)
    },

    async set(projectId, changed, { userId, force }) {
      if (!force) {
        const [usage, ceiling] = await Promise.all([
          store.usageOf(db, projectId, userId),
          userId === undefined ? undefined : limits(projectId),
        ])
        for (const [resource, limit] of Object.entries(changed)) {
          const used = usage[resource as keyof Usage] ?? 0
          if (asInfinite(limit) < used) throw badLimit.belowUsage(limit, resource, used)
          const most = ceiling?.[resource as Resource]
          if (most !== undefined && asInfinite(limit) > asInfinite(most))
            throw badLimit.aboveProject(limit, resource, most)
        }
      }
      await store.setLimits(db, projectId, userId ?? '', changed as Record<string, number>)
    },

    async reset(projectId, userId) {
      await store.resetLimits(db, projectId, userId)
    },

    async roomForServers(tx, wish) {
      // Sent together, done in this order: whoever boots in this project next waits for the lock until we have committed.
      const [, rows, usage] = await Promise.all([
        store.lockProject(tx, wish.projectId),
        store.limitsOf(tx, wish.projectId, wish.userId),
        store.usageOf(tx, wish.projectId),
      ])
      const fit = howManyFit(wish, merged(rows.filter(({ owner }) => owner !== 'user')), usage)
      if (!rows.some(({ owner }) => owner === 'user')) return fit
      return Math.min(fit, howManyFit(wish, merged(rows), await store.usageOf(tx, wish.projectId, wish.userId)))
    },

    async roomForServerGroup(tx, projectId, userId) {
      await store.lockProject(tx, projectId)
      const { server_groups: most } = merged(await store.limitsOf(tx, projectId, userId))
      const { server_groups: used } = await store.usageOf(tx, projectId)
      return used + 1 <= asInfinite(most)
    },
  }
}

/** @throws DomainError over-quota when fewer than `min` fit */
function howManyFit(wish: ServersWish, limits: Limits, usage: Usage): number {
  const each = { instances: 1, cores: wish.vcpus, ram: wish.ramMiB } as const
  const counted = ['instances', 'cores', 'ram'] as const
  const fit = Math.min(
    wish.max,
    ...counted.map((resource) =>
      each[resource] === 0 ? wish.max : Math.floor((asInfinite(limits[resource]) - usage[resource]) / each[resource]),
    ),
  )
  if (fit >= wish.min) return fit
  const overs = counted.filter((resource) => usage[resource] + each[resource] * wish.max > asInfinite(limits[resource]))
  const said = (number: (resource: (typeof counted)[number]) => number) => overs.map(number).join(', ')
  throw overQuota(
    `Quota exceeded for ${overs.join(', ')}: Requested ${said((r) => each[r] * wish.max)}, but already used ${said((r) => usage[r])} of ${said((r) => limits[r])} ${overs.join(', ')}`,
    overs[0] ?? 'instances',
  )
}

/** A user's own before the project's, that before the class `default`, that before what upstream ships. */
function merged(rows: readonly store.LimitRow[]): Limits {
  const order = ['default', 'project', 'user']
  const found: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const { resource, hardLimit } of [...rows].sort((a, b) => order.indexOf(a.owner) - order.indexOf(b.owner))) {
    found[resource] = hardLimit
  }
  return Object.fromEntries(RESOURCES.map((resource) => [resource, found[resource]!])) as Limits
}

function asInfinite(limit: number): number {
  return limit === -1 ? Number.POSITIVE_INFINITY : limit
}
