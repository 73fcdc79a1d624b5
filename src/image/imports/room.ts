/**
 * Whether the quotas of the project that asked for an import or a copy leave room for it, now that its image is marked.
 * Source: get_flow in glance/async_/flows/api_image_import.py
 */
import type { ImageId } from '../../ids.ts'
import { roomFor } from '../data/data.ts'
import * as images from '../images/store.ts'
import { inMiB } from '../quotas/quotas.ts'
import type { ImportTools } from './import-image.ts'

/**
 * @param where what an import of staged bytes adds to is what is stored; what is fetched or copied is staged first
 * @throws DomainError over-quota
 */
export async function requireRoom(
  { db, quotas, settings }: Pick<ImportTools, 'db' | 'quotas' | 'settings'>,
  { imageId, quotaProjectId }: { imageId: ImageId; quotaProjectId?: string },
  where: 'stored' | 'staged',
): Promise<void> {
  const image = await images.find(db, imageId)
  if (image === undefined || quotaProjectId === undefined) return
  const more = inMiB(image.sizeBytes)
  const copies = image.stores.length + (image.importingTo?.length ?? 0)
  const quota = await quotas.of(quotaProjectId)
  await db.begin(async (tx) => {
    await roomFor(tx, image, settings, image.sizeBytes ?? 0, copies)
    await quota.require(
      tx,
      // What is staged counts the image already.
      where === 'stored' ? { image_size_total: more } : { image_stage_total: 0, image_count_uploading: 0 },
    )
  })
}
