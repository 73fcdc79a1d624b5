/** From an error to the `fault` of a server, as users and admins see it. */
import { isDomainError } from '../../domain-error.ts'
import { statusOf } from '../faults.ts'
import type { ServerFault } from '../servers/server.ts'

export interface FaultWithCode extends ServerFault {
  /** The stable code of the error, for the action's record; not shown. */
  readonly errorCode: string
}

/**
 * Upstream gives the code 500 to all that is not the user's doing, and shows the message of it all the same; what it
 * takes from an unknown error is only its kind.
 */
export function faultOf(error: unknown): FaultWithCode {
  const at = new Date().toISOString()
  const stack = error instanceof Error ? (error.stack ?? String(error)) : JSON.stringify(error)
  if (!isDomainError(error)) {
    const kind = error instanceof Error ? error.name : 'Error'
    return { code: 500, message: kind, details: stack, createdAt: at, errorCode: 'compute.surprise' }
  }
  const blame = error.reason === 'unavailable' || error.reason === 'no-capacity' ? 500 : statusOf(error)
  return {
    code: blame,
    message: error.message.slice(0, 255),
    details: `${error.code}: ${error.message}\n${stack}`,
    createdAt: at,
    errorCode: error.code,
  }
}
