export const HOST_PACKAGES: readonly (readonly [string, string, string])[]
export function missingPackages(): readonly (readonly [string, string, string])[]
export function missingTestPackages(): readonly (readonly [string, string, string])[]
export function isDebianFamily(): boolean
export function installCommand(names: readonly string[]): string
export function howToGoOn(missing: readonly (readonly [string, string, string])[]): string
export function installHostPackages(missing: readonly (readonly [string, string, string])[]): Promise<void>
