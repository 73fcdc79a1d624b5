/** From an image to what a client reads. Properties of users stand beside the base ones, as upstream has them. */
import type { Image } from './image.ts'

const WITH_BYTES = new Set(['active', 'deactivated'])

export function viewImage(image: Image): Record<string, unknown> {
  const self = `/v2/images/${image.id}`
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    protected: image.protected,
    os_hidden: image.osHidden,
    owner: image.owner,
    container_format: image.containerFormat,
    disk_format: image.diskFormat,
    min_disk: image.minDiskGiB,
    min_ram: image.minRamMiB,
    size: image.sizeBytes,
    virtual_size: image.virtualSizeBytes,
    checksum: image.checksum,
    os_hash_algo: image.osHashAlgo,
    os_hash_value: image.osHashValue,
    tags: image.tags,
    created_at: viewTime(image.createdAt),
    updated_at: viewTime(image.updatedAt),
    ...(WITH_BYTES.has(image.status) && { stores: image.stores.toSorted().join(',') }),
    ...(image.importingTo !== null && {
      os_glance_importing_to_stores: image.importingTo.join(','),
      os_glance_failed_import: (image.failedStores ?? []).join(','),
    }),
    ...(image.importTask !== null && { os_glance_import_task: image.importTask }),
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
  }
}

/** Whole seconds, UTC: `2026-01-31T09:08:07Z`. */
export function viewTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

/**
 * A page of images. `first` and `next` are paths with the query of the request, less its marker.
 * Source: ResponseSerializer.index in glance/api/v2/images.py
 */
export function viewPage(images: readonly Image[], query: URLSearchParams, next: string | undefined) {
  const same = new URLSearchParams(query)
  same.delete('marker')
  const first = same.size > 0 ? `/v2/images?${same}` : '/v2/images'
  if (next !== undefined) same.set('marker', next)
  return {
    images: images.map(viewImage),
    first,
    ...(next !== undefined && { next: `/v2/images?${same}` }),
    schema: '/v2/schemas/images',
  }
}
