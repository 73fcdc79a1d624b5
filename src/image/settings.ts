/** What an operator may set about images; the defaults are upstream's (glance/common/config.py). */

export interface ImageSettings {
  /** The largest image that is taken. */
  readonly imageSizeCapBytes: number
  /** The largest disk that an image may claim to be: a file of some MiB can claim 1 PiB. */
  readonly virtualSizeCapBytes: number
  /** How many bytes all images of one project may take together; absent is unlimited. */
  readonly projectStorageBytes?: number
  /** How many images a project may have; absent is unlimited. */
  readonly projectImages?: number
  /** How many images of a project may be coming in at once; absent is unlimited. */
  readonly projectUploads?: number
  readonly propertiesPerImage: number
  readonly tagsPerImage: number
  readonly membersPerImage: number
  /** Rows of a page that names no limit, and at most. */
  readonly pageDefault: number
  readonly pageMax: number
  /** An upload from which nothing comes for so long is given up. */
  readonly uploadIdleMs: number
}

export const DEFAULT_SETTINGS: ImageSettings = {
  imageSizeCapBytes: 2 ** 40,
  virtualSizeCapBytes: 2 ** 44,
  propertiesPerImage: 128,
  tagsPerImage: 128,
  membersPerImage: 128,
  pageDefault: 25,
  pageMax: 1000,
  uploadIdleMs: 900_000,
}
