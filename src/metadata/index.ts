/**
 * What a guest reads about itself: over HTTP at 169.254.169.254 and from the config drive. Both are drawn from the same
 * facts by the same pure functions, so they cannot differ.
 */
import type { BoundPort } from '../network/index.ts'

export interface GuestFacts {
  readonly serverId: string
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
  readonly devices: readonly {
    readonly type: 'disk' | 'nic'
    readonly tags: readonly string[]
    readonly bus: string
    readonly address?: string
    readonly serial?: string
    readonly mac?: string
  }[]
  /** Of `vendor_data.json`: set for the whole cloud. */
  readonly vendorData: Readonly<Record<string, unknown>>
  /** 512 random bytes in base64, drawn once a server. */
  readonly randomSeed: string
}
