/** What an operator may set about images; the defaults are upstream's (glance/common/config.py). */

/** A folder beside the default store, by name. */
export interface FurtherStore {
  /** Letters, digits, `-` and `_`; not `file`. */
  readonly id: string
  /** Absolute. */
  readonly dir: string
  readonly description?: string
}

/** Where `web-download` may fetch from. Lists of the allowed beat those of the disallowed; an empty one says nothing. */
export interface WebSettings {
  readonly allowedSchemes: readonly string[]
  readonly disallowedSchemes: readonly string[]
  readonly allowedHosts: readonly string[]
  readonly disallowedHosts: readonly string[]
  readonly allowedPorts: readonly number[]
  readonly disallowedPorts: readonly number[]
  /** Networks that may be fetched from though they are not of the public internet, as `10.1.0.0/16`. */
  readonly allowedNetworks: readonly string[]
  /** How many redirections are followed. */
  readonly redirects: number
  /** How long a server may take to begin its answer, and how long it may be silent then. */
  readonly answerMs: number
  readonly idleMs: number
  /** How long a download may take in all. */
  readonly withinMs: number
}

export interface ImageSettings {
  /** The largest image that is taken. */
  readonly imageSizeCapBytes: number
  /** The largest disk that an image may claim to be: a file of some MiB can claim 1 PiB. */
  readonly virtualSizeCapBytes: number
  /** How many bytes all images of one project may take together, unless unified limits say; absent is unlimited. */
  readonly projectStorageBytes?: number
  /** Whether identity's registered limits for images are enforced; one that is not registered is zero then. */
  readonly unifiedLimits: boolean
  readonly propertiesPerImage: number
  readonly tagsPerImage: number
  readonly membersPerImage: number
  /** Rows of a page that names no limit, and at most. */
  readonly pageDefault: number
  readonly pageMax: number
  /** An upload from which nothing comes for so long is given up. */
  readonly uploadIdleMs: number
  readonly furtherStores: readonly FurtherStore[]
  readonly web: WebSettings
}

export const DEFAULT_SETTINGS: ImageSettings = {
  imageSizeCapBytes: 2 ** 40,
  virtualSizeCapBytes: 2 ** 44,
  unifiedLimits: false,
  propertiesPerImage: 128,
  tagsPerImage: 128,
  membersPerImage: 128,
  pageDefault: 25,
  pageMax: 1000,
  uploadIdleMs: 900_000,
  furtherStores: [],
  web: {
    allowedSchemes: ['http', 'https'],
    disallowedSchemes: [],
    allowedHosts: [],
    disallowedHosts: [],
    allowedPorts: [80, 443],
    disallowedPorts: [],
    allowedNetworks: [],
    redirects: 10,
    answerMs: 30_000,
    idleMs: 60_000,
    withinMs: 6 * 3_600_000,
  },
}
