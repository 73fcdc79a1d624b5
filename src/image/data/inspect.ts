/**
 * A look at the bytes of an image before anyone believes it. What is looked for: packages/disk-image.
 * Source of what is looked at at all: set_data in glance/location.py
 */
import { ImageRefused, inspectDiskImage } from '@stratolith/disk-image'
import { dataUnacceptable } from '../errors.ts'
import type { Image } from '../images/image.ts'

/**
 * @returns the size of the disk that the image describes; nothing where its container hides it
 * @throws DomainError `image.data.unacceptable`
 */
export type Inspect = (path: string, image: Pick<Image, 'diskFormat' | 'containerFormat'>) => Promise<number | null>

/** In the others lies an archive, which nobody here opens or boots. */
const CONTAINERS_OF_DISKS = ['bare', 'ami', 'aki', 'ari']

export function inspectUpTo(largestVirtualSizeBytes: number): Inspect {
  return async (path, { diskFormat, containerFormat }) => {
    if (!CONTAINERS_OF_DISKS.includes(containerFormat ?? '')) return null
    try {
      const { virtualSizeBytes } = await inspectDiskImage(path, { claimed: diskFormat ?? '', largestVirtualSizeBytes })
      return virtualSizeBytes > 0 ? virtualSizeBytes : null
    } catch (error) {
      if (error instanceof ImageRefused) throw dataUnacceptable(`${error.message}.`, error)
      throw error
    }
  }
}
