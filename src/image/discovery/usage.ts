/** What a project uses of its quotas, under the names of the registered limits. Source: glance/quota/keystone.py */
import type { Database } from '../../database/database.ts'
import type { ImageSettings } from '../settings.ts'

interface Line {
  readonly usage: number
  /** -1 is unlimited. */
  readonly limit: number
}

export interface Usage {
  of(project: string): Promise<Readonly<Record<string, Line>>>
}

export function usageOf({ db, settings }: { db: Database; settings: ImageSettings }): Usage {
  return {
    async of(project) {
      const [row] = await db<{ images: number; comingIn: number; bytes: number; stagedBytes: number }[]>`
        select count(*)::int as images,
               (count(*) filter (where status in ('saving', 'uploading', 'importing')))::int as coming_in,
               coalesce(sum(size_bytes), 0)::bigint as bytes,
               coalesce(sum(size_bytes) filter (where status in ('uploading', 'importing')), 0)::bigint as staged_bytes
          from image.images where owner = ${project} and status not in ('deleted', 'killed')`
      const { images, comingIn, bytes, stagedBytes } = row!
      const { projectImages, projectStorageBytes, projectUploads } = settings
      return {
        image_size_total: {
          usage: Math.floor(bytes / 2 ** 20),
          limit: projectStorageBytes === undefined ? -1 : Math.floor(projectStorageBytes / 2 ** 20),
        },
        image_stage_total: { usage: Math.floor(stagedBytes / 2 ** 20), limit: -1 },
        image_count_total: { usage: images, limit: projectImages ?? -1 },
        image_count_uploading: { usage: comingIn, limit: projectUploads ?? -1 },
      }
    },
  }
}
