import { availableParallelism } from 'node:os'

/** What an operator may set about identity. Defaults are upstream's unless the line says otherwise. */
export interface IdentitySettings {
  readonly tokenLifetimeSeconds: number
  /** How long after its end a token may still be validated with `allow_expired`: long-running work needs that. */
  readonly allowExpiredWindowSeconds: number
  /** Whether a scoped token may be exchanged for one of another scope. */
  readonly allowRescopeScopedToken: boolean
  /** Levels of projects below a domain. */
  readonly maxProjectTreeDepth: number
  /** How many times a trust may be passed on. */
  readonly maxRedelegationCount: number
  readonly maxPasswordLength: number
  /** Failed logins in a row after which a user is locked out; 0 locks nobody out. */
  readonly lockoutFailures: number
  /** How long he stays so; 0 until an administrator enables him. */
  readonly lockoutSeconds: number
  /** Days after which a password must be changed; 0 never. */
  readonly passwordLifetimeDays: number
  /** How many of his last passwords a user may not choose again. */
  readonly passwordHistory: number
  /** Days for which a user keeps a password that he chose. */
  readonly passwordMinimumAgeDays: number
  /** What a password must match from its beginning; absent where any will do. */
  readonly passwordPattern?: RegExp | undefined
  /** The pattern in words, for whoever chose a password that does not match. */
  readonly passwordPatternMeaning: string
  /** Whether a password that an administrator chose must be changed before it opens anything. */
  readonly passwordChangeUponFirstUse: boolean
  /** Days without a login after which a user counts as disabled; 0 never. */
  readonly disableInactiveDays: number
  /** How many half minutes a one-time passcode may be late. */
  readonly totpPastWindows: number
  /** How long the other methods may follow the first. */
  readonly receiptLifetimeSeconds: number
  readonly argon2: Argon2Cost
  /** Passwords being hashed at one time. Each takes a core for its while, so this bounds what a flood of logins costs. */
  readonly concurrentHashes: number
  /** Passwords waiting to be hashed; beyond that a login is told to come back (503). */
  readonly queuedHashes: number
}

/** OWASP's third choice of parameters for argon2id: 12 MiB, three passes, one lane. */
export interface Argon2Cost {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

export const DEFAULT_SETTINGS: IdentitySettings = {
  tokenLifetimeSeconds: 3600,
  allowExpiredWindowSeconds: 172_800,
  allowRescopeScopedToken: true,
  maxProjectTreeDepth: 5,
  maxRedelegationCount: 3,
  maxPasswordLength: 4096,
  lockoutFailures: 0,
  lockoutSeconds: 1800,
  passwordLifetimeDays: 0,
  passwordHistory: 0,
  passwordMinimumAgeDays: 0,
  passwordPatternMeaning: '',
  passwordChangeUponFirstUse: false,
  disableInactiveDays: 0,
  totpPastWindows: 1,
  receiptLifetimeSeconds: 300,
  argon2: { memoryKiB: 12_288, passes: 3, lanes: 1 },
  // One core is left for everything else.
  concurrentHashes: Math.max(1, availableParallelism() - 1),
  queuedHashes: 256,
}
