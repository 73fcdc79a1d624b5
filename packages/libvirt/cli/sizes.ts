/** Sizes as people write and read them. */
import { CommandError } from './command.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const

/** `1073741824n` is `1.00 GiB`. */
export function prettySize(bytes: bigint): string {
  let value = Number(bytes)
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value.toFixed(2)} ${units[unit]}`
}

/**
 * `10`, `10b`, `10k`, `10KiB`, `10G` (powers of 1024) or `10kB`, `10GB` (of 1000); in bytes.
 * @throws CommandError
 */
export function sizeBytes(text: string, option: string): bigint {
  const [, digits = '', unit = ''] = /^(\d+)(|b|bytes?|[kmgtpe](?:|ib|b))$/i.exec(text) ?? []
  const power = Math.max(0, 'bkmgtpe'.indexOf(unit.charAt(0).toLowerCase()))
  const base = /^.b$/i.test(unit) ? 1000n : 1024n
  const bytes = BigInt(digits) * base ** BigInt(power)
  if (digits === '' || bytes >= 1n << 64n) {
    throw new CommandError(`Scaled numeric value '${text}' for <${option}> option is malformed or out of range`)
  }
  return bytes
}
