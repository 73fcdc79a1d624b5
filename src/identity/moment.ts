/** Times that clients name. Source: keystone/common/utils.py, `parse_expiration_date` */
import { invalid } from './errors.ts'

const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/

/** Without a zone it is UTC. @throws DomainError invalid, `identity.time.malformed` */
export function momentOf(text: string): Date {
  const time = ISO.test(text) ? new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`) : new Date(Number.NaN)
  if (Number.isNaN(time.getTime())) {
    throw invalid('time.malformed', `The time ${text.slice(0, 64)} is not of the form 2030-12-31T23:59:59Z.`)
  }
  return time
}

/** The end of something. @throws DomainError invalid, `identity.time.malformed` or `identity.time.past` */
export function futureTime(text: string): Date {
  const time = momentOf(text)
  if (time <= new Date()) throw invalid('time.past', `The end ${text} is not in the future.`)
  return time
}
