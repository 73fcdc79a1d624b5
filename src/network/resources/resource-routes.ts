/**
 * The five routes of a resource and the seven of its tags, mounted from its table of attributes and its rules. Routers
 * and all later resources come by the same way.
 * Source: neutron/pecan_wsgi/controllers/resource.py, hooks/policy_enforcement.py, neutron/extensions/tagging.py.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DomainError } from '../../domain-error.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { refusal } from '../errors.ts'
import { type NetworkTarget, POLICIES } from '../policies.ts'
import {
  type AttributeTable,
  type CreateOrder,
  readCreate,
  readUpdate,
  setOnPurpose,
  type UpdateOrder,
  readValue,
} from './attributes.ts'
import { type Listing, pageLinks, type Query, readFields, readListing } from './listing.ts'
import { type StandardRow, wantedRevision } from './standard-attributes.ts'
import { isObject, text, uniqueList } from './values.ts'

export interface Resource<A extends AttributeTable, Row extends StandardRow> {
  /** `security_group`; policies and single bodies are named so. */
  readonly singular: string
  readonly plural: string
  /** As in the URL: `security-groups`. */
  readonly path: string
  readonly attributes: A
  view(row: Row): Record<string, unknown>
  /** What policies may ask about a row. */
  target(row: Row): NetworkTarget
  list(caller: Caller, listing: Listing): Promise<readonly Row[]>
  /** A row that the caller may see. @throws DomainError not-found */
  get(caller: Caller, id: string): Promise<Row>
  /** What policies may ask about each order. @throws DomainError not-found, for a network that is not there */
  targets(caller: Caller, orders: readonly CreateOrder<A>[]): Promise<readonly NetworkTarget[]>
  /** All or none. */
  create(caller: Caller, orders: readonly CreateOrder<A>[]): Promise<readonly Row[]>
  /** Absent: the resource has no PUT. @param revision as the client insists on, if it does */
  readonly update?: (caller: Caller, row: Row, order: UpdateOrder<A>, revision: number | undefined) => Promise<Row>
  remove(caller: Caller, row: Row, revision: number | undefined): Promise<void>
  /** Replaces a row's tags by what `change` makes of them. */
  changeTags(row: Row, change: (tags: readonly string[]) => readonly string[]): Promise<readonly string[]>
}

/** @param collectionsUrl the public URL above the collections, without a slash at its end */
export function resourceRoutes<A extends AttributeTable, Row extends StandardRow>(
  app: FastifyInstance,
  resource: Resource<A, Row>,
  collectionsUrl: string,
): void {
  const { singular, plural, path, attributes } = resource
  const answer = answering(resource)
  const one = `/v2.0/${path}/:id`

  app.get(`/v2.0/${path}`, { config: { policy: `get_${singular}` } }, async (request) => {
    const query = request.query as Query
    const listing = readListing(attributes, query)
    const rows = await resource.list(request.caller, listing)
    const links = pageLinks(`${collectionsUrl}/${path}`, query, listing, rows)
    const show = answer(request.caller, listing.fields)
    return { [plural]: rows.map(show), ...(listing.limit !== undefined && { [`${plural}_links`]: links }) }
  })

  app.get(one, { config: { policy: `get_${singular}` } }, async (request) => {
    const row = await resource.get(request.caller, idOf(request))
    return { [singular]: answer(request.caller, readFields(request.query as Query))(row) }
  })

  app.post(`/v2.0/${path}`, { config: { policy: `create_${singular}`, rawBody: true } }, async (request, reply) => {
    const { bodies, bulk } = bodiesIn(request.body, singular, plural)
    const orders = bodies.map((body) => readCreate(attributes, request.caller, body, singular))
    const targets = await resource.targets(request.caller, orders)
    for (const [index, order] of orders.entries()) {
      authorizeWrite(request.caller, 'create', singular, attributes, order, targets[index]!)
    }
    const rows = await resource.create(request.caller, orders)
    reply.code(201)
    const show = answer(request.caller, undefined)
    return bulk ? { [plural]: rows.map(show) } : { [singular]: show(rows[0]!) }
  })

  const { update } = resource
  if (update !== undefined) {
    app.put(one, { config: { policy: `update_${singular}`, rawBody: true } }, async (request) => {
      const body = bodyNamed(request.body, singular)
      const order = readUpdate(attributes, body, singular)
      const row = await resource.get(request.caller, idOf(request))
      const target = { ...resource.target(row), ...ownerIn(order) }
      authorizeWrite(request.caller, 'update', singular, attributes, order, target)
      const updated = await update(request.caller, row, order, wantedRevision(request))
      return { [singular]: answer(request.caller, undefined)(updated) }
    })
  }

  app.delete(one, { config: { policy: `delete_${singular}`, rawBody: true } }, async (request, reply) => {
    if (request.body !== undefined && request.body !== null) {
      throw refusal('network.request.malformed', 'Request body is not supported in DELETE.')
    }
    const row = await resource.get(request.caller, idOf(request))
    authorize(POLICIES, `delete_${singular}`, request.caller, resource.target(row))
    await resource.remove(request.caller, row, wantedRevision(request))
    return reply.code(204).send()
  })

  tagRoutes(app, resource)
}

function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id
}

/** A new owner of the device decides on `update_port:device_owner`. */
function ownerIn(order: Readonly<Record<string, unknown>>): NetworkTarget {
  return typeof order.device_owner === 'string' ? { deviceOwner: order.device_owner } : {}
}

/**
 * From row to answer: what the caller may not see and what `fields` does not name is left out. By undefined, which JSON
 * drops: deleting members makes an object several times slower to write out.
 */
function answering<A extends AttributeTable, Row extends StandardRow>({ singular, view }: Resource<A, Row>) {
  const prefix = `get_${singular}:`
  const guarded = Object.keys(POLICIES)
    .filter((policy) => policy.startsWith(prefix) && policy !== `${prefix}tags`)
    .map((policy) => ({ name: policy.slice(prefix.length), rule: POLICIES[policy]! }))
  return (caller: Caller, fields: ReadonlySet<string> | undefined) => {
    const hidden = new Set(guarded.filter(({ rule }) => !rule.allows(caller, {})).map(({ name }) => name))
    if (hidden.size === 0 && fields === undefined) return view
    return (row: Row) => {
      const whole = view(row)
      for (const name of Object.keys(whole)) {
        if (hidden.has(name) || (fields !== undefined && !fields.has(name))) whole[name] = undefined
      }
      return whole
    }
  }
}

function bodiesIn(body: unknown, singular: string, plural: string): { bodies: unknown[]; bulk: boolean } {
  if (!isObject(body)) throw refusal('network.request.malformed', 'Body contains invalid data')
  if (!Object.hasOwn(body, plural)) return { bodies: [bodyNamed(body, singular)], bulk: false }
  const items = body[plural]
  if (!Array.isArray(items)) throw refusal('network.request.malformed', 'Body contains invalid data')
  if (items.length === 0) throw refusal('network.request.malformed', 'Resources required')
  const bodies = items.map((item) => (isObject(item) && Object.hasOwn(item, singular) ? item[singular] : item))
  return { bodies, bulk: true }
}

function bodyNamed(body: unknown, singular: string): unknown {
  if (!isObject(body) || !Object.hasOwn(body, singular)) {
    throw refusal('network.request.malformed', `Unable to find '${singular}' in request body`)
  }
  return body[singular]
}

/** The policy of the deed, then those of the attributes that are set and of the keys inside them. */
function authorizeWrite(
  caller: Caller,
  verb: 'create' | 'update',
  singular: string,
  table: AttributeTable,
  order: Readonly<Record<string, unknown>>,
  target: NetworkTarget,
): void {
  const deed = `${verb}_${singular}`
  authorize(POLICIES, deed, caller, target)
  for (const name of setOnPurpose(table, order, verb)) {
    if (POLICIES[`${deed}:${name}`] !== undefined) authorize(POLICIES, `${deed}:${name}`, caller, target)
    for (const item of [order[name]].flat()) {
      for (const key of isObject(item) ? Object.keys(item) : []) {
        const policy = `${deed}:${name}:${key}`
        if (POLICIES[policy] !== undefined) authorize(POLICIES, policy, caller, target)
      }
    }
  }
}

const MAX_TAGS = 50
const tagText = text(255)

function tagRoutes<A extends AttributeTable, Row extends StandardRow>(
  app: FastifyInstance,
  resource: Resource<A, Row>,
): void {
  const { singular, path } = resource
  const all = `/v2.0/${path}/:id/tags`
  const one = `${all}/:tag`

  /** The row, once the caller may do this to its tags. */
  const tagged = async (request: FastifyRequest, verb: 'get' | 'create' | 'update' | 'delete') => {
    const row = await resource.get(request.caller, idOf(request))
    authorize(POLICIES, `${verb}_${singular}:tags`, request.caller, resource.target(row))
    return row
  }
  const tagIn = (request: FastifyRequest) => storableTag((request.params as { tag: string }).tag)
  const tagsIn = (request: FastifyRequest) => {
    if (!isObject(request.body) || !Object.hasOwn(request.body, 'tags') || Object.keys(request.body).length !== 1) {
      throw refusal('network.request.invalid-input', 'the body must be {"tags": [...]}')
    }
    return tagList(request.body.tags)
  }
  const limited = (tags: readonly string[]) => {
    const distinct = [...new Set(tags)]
    if (distinct.length > MAX_TAGS) {
      throw refusal('network.request.bad', resource.plural, `a resource has at most ${MAX_TAGS} tags`)
    }
    return distinct
  }

  app.get(all, { config: { policy: `get_${singular}:tags` } }, async (request) => {
    return { tags: (await tagged(request, 'get')).tags }
  })
  app.get(one, { config: { policy: `get_${singular}:tags` } }, async (request, reply) => {
    const tag = tagIn(request)
    if (!(await tagged(request, 'get')).tags.includes(tag)) throw refusal('network.tag.not-found', tag)
    return reply.code(204).send()
  })
  app.post(all, { config: { policy: `create_${singular}:tags`, rawBody: true } }, async (request) => {
    const tags = tagsIn(request)
    await resource.changeTags(await tagged(request, 'create'), (old) => limited([...old, ...tags]))
    return { tags }
  })
  app.put(all, { config: { policy: `update_${singular}:tags`, rawBody: true } }, async (request) => {
    const tags = tagsIn(request)
    await resource.changeTags(await tagged(request, 'update'), () => limited(tags))
    return { tags }
  })
  app.put(one, { config: { policy: `update_${singular}:tags`, rawBody: true } }, async (request, reply) => {
    const tag = tagIn(request)
    await resource.changeTags(await tagged(request, 'update'), (old) => limited([...old, tag]))
    return reply.code(201).send()
  })
  app.delete(all, { config: { policy: `delete_${singular}:tags`, rawBody: true } }, async (request, reply) => {
    await resource.changeTags(await tagged(request, 'delete'), () => [])
    return reply.code(204).send()
  })
  app.delete(one, { config: { policy: `delete_${singular}:tags`, rawBody: true } }, async (request, reply) => {
    const tag = tagIn(request)
    await resource.changeTags(await tagged(request, 'delete'), (old) => {
      if (!old.includes(tag)) throw refusal('network.tag.not-found', tag)
      return old.filter((each) => each !== tag)
    })
    return reply.code(204).send()
  })
}

function storableTag(tag: string): string {
  return asInput(() => readValue('tag', tagText, tag))
}

function tagList(value: unknown): readonly string[] {
  return asInput(() => readValue('tags', uniqueList(tagText), value))
}

/** Tags are refused as InvalidInput, whatever is wrong with them. */
function asInput<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof DomainError) throw refusal('network.request.invalid-input', error.message)
    throw error
  }
}
