/** A daemon says little about why it does not let in; what was attempted is known here. */
import { LibvirtError } from '../errors.ts'

/** The daemon's own error with that in front, and advice behind it. Any other error as it is. */
export function attempted(what: string, error: unknown, advice = ''): unknown {
  if (!(error instanceof LibvirtError) || error.origin !== 'daemon') return error
  const { origin, code, domain, level, str1, str2, str3, int1, int2, procedure } = error
  const fields = { origin, code, domain, level, str1, str2, str3, int1, int2, procedure, cause: error }
  return new LibvirtError(`${what}: ${error.message}${advice}`, fields)
}
