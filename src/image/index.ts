/** Image's front door: images, their bytes, and what a boot asks of them. */
import type { FastifyPluginAsync } from 'fastify'
import type { ImageSource } from '../agent/contract.ts'
import type { MigrationFolder } from '../database/migrate.ts'
import type { Caller } from '../http/caller.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { ImageId } from '../ids.ts'
import type { LimitsOf } from './quotas/quotas.ts'
import type { ImageSettings } from './settings.ts'

export interface Images {
  /** Mounted at `/image`; paths inside begin with `/v2`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /**
   * What a boot asks of an image: it is active and the caller may see it.
   * @throws DomainError not-found `image.image.not-found`; conflict `image.image.not-active`
   */
  forBoot(caller: Caller, id: string): Promise<BootImage>
  /** The same without a caller, for stories that were allowed before. */
  find(id: ImageId): Promise<BootImage | undefined>
  /** For agents and back ends. */
  readonly source: ImageSource
  /** An image of our own making, from a file of the host: the first image of a cloud. Returns the one of that name if it stands. */
  importFile(order: {
    name: string
    path: string
    diskFormat: string
    properties: Record<string, string>
    ownerProjectId: string
  }): Promise<ImageId>
  close(): Promise<void>
}

export interface BootImage {
  readonly id: ImageId
  readonly name: string
  readonly diskFormat: string
  readonly containerFormat: string
  readonly sizeBytes: number
  readonly virtualSizeBytes: number
  readonly minDiskGiB: number
  readonly minRamMiB: number
  readonly checksum: string
  /** Of its bytes, in hex. */
  readonly sha512: string
  /** Properties beside the base ones: `hw_disk_bus`, `os_type`, … */
  readonly properties: Readonly<Record<string, string>>
}

export const imageMigrations: MigrationFolder = {
  service: 'image',
  folder: new URL('./migrations', import.meta.url).pathname,
}

/** @param limitsOf identity's limits for images, where `unifiedLimits` is set */
export type OpenImages = (
  context: ServiceContext,
  settings?: Partial<ImageSettings>,
  limitsOf?: LimitsOf,
) => Promise<Images>

export { withoutMinorVersion } from './discovery/version-in-path.ts'
export { openImages } from './open.ts'
export { DEFAULT_SETTINGS as DEFAULT_IMAGE_SETTINGS, type ImageSettings } from './settings.ts'
