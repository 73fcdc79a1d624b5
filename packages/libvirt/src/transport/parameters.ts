/** The parameters of a URI that are switches. */
import { requestError } from '../errors.ts'

/** `1` is yes, `0` and absence no. */
export function flagOf(parameters: ReadonlyMap<string, string>, name: string): boolean {
  const value = parameters.get(name) ?? '0'
  if (value !== '0' && value !== '1') throw requestError(`${name} is 0 or 1, not ${value}`)
  return value === '1'
}
