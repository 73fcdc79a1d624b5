/** `limit` and `marker`, as all APIs but placement take them. */
import { DomainError } from '../domain-error.ts'

export interface Page {
  /** At most this many rows; the service's maximum where the request names none. */
  readonly limit: number
  /** The id of the last row of the page before. */
  readonly marker?: string
}

/**
 * @param query the parsed query string
 * @param max the service's maximum page size; a larger `limit` is capped to it
 * @throws DomainError invalid, `http.paging.limit`
 */
export function pageOf(query: Readonly<Record<string, unknown>>, max: number): Page {
  const marker = last(query.marker)
  const asked = last(query.limit)
  if (asked === undefined) return { limit: max, ...(marker !== undefined && { marker }) }
  if (!/^\d+$/.test(asked)) {
    throw new DomainError(
      'invalid',
      'http.paging.limit',
      `Invalid input for query parameters limit. Value: ${asked.slice(0, 64)}. limit must be a non-negative integer`,
    )
  }
  const limit = Number(asked)
  return { limit: limit === 0 ? max : Math.min(limit, max), ...(marker !== undefined && { marker }) }
}

/** The URL of the next page: this request's with another marker. `base` is the public URL of the service. */
export function nextPageUrl(
  base: string,
  path: string,
  query: Readonly<Record<string, unknown>>,
  marker: string,
): string {
  const next = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (key === 'marker') continue
    for (const each of [value].flat()) next.append(key, String(each))
  }
  next.append('marker', marker)
  return `${base}${path}?${next}`
}

/** A query parameter that may come several times: upstream takes the last. */
export function last(value: unknown): string | undefined {
  const one = Array.isArray(value) ? value.at(-1) : value
  return one === undefined ? undefined : String(one)
}

/**
 * An order by each of its keys once. What is in order by a key stays so by the same key again; and a page's beginning is
 * asked for by every key before it, so that keys that are listed a thousand times would cost a million conditions.
 */
export function firstOfEach<T>(sorts: readonly T[], keyOf: (sort: T) => unknown): T[] {
  return [...Map.groupBy(sorts, keyOf).values()].map(([first]) => first!)
}
