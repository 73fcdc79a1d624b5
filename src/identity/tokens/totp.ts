/** Time-based one-time passwords. Source: RFC 6238 and 4226; keystone/auth/plugins/totp.py */
import { createHmac } from 'node:crypto'

const STEP_MS = 30_000
const DIGITS = 6
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The passcode of a moment. @param secret in base32, padded or not */
export function totp(secret: string, atMs: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(atMs / STEP_MS)))
  const digest = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const offset = digest.at(-1)! & 0xf
  const number = digest.readUInt32BE(offset) & 0x7fffffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

export interface Seed {
  readonly credentialId: string
  /** In base32. */
  readonly secret: string
}

/** A passcode of a seed, by the half minute that it is for: it is good for one login. */
export interface Passcode {
  readonly credentialId: string
  readonly step: number
}

/** Which passcode `given` is at a moment, or was up to `pastSteps` half minutes before, for clocks that are late. */
export function findPasscode(
  seeds: readonly Seed[],
  given: string,
  { atMs, pastSteps }: { atMs: number; pastSteps: number },
): Passcode | undefined {
  for (const { credentialId, secret } of seeds) {
    for (let back = 0; back <= pastSteps; back++) {
      const then = atMs - back * STEP_MS
      if (totp(secret, then) === given) return { credentialId, step: Math.floor(then / STEP_MS) }
    }
  }
  return undefined
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of text.toUpperCase().replace(/=+$/, '')) {
    const at = ALPHABET.indexOf(letter)
    if (at < 0) throw new Error('a TOTP secret is not base32')
    value = ((value << 5) | at) & 0xffff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((value >> bits) & 0xff)
  }
  return Buffer.from(bytes)
}
