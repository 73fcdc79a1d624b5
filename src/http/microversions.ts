/**
 * Microversions, as compute, volume and placement negotiate them in headers.
 * Source: the API SIG's microversion specification; nova/api/openstack/wsgi.py; microversion_parse as placement uses it.
 */
import { DomainError } from '../domain-error.ts'

/** `major * 1000 + minor`, so that versions compare as numbers: 2.90 is 2090. */
export type Microversion = number

/** @throws Error for anything but `digits.digits`: for constants of our own, not for headers */
export function microversion(text: string): Microversion {
  const [major, minor] = text.split('.')
  const value = Number(major) * 1000 + Number(minor)
  if (!Number.isInteger(value)) throw new Error(`not a microversion: ${text}`)
  return value
}

export function showMicroversion(version: Microversion): string {
  return `${Math.floor(version / 1000)}.${version % 1000}`
}

export interface MicroversionRange {
  /** The service's word in `OpenStack-API-Version`, such as `compute`. */
  readonly service: string
  /** Other words taken for it: gophercloud 1.x sends its client type, `volumev3`. */
  readonly aliases?: readonly string[]
  /** A header of an older time that carries the bare version, such as `x-openstack-nova-api-version`. */
  readonly legacyHeader?: string
  readonly min: Microversion
  readonly max: Microversion
}

/**
 * The version that a request asks for: the minimum without a header, the maximum for `latest`.
 * @throws DomainError invalid `http.microversion.malformed`, or `http.microversion.unacceptable` (a 406)
 */
export function negotiate(
  range: MicroversionRange,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Microversion {
  const asked = askedFor(range, headers)
  if (asked === undefined) return range.min
  if (asked === 'latest') return range.max
  if (!/^\d+\.\d+$/.test(asked)) {
    throw new DomainError(
      'invalid',
      'http.microversion.malformed',
      `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`,
    )
  }
  const version = microversion(asked)
  if (version < range.min || version > range.max || asked.split('.')[1]!.length > 3) {
    throw new DomainError(
      'invalid',
      'http.microversion.unacceptable',
      `Version ${asked} is not supported by the API. Minimum is ${showMicroversion(range.min)} and maximum is ${showMicroversion(range.max)}.`,
    )
  }
  return version
}

function askedFor(
  range: MicroversionRange,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const header = headers['openstack-api-version']
  const text = Array.isArray(header) ? header.join(',') : header
  if (text !== undefined) {
    for (const part of text.split(',')) {
      const [service, version, ...rest] = part.trim().split(/\s+/)
      if (service === undefined || rest.length > 0) continue
      if (service.toLowerCase() === range.service || range.aliases?.includes(service.toLowerCase())) {
        return version?.toLowerCase() === 'latest' ? 'latest' : (version ?? '')
      }
    }
  }
  if (range.legacyHeader === undefined) return undefined
  const legacy = headers[range.legacyHeader]
  const bare = Array.isArray(legacy) ? legacy[0] : legacy
  return bare?.trim().toLowerCase() === 'latest' ? 'latest' : bare?.trim()
}
