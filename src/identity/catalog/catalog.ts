/**
 * The catalog as a token shows it: services and endpoints, with the project's and the user's id filled into the URLs.
 * Read once after each change and kept; as JSON, because it is most of every token's answer.
 * Source: keystone/catalog/backends/sql.py, keystone/common/utils.py
 */
import { LRUCache } from 'lru-cache'
import type { Database } from '../../database/database.ts'
import type { Changes } from '../changes.ts'
import { anyFilters, listEndpointsOfProject } from '../endpoint-filter/store.ts'
import { MAX_AGE_MS } from '../tokens/access.ts'
import { type CatalogRow, listCatalog } from './store.ts'

export interface Catalog {
  /** A JSON array. Endpoints whose URL wants a project are left out where there is none. */
  asJson(userId: string, projectId: string | undefined): Promise<string>
}

const MAX_REMEMBERED = 512

export function openCatalog(db: Database, changes: Changes): Catalog {
  let rows: Promise<{ all: readonly CatalogRow[]; filtered: boolean }> | undefined
  let count = 0
  let readAt = 0
  const written = new LRUCache<string, string>({ max: MAX_REMEMBERED })

  return {
    async asJson(userId, projectId) {
      if (rows === undefined || count !== changes.count || Date.now() - readAt >= MAX_AGE_MS) {
        count = changes.count
        readAt = Date.now()
        const reading = Promise.all([listCatalog(db), anyFilters(db)]).then(([all, filtered]) => ({ all, filtered }))
        rows = reading
        written.clear()
        reading.catch(() => {
          if (rows === reading) rows = undefined
        })
      }
      const reading = rows
      const { all, filtered } = await reading
      const key = `${projectId ?? ''} ${all.some((row) => row.url?.includes('(user_id)')) ? userId : ''}`
      const known = written.get(key)
      if (known !== undefined && reading === rows) return known
      const given = filtered && projectId !== undefined ? await listEndpointsOfProject(db, projectId) : []
      const rowsGiven = given.length === 0 ? all : onlyGiven(all, new Set(given.map((endpoint) => endpoint.id)))
      const json = JSON.stringify(catalogFor(rowsGiven, { userId, projectId }))
      if (reading === rows) written.set(key, json)
      return json
    },
  }
}

/** What a project sees that was given some endpoints: those, and services that have one of them. */
function onlyGiven(rows: readonly CatalogRow[], ids: ReadonlySet<string>): readonly CatalogRow[] {
  return rows.filter((row) => row.endpointId !== null && ids.has(row.endpointId))
}

interface CatalogEntry {
  id: string
  type: string
  name: string
  endpoints: { id: string; interface: string; region_id: string | null; url: string; region: string | null }[]
}

export function catalogFor(
  rows: readonly CatalogRow[],
  scope: { userId: string; projectId: string | undefined },
): CatalogEntry[] {
  const entries = new Map<string, CatalogEntry>()
  for (const row of rows) {
    let entry = entries.get(row.serviceId)
    if (entry === undefined) {
      entry = { id: row.serviceId, type: row.serviceType, name: row.serviceName ?? '', endpoints: [] }
      entries.set(row.serviceId, entry)
    }
    const url = row.url === null ? undefined : filledIn(row.url, scope)
    if (url === undefined) continue
    entry.endpoints.push({
      id: row.endpointId!,
      interface: row.interface!,
      region_id: row.regionId,
      url,
      region: row.regionId,
    })
  }
  return [...entries.values()]
}

/** The words that an endpoint's URL may have filled in, as `$(word)s` or `%(word)s`. */
export const URL_WORDS = ['project_id', 'tenant_id', 'user_id'] as const

const WORD = /[$%]\(([^)]*)\)s/g

/** Undefined when the URL wants something that the scope has not. */
function filledIn(url: string, scope: { userId: string; projectId: string | undefined }): string | undefined {
  let missing = false
  const filled = url.replace(WORD, (_, word: string) => {
    const value =
      word === 'user_id' ? scope.userId : word === 'project_id' || word === 'tenant_id' ? scope.projectId : undefined
    if (value === undefined) missing = true
    return value ?? ''
  })
  return missing ? undefined : filled
}

/** The first word in a URL that can never be filled in; undefined when all can. */
export function unknownUrlWord(url: string): string | undefined {
  for (const [, word] of url.matchAll(WORD)) {
    if (!(URL_WORDS as readonly string[]).includes(word!)) return word
  }
  // Anything else after `$(` or a bare `%(` is a slip of the pen.
  return /[$%]\((?![^)]*\)s)/.test(url) ? '(' : undefined
}
