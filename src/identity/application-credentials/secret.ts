/**
 * Secrets of application credentials. One that we make is 64 random bytes, which nobody can guess, so a fast hash keeps
 * it; one that somebody chose is hashed like a password.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { PasswordHashing } from '../passwords/hashing.ts'

const FAST = '$hmac-sha256$'

export function newSecret(): { secret: string; hash: string } {
  const secret = randomBytes(64).toString('base64url')
  const salt = randomBytes(16)
  return { secret, hash: `${FAST}${salt.toString('base64url')}$${digest(salt, secret).toString('base64url')}` }
}

/** @throws DomainError unavailable, `identity.password.busy` */
export async function secretMatches(secret: string, hash: string, hashing: PasswordHashing): Promise<boolean> {
  if (!hash.startsWith(FAST)) return await hashing.matches(secret, hash)
  const [salt, known] = hash.slice(FAST.length).split('$') as [string, string]
  return timingSafeEqual(digest(Buffer.from(salt, 'base64url'), secret), Buffer.from(known, 'base64url'))
}

function digest(salt: Buffer, secret: string): Buffer {
  return createHmac('sha256', salt).update(secret).digest()
}
