export interface OsRelease {
  readonly id: string
  readonly ids: readonly string[]
  /** Infinity where there is none. */
  readonly version: number
  readonly name: string
}

export function parseOsRelease(text: string): OsRelease
export function readOsRelease(path?: string): OsRelease
export function isUbuntu(os: OsRelease): boolean
export function isDebianOrUbuntu(os: OsRelease): boolean
export function doubtsAbout(os: OsRelease): string | undefined
