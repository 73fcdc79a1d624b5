/** Block storage's front door: volumes, types, attachments; and what a boot asks: reserve, connect, disconnect. */
import type { FastifyPluginAsync } from 'fastify'
import type { Agents, Connector, VolumeBackend, VolumeConnection } from '../agent/contract.ts'
import type { Transaction } from '../database/database.ts'
import type { MigrationFolder } from '../database/migrate.ts'
import type { Caller } from '../http/caller.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { Images } from '../image/index.ts'
import type { AttachmentId, ImageId, ServerId, SnapshotId, VolumeId } from '../ids.ts'

export interface Volumes {
  /** Mounted at `/volume`; paths inside begin with `/v3`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /** A volume that the caller may see. @throws DomainError not-found `volume.volume.not-found` */
  get(caller: Caller, id: string): Promise<VolumeFacts>
  /** Several at once and without a caller, for views and stories; unknown ones are absent. */
  find(ids: readonly VolumeId[]): Promise<ReadonlyMap<VolumeId, VolumeFacts>>
  /** What a caller may create is settled before a boot is accepted: quota, size against image, type. @throws DomainError */
  checkCreate(caller: Caller, order: Omit<VolumeOrder, 'volumeId'>): Promise<void>
  /** The volume exists and is `available` when this resolves: its own story is asked for and awaited. Repeating it changes nothing. */
  ensureVolume(order: VolumeOrder): Promise<void>
  /**
   * An attachment in `reserved`; the volume turns `reserved`. Repeating it with the same id changes nothing.
   * @param tx stands or falls with this transaction, which holds the volume until it ends; absent: with one of its own
   * @throws DomainError invalid `volume.volume.not-available`; not-found `volume.volume.not-found`
   */
  reserve(
    order: { attachmentId: AttachmentId; volumeId: VolumeId; serverId: ServerId; mode: 'rw' | 'ro' },
    tx?: Transaction,
  ): Promise<void>
  /** Exports the volume to the host; the attachment turns `attaching`. */
  connect(attachmentId: AttachmentId, connector: Connector): Promise<VolumeConnection>
  /** The attachment is `attached`, the volume `in-use`. */
  complete(attachmentId: AttachmentId, mountpoint: string): Promise<void>
  /** The attachment is gone, the export too when nobody else has it, the volume `available` again. Finding none is fine. */
  detach(attachmentId: AttachmentId): Promise<void>
  /** The volume turns `detaching`. @throws DomainError invalid `volume.volume.not-in-use` */
  beginDetaching(volumeId: VolumeId): Promise<void>
  /** Takes `beginDetaching` back. */
  rollDetaching(volumeId: VolumeId): Promise<void>
  /** Removes a volume that goes with its server (`delete_on_termination`). Finding none is fine; one with snapshots stays. */
  remove(volumeId: VolumeId): Promise<void>
  /** Compute subscribes: an attached volume has grown. */
  onExtended(listener: (event: { volumeId: VolumeId; serverId: ServerId; sizeGiB: number }) => Promise<void>): void
  /** Makes every export as the tables say. */
  reconcile(): Promise<void>
  close(): Promise<void>
}

export interface VolumeFacts {
  readonly id: VolumeId
  readonly projectId: string
  readonly status: string
  readonly sizeGiB: number
  readonly bootable: boolean
  readonly availabilityZone: string
  readonly multiattach: boolean
  /** Copied from the image that the volume was made of. */
  readonly imageProperties: Readonly<Record<string, string>>
  readonly attachments: readonly { attachmentId: AttachmentId; serverId: ServerId; device: string }[]
}

export interface VolumeOrder {
  readonly volumeId: VolumeId
  readonly projectId: string
  readonly userId: string
  readonly sizeGiB: number
  readonly name: string
  readonly imageId?: ImageId
  readonly sourceVolumeId?: VolumeId
  readonly snapshotId?: SnapshotId
  readonly volumeType?: string
  readonly availabilityZone?: string
}

export { openVolumes } from './open.ts'

export const volumeMigrations: MigrationFolder = {
  service: 'volume',
  folder: new URL('./migrations', import.meta.url).pathname,
}

export type OpenVolumes = (
  context: ServiceContext,
  dependencies: { agents: Agents; images: Images; backends: readonly VolumeBackend[] },
) => Promise<Volumes>
