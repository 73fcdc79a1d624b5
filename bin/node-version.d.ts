export const OLDEST: number
export function tooOld(version: string): string | undefined
