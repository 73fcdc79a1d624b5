/**
 * A resource as a table of attributes, as upstream describes them: what may be sent in POST and PUT and how it is read,
 * what a list may be filtered and sorted by. From one such table come the checks of bodies, the types of orders, and
 * the queries of lists.
 * Source: neutron-lib neutron_lib/api/attributes.py, neutron/api/v2/base.py prepare_request_body.
 */
import type { Caller } from '../../http/caller.ts'
import type { ProjectId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Filter } from './filters.ts'
import { isObject, type Parse, text, Unfit } from './values.ts'

type Post = 'required' | 'defaulted' | 'unset' | 'never'

export interface Attribute<T = unknown, P extends Post = Post, Put extends boolean = boolean> {
  readonly post: P
  readonly put: Put
  readonly parse: Parse<T>
  readonly initial: T | undefined
  /** Absent: a list cannot be filtered by it. */
  readonly filter?: Filter
  /** The SQL expression to sort by, never null. Absent: no sort key. */
  readonly sort?: string
}

export type AttributeTable = Readonly<Record<string, Attribute>>

interface Options {
  readonly put?: boolean
  readonly filter?: Filter
  readonly sort?: string
}
type PutOf<O extends Options> = O['put'] extends true ? true : false

/** Must be sent in POST. */
export function required<T, O extends Options>(parse: Parse<T>, options: O): Attribute<T, 'required', PutOf<O>> {
  return { post: 'required', parse, initial: undefined, ...options, put: (options.put === true) as PutOf<O> }
}

/** May be left out of POST and is `initial` then. */
export function defaulted<T, O extends Options>(
  initial: NoInfer<T>,
  parse: Parse<T>,
  options: O,
): Attribute<T, 'defaulted', PutOf<O>> {
  return { post: 'defaulted', parse, initial, ...options, put: (options.put === true) as PutOf<O> }
}

/** May be left out of POST, which is not the same as any value. */
export function unset<T, O extends Options>(parse: Parse<T>, options: O): Attribute<T, 'unset', PutOf<O>> {
  return { post: 'unset', parse, initial: undefined, ...options, put: (options.put === true) as PutOf<O> }
}

/** Only ever answered. */
export function readOnly(options: Omit<Options, 'put'>): Attribute<never, 'never', false> {
  return { post: 'never', put: false, parse: () => undefined as never, initial: undefined, ...options }
}

/** What a POST asks for, once read. */
export type CreateOrder<A extends AttributeTable> = {
  readonly [Name in keyof A as A[Name]['post'] extends 'required' | 'defaulted' ? Name : never]: ValueOf<A[Name]>
} & {
  readonly [Name in keyof A as A[Name]['post'] extends 'unset' ? Name : never]?: ValueOf<A[Name]>
} & { readonly project_id: ProjectId }

/** What a PUT asks for, once read: only what was sent. */
export type UpdateOrder<A extends AttributeTable> = {
  readonly [Name in keyof A as A[Name]['put'] extends true ? Name : never]?: ValueOf<A[Name]>
}

type ValueOf<A> = A extends Attribute<infer T, Post, boolean> ? T : never

const malformed = (what: string) => refusal('network.request.malformed', what)

/**
 * Whose the new resource is: the caller's, unless an administrator names another project.
 */
const projectText = text(255)

/** @throws DomainError `network.request.malformed`, `network.request.invalid-input` */
export function readCreate<A extends AttributeTable>(
  table: A,
  caller: Caller,
  sent: unknown,
  kind: string,
): CreateOrder<A> {
  const body = objectNamed(sent, kind)
  const order: Record<string, unknown> = { project_id: ownerIn(body, caller) }
  refuseUnknown(table, body)
  for (const [name, attribute] of Object.entries(table)) {
    const given = Object.hasOwn(body, name)
    if (attribute.post === 'never') {
      if (given && !PROJECT_NAMES.includes(name)) throw malformed(`Attribute '${name}' not allowed in POST`)
    } else if (given) {
      order[name] = parsed(name, attribute, body[name])
    } else if (attribute.post === 'required') {
      throw malformed(`Failed to parse request. Required attribute '${name}' not specified`)
    } else if (attribute.post === 'defaulted') {
      order[name] = attribute.initial
    }
  }
  return order as unknown as CreateOrder<A>
}

/** @throws DomainError `network.request.malformed`, `network.request.invalid-input` */
export function readUpdate<A extends AttributeTable>(table: A, sent: unknown, kind: string): UpdateOrder<A> {
  const body = objectNamed(sent, kind)
  refuseUnknown(table, body)
  const order: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body)) {
    const attribute = table[name]
    if (attribute?.put !== true) throw malformed(`Cannot update read-only attribute ${name}`)
    order[name] = parsed(name, attribute, value)
  }
  return order as UpdateOrder<A>
}

function objectNamed(sent: unknown, kind: string): Record<string, unknown> {
  if (!isObject(sent)) throw malformed(`Object '${kind}' contains invalid data`)
  return sent
}

/** Both spellings are one attribute; the older one is still sent by clients. */
const PROJECT_NAMES: readonly string[] = ['project_id', 'tenant_id']

function ownerIn(body: Record<string, unknown>, caller: Caller): ProjectId {
  const named = PROJECT_NAMES.filter((name) => Object.hasOwn(body, name)).map((name) => ({ name, value: body[name] }))
  if (named.length === 2 && named[0]!.value !== named[1]!.value) {
    throw malformed(`'project_id' and 'tenant_id' do not match`)
  }
  const [first] = named
  if (first === undefined) {
    if (caller.projectId === undefined) throw malformed('project_id must be given: the token is of no project')
    return caller.projectId
  }
  const project = readValue(first.name, projectText, first.value)
  if (project !== caller.projectId && !caller.isAdmin) {
    throw malformed('Only an administrator may name a project_id other than that of the token')
  }
  if (project === '') throw malformed('project_id must not be empty')
  return project as ProjectId
}

function refuseUnknown(table: AttributeTable, body: Record<string, unknown>): void {
  const unknown = Object.keys(body).filter((name) => !Object.hasOwn(table, name) && !PROJECT_NAMES.includes(name))
  if (unknown.length > 0) throw malformed(`Unrecognized attribute(s) '${unknown.map(short).join(', ')}'`)
}

function parsed(name: string, attribute: Attribute, value: unknown): unknown {
  return readValue(name, attribute.parse, value)
}

/** @throws DomainError when the value does not do, naming the attribute */
export function readValue<T>(name: string, parse: Parse<T>, value: unknown): T {
  try {
    return parse(value)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    if (error.by === 'converter') throw refusal('network.request.invalid-input', error.message)
    throw malformed(`Invalid input for ${name}. Reason: ${error.message}.`)
  }
}

function short(name: string): string {
  return name.length > 64 ? `${name.slice(0, 61)}...` : name
}

/**
 * The attributes that a request sets on purpose, which is what attribute policies are asked about: in POST those that
 * differ from their default, in PUT all that were sent.
 */
export function setOnPurpose(
  table: AttributeTable,
  order: Readonly<Record<string, unknown>>,
  verb: 'create' | 'update',
): string[] {
  return Object.keys(order).filter((name) => {
    const attribute = table[name]
    if (attribute === undefined || order[name] === undefined) return false
    return verb === 'update' || JSON.stringify(order[name]) !== JSON.stringify(attribute.initial)
  })
}
