/** A server as the rules know it, and its parts: rows of the store, in domain words. */
import type {
  AttachmentId,
  FlavorId,
  HostName,
  ImageId,
  ProjectId,
  ServerId,
  StoryId,
  UserId,
  VolumeId,
} from '../../ids.ts'
import type { NicPlan } from '../../network/index.ts'
import type { Power, TaskState, VmState } from '../lifecycle/states.ts'

/** What lists and views need; `ServerRecord` has the rest. */
export interface Server {
  readonly id: ServerId
  /** The number in `instance-0000002a`. */
  readonly number: number
  readonly projectId: ProjectId
  readonly userId: UserId
  readonly name: string
  readonly hostname: string
  readonly description: string | null
  readonly vmState: VmState
  readonly taskState: TaskState | null
  readonly powerState: Power
  readonly fault: ServerFault | null
  readonly lockedBy: 'owner' | 'admin' | null
  readonly lockedReason: string | null
  readonly deletionRequestedAt: Date | null
  readonly storyId: StoryId
  /** Null before a host is claimed, and after a boot that failed. */
  readonly host: HostName | null
  /** The zone of the host. */
  readonly availabilityZone: string | null
  /** The zone that was asked for. */
  readonly pinnedAvailabilityZone: string | null
  readonly schedulerHints: Readonly<Record<string, unknown>>
  readonly flavorId: FlavorId
  readonly flavorName: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly extraSpecs: Readonly<Record<string, string>>
  /** Null when it boots from a volume. */
  readonly imageId: ImageId | null
  readonly image: ImageSnapshot | null
  readonly rootDeviceName: string | null
  readonly keyName: string | null
  readonly configDrive: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  /** Names asked for: shown while no port stands. */
  readonly securityGroups: readonly string[]
  readonly accessIpV4: string | null
  readonly accessIpV6: string | null
  readonly diskConfig: 'AUTO' | 'MANUAL'
  readonly reservationId: string
  readonly launchIndex: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly launchedAt: Date | null
  readonly terminatedAt: Date | null
  readonly deletedAt: Date | null
}

/** The whole row: what the stories and the guest's metadata read besides. */
export interface ServerRecord extends Server {
  readonly requestedHost: string | null
  readonly keyType: 'ssh' | 'x509' | null
  readonly publicKey: string | null
  /** Base64. */
  readonly userData: string | null
  readonly files: readonly InjectedFile[]
  /** Until the guest has it on its config drive. */
  readonly adminPassword: string | null
  readonly nics: readonly NicPlan[]
  readonly randomSeed: string
}

export interface InjectedFile {
  readonly path: string
  readonly contentsBase64: string
}

/** What is kept of the image, so that the server outlives it. */
export interface ImageSnapshot {
  readonly name: string
  /** Of its bytes, in hex; absent of a volume, and of a server from before it was kept. */
  readonly sha512?: string
  readonly diskFormat: string
  readonly sizeBytes: number
  readonly virtualSizeBytes: number
  readonly minDiskGiB: number
  readonly minRamMiB: number
  readonly properties: Readonly<Record<string, string>>
}

export interface ServerFault {
  /** An HTTP status: 500 where it was not the user's doing. */
  readonly code: number
  readonly message: string
  /** For admins. */
  readonly details: string
  /** ISO 8601. */
  readonly createdAt: string
}

export type DiskBus = 'virtio' | 'scsi' | 'ide' | 'sata' | 'usb'

/** A disk of a server: its root, a volume, an ephemeral or swap disk. */
export interface BlockDevice {
  readonly id: string
  readonly serverId: ServerId
  readonly sourceType: 'image' | 'volume' | 'blank'
  readonly destinationType: 'local' | 'volume'
  readonly imageId: ImageId | null
  readonly volumeId: VolumeId | null
  /** True: the boot makes the volume. */
  readonly made: boolean
  readonly sizeGiB: number | null
  readonly volumeType: string | null
  /** 0 is booted from; null and negative are not. */
  readonly bootIndex: number | null
  /** `/dev/vda` */
  readonly deviceName: string
  readonly bus: DiskBus
  readonly deviceType: 'disk' | 'cdrom'
  readonly guestFormat: string | null
  readonly deleteOnTermination: boolean
  readonly tag: string | null
  readonly attachmentId: AttachmentId | null
  /** The story that attaches or detaches it; null when it is settled. */
  readonly storyId: StoryId | null
}

/** What was asked of a server, and how it went. */
export interface InstanceAction {
  readonly serverId: ServerId
  /** Upstream's word: create, stop, attach_volume, … */
  readonly action: string
  readonly requestId: string
  readonly storyId: StoryId | null
  readonly projectId: ProjectId | null
  readonly userId: UserId | null
  readonly startedAt: Date
  readonly updatedAt: Date
  readonly finishedAt: Date | null
  readonly message: string | null
  readonly errorCode: string | null
  readonly details: string | null
  readonly host: string | null
}
