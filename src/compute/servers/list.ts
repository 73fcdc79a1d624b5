/**
 * Listing servers: filters, sorting, paging.
 * Source: nova/api/openstack/compute/servers.py (_get_servers), nova/db/main/api.py (instance_get_all_by_filters_sort)
 */
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { firstOfEach, last, pageOf } from '../../http/paging.ts'
import { authorize } from '../../http/policy.ts'
import { isUuid, type ServerId } from '../../ids.ts'
import type { BoundPort, Network } from '../../network/index.ts'
import { badField, onlyAdminsListDeleted } from '../errors.ts'
import { type Status, STATUSES, statesShownAs } from '../lifecycle/states.ts'
import { truthOf } from '../parameter-types.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import { listServers, matchingTexts, type ServerFilter, serverPosition, type Sort } from './list-store.ts'
import { SORT_COLUMNS } from './schemas.ts'
import type { Server } from './server.ts'

const MAX_PAGE = 1000

type Query = Readonly<Record<string, string | string[] | undefined>>

export interface ServerPage {
  readonly servers: readonly Server[]
  /** Ports by server, where an address filter has asked for them already. */
  readonly ports?: ReadonlyMap<ServerId, readonly BoundPort[]>
  /** The marker of the next page; absent on the last. */
  readonly next?: ServerId
}

/** What everybody may filter by, with the version that opened it; admins may by everything. */
const OPEN_FILTERS: Readonly<Record<string, string>> = {
  reservation_id: '2.1',
  name: '2.1',
  status: '2.1',
  image: '2.1',
  flavor: '2.1',
  ip: '2.1',
  'changes-since': '2.1',
  all_tenants: '2.1',
  ip6: '2.5',
  tags: '2.26',
  'tags-any': '2.26',
  'not-tags': '2.26',
  'not-tags-any': '2.26',
  'changes-before': '2.66',
  locked: '2.73',
  availability_zone: '2.83',
  config_drive: '2.83',
  key_name: '2.83',
  created_at: '2.83',
  launched_at: '2.83',
  terminated_at: '2.83',
  power_state: '2.83',
  task_state: '2.83',
  vm_state: '2.83',
  progress: '2.83',
  user_id: '2.83',
}

/** Tables of upstream's that no client may reach into. */
const JOINED = new Set([
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
])

export async function listPage(
  { db, network }: { db: Database; network: Network },
  caller: Caller,
  version: Microversion,
  query: Query,
  kind: 'index' | 'detail',
): Promise<ServerPage> {
  const asked = allowedFilters(query, caller, version)
  const filter = filterOf(asked, caller, version, kind)
  if (filter === undefined) return { servers: [] }
  const sorts = sortsOf(query, version, caller)
  const { limit, marker } = pageOf(query, MAX_PAGE)
  const after = marker === undefined ? undefined : await positionOf(db, marker, filter, sorts)

  const address = last(asked.ip) ?? last(asked.ip6)
  if (address === undefined) {
    const servers = await run(() => listServers(db, filter, sorts, { limit: limit + 1, after }))
    return cut(servers, limit)
  }
  // Addresses are the network service's: all that pass the other filters are matched against theirs.
  const candidates = await run(() => listServers(db, filter, sorts, { limit: undefined, after }))
  const ports = await network.portsOf(candidates.map(({ id }) => id))
  const wished = await Promise.all([
    addressesLike(db, ports, 4, last(asked.ip)),
    addressesLike(db, ports, 6, last(asked.ip6)),
  ])
  const servers = candidates.filter(({ id }) => {
    const addresses = (ports.get(id) ?? []).flatMap((port) => port.fixedIps.map(({ ipAddress }) => ipAddress))
    return wished.every((set) => set === undefined || addresses.some((each) => set.has(each)))
  })
  return { ...cut(servers, limit), ports }
}

function cut(servers: readonly Server[], limit: number): ServerPage {
  const page = servers.slice(0, limit)
  const lastOne = page.at(-1)
  return { servers: page, ...(servers.length > limit && lastOne !== undefined && { next: lastOne.id }) }
}

/** Filters that the caller may not use are dropped, as upstream drops them. */
function allowedFilters(query: Query, caller: Caller, version: Microversion): Query {
  const isAdmin = COMPUTE_POLICIES['os_compute_api:servers:allow_all_filters']!.allows(caller, {})
  const kept = Object.entries(query).filter(([key]) => {
    if (isAdmin) return true
    const since = OPEN_FILTERS[key]
    return since !== undefined && version >= microversion(since)
  })
  for (const [key] of kept) {
    if (JOINED.has(key) || key.startsWith('_')) throw badField(`Invalid filter field: ${key.slice(0, 64)}.`)
  }
  return Object.fromEntries(kept)
}

/** Undefined where nothing can match. */
function filterOf(
  query: Query,
  caller: Caller,
  version: Microversion,
  kind: 'index' | 'detail',
): ServerFilter | undefined {
  const text = (key: string) => last(query[key])
  const since = timeIn(query, 'changes-since')
  const before = timeIn(query, 'changes-before')
  if (since !== undefined && before !== undefined && before < since) {
    throw badField('The value of changes-since must be less than or equal to changes-before.')
  }
  let deleted: boolean | undefined
  if (text('deleted') !== undefined) deleted = truthOf(text('deleted')!) ?? false
  else if (since === undefined && before === undefined) deleted = false

  const statuses = [query.status].flat().filter((status) => status !== undefined)
  const states = statuses
    .map((status) => status.toUpperCase())
    .filter((status): status is Status => (STATUSES as readonly string[]).includes(status))
    .map(statesShownAs)
    .filter(({ vmStates }) => vmStates.length > 0)
  if (statuses.length > 0 && states.length === 0) {
    if (version >= microversion('2.38')) throw badField('Invalid status value')
    return undefined
  }
  if (states.length > 0 && states.every(({ vmStates }) => vmStates.every((state) => state === 'deleted'))) {
    if (!caller.isAdmin) throw onlyAdminsListDeleted()
    deleted = true
  }

  const allTenants = allTenantsOf(text('all_tenants'))
  if (allTenants) authorize(COMPUTE_POLICIES, `os_compute_api:servers:${kind}:get_all_tenants`, caller)
  const project = allTenants ? (text('project_id') ?? text('tenant_id')) : caller.projectId
  const image = text('image') ?? text('image_ref')
  const uuid = text('uuid')
  if ((image !== undefined && !isUuid(image)) || (uuid !== undefined && !isUuid(uuid))) return undefined

  return {
    ...(project !== undefined && { projectId: project }),
    ...(!allTenants && caller.projectId === undefined && { userId: caller.userId }),
    ...(deleted !== undefined && { deleted }),
    ...(since !== undefined && { changesSince: since }),
    ...(before !== undefined && { changesBefore: before }),
    ...(states.length > 0 && { states }),
    ...(text('locked') !== undefined && { locked: lockedOf(text('locked')!) }),
    tags: listIn(text('tags')),
    tagsAny: listIn(text('tags-any')),
    notTags: listIn(text('not-tags')),
    notTagsAny: listIn(text('not-tags-any')),
    equal: definedOf({
      user_id: text('user_id'),
      image_id: image,
      id: uuid,
      flavor_id: text('flavor'),
      host: text('host') ?? text('node'),
      vm_state: text('vm_state'),
      task_state: text('task_state'),
      power_state: text('power_state'),
      launch_index: text('launch_index'),
      locked_by: text('locked_by'),
      disk_config: diskConfigOf(text('auto_disk_config')),
      config_drive: booleanText(text('config_drive')),
    }),
    matching: definedOf({
      name: text('name') ?? text('display_name'),
      description: text('description') ?? text('display_description'),
      hostname: text('hostname'),
      key_name: text('key_name'),
      reservation_id: text('reservation_id'),
      availability_zone: text('availability_zone'),
      root_device_name: text('root_device_name'),
      access_ip_v4: text('access_ip_v4'),
      access_ip_v6: text('access_ip_v6'),
      created_at: text('created_at'),
      launched_at: text('launched_at'),
      terminated_at: text('terminated_at'),
    }),
  }
}

function sortsOf(query: Query, version: Microversion, caller: Caller): readonly Sort[] {
  const keys = [query.sort_key].flat().filter((key) => key !== undefined)
  const directions = [query.sort_dir].flat().filter((direction) => direction !== undefined)
  const sorts: Sort[] = []
  keys.forEach((key, index) => {
    const direction = directions[index] ?? directions.at(-1) ?? 'desc'
    if (direction !== 'asc' && direction !== 'desc') {
      throw badField(`Unknown sort direction, must be one of: asc, desc`)
    }
    if ((key === 'host' || key === 'node') && !caller.isAdmin) return
    // Locked is a boolean to clients: sorted by whether, not by whom. Below 2.73 it is ignored.
    if (key === 'locked' && version < microversion('2.73')) return
    const column = SORT_COLUMNS[key]
    if (column !== undefined) sorts.push({ column, descending: direction === 'desc' })
  })
  if (sorts.length === 0) {
    // Directions alone turn upstream's own order around.
    const descending = (directions[0] ?? 'desc') !== 'asc'
    sorts.push({ column: 'created_at', descending })
  }
  if (!sorts.some(({ column }) => column === 'id')) {
    sorts.push({ column: 'id', descending: sorts[0]!.descending })
  }
  return firstOfEach(sorts, ({ column }) => column)
}

async function positionOf(db: Database, marker: string, filter: ServerFilter, sorts: readonly Sort[]) {
  const found = isUuid(marker) ? await serverPosition(db, marker as ServerId, filter.projectId, sorts) : undefined
  if (found === undefined) throw badField(`marker [${marker.slice(0, 255)}] not found`)
  return found
}

/** Patterns are regular expressions, of which PostgreSQL is the judge; so are numbers and times. */
async function run<T>(list: () => Promise<T>): Promise<T> {
  try {
    return await list()
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === '2201B' || code === '22P02' || code === '22003') {
      throw badField('Invalid filter: it is no regular expression or not of the right type.')
    }
    throw error
  }
}

/** Addresses of one kind that a pattern matches, from their beginning. */
async function addressesLike(
  db: Database,
  ports: ReadonlyMap<ServerId, readonly BoundPort[]>,
  ipVersion: 4 | 6,
  pattern: string | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (pattern === undefined) return undefined
  const all = [...ports.values()].flat().flatMap((port) => port.fixedIps)
  const ofKind = all.filter((address) => address.ipVersion === ipVersion).map(({ ipAddress }) => ipAddress)
  return new Set(await run(() => matchingTexts(db, ofKind, pattern)))
}

/** A time of a query; without a zone it is UTC. @throws DomainError invalid */
export function timeIn(query: Query, key: string): Date | undefined {
  const text = last(query[key])
  if (text === undefined) return undefined
  // Without a zone it is UTC.
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text.trim()) ? text.trim() : `${text.trim()}Z`
  const time = new Date(/^\d{4}-\d\d-\d\dZ$/.test(zoned) ? zoned.slice(0, -1) : zoned)
  if (!/^\d{4}-\d\d-\d\d/.test(text.trim()) || Number.isNaN(time.getTime())) {
    throw badField(`Invalid input for query parameters ${key}. Value: ${text.slice(0, 64)}. It is not a 'date-time'`)
  }
  return time
}

/** `all_tenants` without a value is yes. */
function allTenantsOf(text: string | undefined): boolean {
  if (text === undefined) return false
  if (text === '') return true
  const value = truthOf(text)
  if (value === undefined) throw badField(`Unrecognized value '${text.slice(0, 64)}' for all_tenants`)
  return value
}

function lockedOf(text: string): boolean {
  const value = truthOf(text)
  if (value === undefined) throw badField(`Unrecognized value '${text.slice(0, 64)}' for locked`)
  return value
}

function listIn(text: string | undefined): string[] | undefined {
  return text?.split(',')
}

function diskConfigOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : truthOf(text) ? 'AUTO' : 'MANUAL'
}

function booleanText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : String(truthOf(text) ?? false)
}

function definedOf(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
