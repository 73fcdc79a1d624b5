import type { Progress } from './progress.js'
import type { OsRelease } from './os-release.js'

type HostPackage = readonly [name: string, proof: string, purpose: string]

export function hostPackages(os?: OsRelease): readonly HostPackage[]
export function missingPackages(os?: OsRelease): readonly HostPackage[]
export function missingTestPackages(): readonly HostPackage[]
export function isDebianFamily(os?: OsRelease): boolean
export function installCommand(names: readonly string[]): string
export function whatFor(missing: readonly HostPackage[]): readonly string[]
export function howToGoOn(missing: readonly HostPackage[]): string
export function installHostPackages(missing: readonly HostPackage[], progress?: Progress): Promise<void>
