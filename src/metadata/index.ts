/**
 * What a guest reads about itself: over HTTP at 169.254.169.254 and from the config drive. Both are drawn from the same
 * facts by the same pure functions, so they cannot differ.
 */
import type { BoundPort } from '../network/index.ts'

export interface GuestFacts {
  readonly serverId: string
  /** Compute's running number of the server, of which EC2's ids are made. */
  readonly number: number
  readonly name: string
  readonly hostname: string
  readonly projectId: string
  readonly availabilityZone: string
  readonly launchIndex: number
  readonly reservationId: string
  readonly flavorName: string
  readonly imageId?: string
  /** `OS-DCF` metadata: the user's keys and values. */
  readonly meta: Readonly<Record<string, string>>
  readonly publicKeys: readonly { readonly name: string; readonly type: 'ssh' | 'x509'; readonly data: string }[]
  /** Raw bytes in base64, as the API took them. */
  readonly userDataBase64?: string
  /** Config drive only. */
  readonly adminPassword?: string
  readonly files: readonly { readonly path: string; readonly contentsBase64: string }[]
  readonly securityGroups: readonly string[]
  readonly ports: readonly BoundPort[]
  /** Those that the user has tagged. */
  readonly devices: readonly TaggedDevice[]
  /** EC2's `block-device-mapping`: `root` is `/dev/vda`, `ami` is `vda`, `ebs0` is `/dev/vdb`. */
  readonly blockDevices: Readonly<Record<string, string>>
  /** Of `vendor_data.json`: set for the whole cloud. */
  readonly vendorData: Readonly<Record<string, unknown>>
  /** 512 random bytes in base64, drawn once a server. */
  readonly randomSeed: string
}

export interface TaggedDevice {
  readonly type: 'disk' | 'nic'
  readonly tags: readonly string[]
  /** `pci`, `scsi`, `ide`, `usb`, `none`. */
  readonly bus: string
  readonly address?: string
  readonly serial?: string
  readonly path?: string
  readonly mac?: string
}

export { answer, type MetadataAnswer } from './answer.ts'
export { configDriveFiles } from './config-drive.ts'
export { type MetadataListener, openMetadataListener } from './listener.ts'
