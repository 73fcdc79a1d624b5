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
  readonly argon2: Argon2Cost
  /** Passwords being hashed at one time. Each takes a core for its while, so this bounds what a flood of logins costs. */
  readonly concurrentHashes: number
  /** Passwords waiting to be hashed; beyond that a login is told to come back (503). */
  readonly queuedHashes: number
}

/** OWASP's second choice of parameters for argon2id: 19 MiB, two passes, one lane. */
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
  argon2: { memoryKiB: 19_456, passes: 2, lanes: 1 },
  concurrentHashes: 2,
  queuedHashes: 256,
}
