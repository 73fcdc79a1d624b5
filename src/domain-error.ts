/**
 * What a rule throws when the answer is no. No HTTP in here: each service's faults.ts decides how a
 * reason looks to its clients. Callers decide by `code`, never by the text.
 */

/** Why not, in the few kinds that callers and faults.ts tell apart. */
export type Reason =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'over-quota'
  | 'no-capacity'
  | 'unavailable'

export class DomainError extends Error {
  override readonly name = 'DomainError'
  readonly reason: Reason
  /** Dotted and stable: `network.port.in-use`. Never reused for another meaning. */
  readonly code: string
  /** Facts beside the message that faults.ts may show, such as the name of the upstream exception. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    reason: Reason,
    code: string,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.code = code
    this.details = options.details ?? {}
  }
}

/**
 * Whether an error is ours, and of one of `codes` if any are given. Goes by shape and not by prototype, because an
 * error that a durable workflow has written down and read again is a plain object with the same fields.
 */
export function isDomainError(error: unknown, ...codes: string[]): error is DomainError {
  if (typeof error !== 'object' || error === null) return false
  const candidate = error as Partial<DomainError>
  if (candidate.name !== 'DomainError' || typeof candidate.code !== 'string') return false
  return codes.length === 0 || codes.includes(candidate.code)
}
