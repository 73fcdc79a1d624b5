/**
 * What a project may have of images. Where unified limits are in use, identity keeps the limits, and those of the project
 * of the caller count; a resource without one has none. Otherwise nothing is limited but bytes, by `projectStorageBytes`.
 * Source: glance/quota/keystone.py, oslo.limit's flat enforcement
 */
import type { Database, Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { overLimit } from '../errors.ts'
import type { ImageSettings } from '../settings.ts'
import { lockProject, type Used, usedBy } from './store.ts'

/** Names of the registered limits. Bytes are counted in whole MiB. */
export const LIMITED = ['image_size_total', 'image_stage_total', 'image_count_total', 'image_count_uploading'] as const
export type Limited = (typeof LIMITED)[number]

/** A project's limits by name: its own, or the registered default. -1 is unlimited. */
export type LimitsOf = (projectId: string) => Promise<ReadonlyMap<string, number>>

export interface Quotas {
  /** To be asked before a transaction begins: limits are read over a connection of their own. */
  of(project: string): Promise<ProjectQuotas>
  /** What a project uses of each, and may; empty where unified limits are not in use. */
  usage(caller: Caller): Promise<Readonly<Record<string, { usage: number; limit: number }>>>
}

export interface ProjectQuotas {
  /**
   * What is asked for fits, and fits still when the transaction commits. Nothing more is asked for by 0, which fails
   * where the project has too much already.
   * @throws DomainError over-quota, `image.quota.limit`
   */
  require(tx: Sql, asked: Partial<Record<Limited, number>>): Promise<void>
}

const MiB = 2 ** 20

export function openQuotas({
  db,
  settings,
  limitsOf,
}: {
  db: Database
  settings: ImageSettings
  limitsOf: LimitsOf
}): Quotas {
  return {
    async of(project) {
      if (!settings.unifiedLimits) return { require: async () => {} }
      const limits = await limitsOf(project)
      return {
        async require(tx, asked) {
          await lockProject(tx, project)
          const used = counted(await usedBy(tx, project))
          for (const name of LIMITED) {
            const more = asked[name]
            const limit = limits.get(name) ?? 0
            if (more === undefined || limit === -1 || used[name] + more <= limit) continue
            throw overLimit(project, { name, limit, used: used[name], more })
          }
        },
      }
    },

    async usage({ projectId = '' }) {
      if (!settings.unifiedLimits) return {}
      const limits = await limitsOf(projectId)
      const used = counted(await usedBy(db, projectId))
      return Object.fromEntries(LIMITED.map((name) => [name, { usage: used[name], limit: limits.get(name) ?? 0 }]))
    },
  }
}

/** A declared size as limits count it; nothing where none is declared. */
export function inMiB(bytes: number | null | undefined): number {
  return Math.floor((bytes ?? 0) / MiB)
}

function counted(used: Used): Readonly<Record<Limited, number>> {
  return {
    image_size_total: inMiB(used.storedBytes),
    image_stage_total: inMiB(used.stagedBytes),
    image_count_total: used.images,
    image_count_uploading: used.comingIn,
  }
}
