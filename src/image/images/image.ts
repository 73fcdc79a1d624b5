/** An image as the rules see it. */
import type { ImageId } from '../../ids.ts'

/** What may follow what: ./states.ts. `deleted` rows stay behind and are never shown. */
export type ImageStatus = 'queued' | 'saving' | 'uploading' | 'importing' | 'active' | 'deactivated' | 'deleted'

export type Visibility = 'public' | 'private' | 'shared' | 'community'

export interface Image {
  readonly id: ImageId
  readonly status: ImageStatus
  readonly name: string | null
  readonly visibility: Visibility
  readonly protected: boolean
  readonly osHidden: boolean
  /** Project id. */
  readonly owner: string | null
  readonly containerFormat: string | null
  readonly diskFormat: string | null
  readonly minDiskGiB: number
  readonly minRamMiB: number
  readonly sizeBytes: number | null
  readonly virtualSizeBytes: number | null
  /** MD5, in hex. */
  readonly checksum: string | null
  readonly osHashAlgo: string | null
  readonly osHashValue: string | null
  /** Null stands for a well-known property that was set to nothing. */
  readonly properties: Readonly<Record<string, string | null>>
  readonly tags: readonly string[]
  /** Where its bytes lie. */
  readonly stores: readonly string[]
  /** Where an import is bringing them, and where the last one could not; null until a first import. */
  readonly importingTo: readonly string[] | null
  readonly failedStores: readonly string[] | null
  /** The import or copy that has the image. */
  readonly importTask: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What a user may choose of an image. */
export type ImageWish = Pick<
  Image,
  | 'name'
  | 'visibility'
  | 'protected'
  | 'osHidden'
  | 'owner'
  | 'containerFormat'
  | 'diskFormat'
  | 'minDiskGiB'
  | 'minRamMiB'
  | 'properties'
  | 'tags'
>
