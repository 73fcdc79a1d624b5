/**
 * Password hashes: argon2id on threads that let all else go first, a few at a time and the rest in a queue with an end,
 * so that a flood of logins slows nothing but logins. Stored as PHC strings, which carry their own parameters: old hashes
 * stay good when the cost changes.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { tooManyLogins } from '../errors.ts'
import type { Argon2Cost, IdentitySettings } from '../settings.ts'
import { openHashingThreads } from './hashing-threads.ts'

export interface PasswordHashing {
  /** @throws DomainError unavailable, `identity.password.busy` */
  hash(password: string): Promise<string>
  /**
   * Whether `password` has this hash. Without a hash it takes as long and is false, so that nobody can tell an unknown
   * user from a wrong password by the clock.
   * @throws DomainError unavailable, `identity.password.busy`
   */
  matches(password: string, hash: string | undefined): Promise<boolean>
  close(): Promise<void>
}

const SALT_BYTES = 16
const DIGEST_BYTES = 32

export function openPasswordHashing(
  settings: Pick<IdentitySettings, 'argon2' | 'concurrentHashes' | 'queuedHashes'>,
): PasswordHashing {
  const cost = settings.argon2
  const threads = openHashingThreads()
  const digest = (password: string, salt: Buffer, cost: Argon2Cost) =>
    threads.digest({ password, salt, cost, digestBytes: DIGEST_BYTES })
  const inTurn = turnstile(settings.concurrentHashes, settings.queuedHashes)
  const nobody = phc(cost, randomBytes(SALT_BYTES), randomBytes(DIGEST_BYTES))
  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(SALT_BYTES)
        return phc(cost, salt, await digest(password, salt, cost))
      }),
    matches: (password, hash) =>
      inTurn(async () => {
        const known = parse(hash ?? nobody)
        return timingSafeEqual(await digest(password, known.salt, known.cost), known.digest) && hash !== undefined
      }),
    close: () => threads.close(),
  }
}

function phc(cost: Argon2Cost, salt: Buffer, made: Buffer): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}$${base64(salt)}$${base64(made)}`
}

function parse(text: string): { cost: Argon2Cost; salt: Buffer; digest: Buffer } {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text)
  if (found === null) throw new Error('a stored password hash is not an argon2id PHC string')
  const [, memory, passes, lanes, salt, made] = found
  return {
    cost: { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes) },
    salt: Buffer.from(salt!, 'base64'),
    digest: Buffer.from(made!, 'base64'),
  }
}

/** At most `width` works at a time, at most `queue` more waiting; whoever comes after that is sent away. */
function turnstile(width: number, queue: number): <T>(work: () => Promise<T>) => Promise<T> {
  let inside = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (inside < width) inside++
    else {
      if (waiting.length >= queue) throw tooManyLogins()
      // Whoever leaves hands its place over, so `inside` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) inside--
      else next()
    }
  }
}
