/** What a boot and block storage ask of an image. */
import type { Database } from '../../database/database.ts'
import { imageNotActive } from '../errors.ts'
import type { BootImage, Images } from '../index.ts'
import type { Image } from './image.ts'
import { visibleImage } from './images.ts'
import * as store from './store.ts'

export function bootFacts(db: Database): Pick<Images, 'forBoot' | 'find'> {
  return {
    async forBoot(caller, id) {
      const image = await visibleImage(db, caller, id)
      if (image.status !== 'active') throw imageNotActive(image.id, image.status)
      return factsOf(image)
    },

    async find(id) {
      const image = await store.find(db, id)
      return image?.status === 'active' ? factsOf(image) : undefined
    },
  }
}

function factsOf(image: Image): BootImage {
  const { id, name, diskFormat, containerFormat, sizeBytes, virtualSizeBytes, minDiskGiB, minRamMiB } = image
  return {
    id,
    name: name ?? '',
    diskFormat: diskFormat!,
    containerFormat: containerFormat!,
    sizeBytes: sizeBytes!,
    // Where a container hides the disk, the file is all that is known.
    virtualSizeBytes: virtualSizeBytes ?? sizeBytes!,
    minDiskGiB,
    minRamMiB,
    checksum: image.checksum!,
    sha512: image.osHashValue!,
    properties: Object.fromEntries(
      Object.entries(image.properties).filter((entry): entry is [string, string] => entry[1] !== null),
    ),
  }
}
