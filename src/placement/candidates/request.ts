/**
 * What a request for candidates asks: groups of resources, each with its conditions, and what holds for the whole.
 * Source: placement/lib.py
 */
import Type, { type TSchema } from 'typebox'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { isUuid } from '../../ids.ts'
import { badQuery } from '../errors.ts'
import {
  checkQuery,
  dashed,
  type Filter,
  NO_FILTER,
  parseMemberOf,
  parseRequired,
  parseResources,
  type Query,
  valuesOf,
} from '../query.ts'

export interface Group {
  /** Empty for the one group that may be spread over a tree and over sharing providers. */
  readonly suffix: string
  readonly resources: Readonly<Record<string, number>>
  readonly traits: Filter
  readonly aggregates: Filter
  readonly inTree: string | undefined
}

export interface CandidatesRequest {
  readonly groups: readonly Group[]
  readonly limit: number | undefined
  /** Groups with a suffix are served by different providers each. */
  readonly isolate: boolean
  /** Conditions on the root of each candidate's tree. */
  readonly rootTraits: { readonly required: readonly string[]; readonly forbidden: readonly string[] } | undefined
  /** Suffixes of groups that one provider of the group must have all others below it. */
  readonly sameSubtrees: readonly (readonly string[])[]
}

const GROUPS = microversion('1.25')
const IN_TREE = microversion('1.31')
const WORD_SUFFIXES = microversion('1.33')
const SUBTREES = microversion('1.36')
const FORBIDDEN_TRAITS = microversion('1.22')

const text = (since: string) => Type.Optional(Type.String({ since }))
const wide = {
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]*$', maxLength: 15, since: '1.16' })),
  group_policy: Type.Optional(Type.Enum(['none', 'isolate'], { since: '1.25' })),
  root_required: text('1.35'),
  same_subtree: text('1.36'),
}

/** Without numbered groups: up to 1.24. */
const SingleGroupQuery = Type.Object(
  { ...wide, resources: Type.String(), required: text('1.17'), member_of: text('1.21') },
  { additionalProperties: false },
)

function groupsQuery(version: Microversion): TSchema {
  const suffix = version >= WORD_SUFFIXES ? '[a-zA-Z0-9_-]{1,64}' : '[1-9][0-9]*'
  const kinds = ['resources', 'required', 'member_of', ...(version >= IN_TREE ? ['in_tree'] : [])].join('|')
  return Type.Object(wide, {
    patternProperties: { [`^(${kinds})(${suffix})?$`]: Type.String() },
    additionalProperties: false,
  })
}
const NUMBERED = groupsQuery(GROUPS)
const NUMBERED_IN_TREE = groupsQuery(IN_TREE)
const NAMED = groupsQuery(WORD_SUFFIXES)

function schemaFor(version: Microversion): TSchema {
  if (version < GROUPS) return SingleGroupQuery
  if (version < IN_TREE) return NUMBERED
  return version < WORD_SUFFIXES ? NUMBERED_IN_TREE : NAMED
}

/** @throws DomainError `placement.query.invalid` */
export function parseRequest(query: Query, version: Microversion): CandidatesRequest {
  const single = checkQuery(version, schemaFor(version), query)
  const rootTraits = parseRootRequired(valuesOf(query, 'root_required'), version)
  const sameSubtrees = valuesOf(query, 'same_subtree').map((value) => value.split(',').map((suffix) => suffix.trim()))
  if (sameSubtrees.flat().includes('')) {
    throw badQuery('Empty string (unsuffixed group) can not be specified in `same_subtree` ', 'bad_value')
  }
  const groups = parseGroups(query, single, version)
  if (version >= SUBTREES) checkSubtrees(groups, sameSubtrees)
  else checkOrphans(groups)
  if (version >= FORBIDDEN_TRAITS) checkConflicts(groups)
  if (single.group_policy === undefined && groups.filter(({ suffix }) => suffix !== '').length > 1) {
    throw badQuery('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.')
  }
  return {
    groups,
    limit: single.limit === undefined ? undefined : Number(valuesOf(query, 'limit')[0]),
    isolate: valuesOf(query, 'group_policy')[0] === 'isolate',
    rootTraits,
    sameSubtrees,
  }
}

function parseGroups(query: Query, single: Record<string, string>, version: Microversion): Group[] {
  const suffixes = new Set<string>()
  for (const key of Object.keys(query)) {
    const found = /^(?:resources|required|member_of|in_tree)(.*)$/s.exec(key)
    if (found !== null) suffixes.add(found[1]!)
  }
  return [...suffixes].map((suffix) => {
    const resources = single[`resources${suffix}`]
    const required = valuesOf(query, `required${suffix}`)
    const memberOf = valuesOf(query, `member_of${suffix}`)
    return {
      suffix,
      resources: resources === undefined ? {} : parseResources(resources),
      traits: required.length === 0 ? NO_FILTER : parseRequired(required, version),
      aggregates: memberOf.length === 0 ? NO_FILTER : parseMemberOf(memberOf, version, suffix),
      inTree: parseInTree(single[`in_tree${suffix}`]),
    }
  })
}

function parseInTree(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (!isUuid(value.trim())) {
    throw badQuery(
      `Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: ${value}`,
    )
  }
  return dashed(value.trim())
}

function parseRootRequired(values: readonly string[], version: Microversion): CandidatesRequest['rootTraits'] {
  if (values.length === 0) return undefined
  if (values.length > 1) throw badQuery("Query parameter 'root_required' may be specified only once.", 'duplicate_key')
  if (values[0]!.startsWith('in:')) {
    throw badQuery(
      `Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: ${values[0]}`,
    )
  }
  const { required, forbidden } = parseRequired(values, version)
  const names = required.flat()
  const conflicts = names.filter((name) => forbidden.includes(name))
  if (conflicts.length > 0) {
    throw badQuery(
      `Conflicting required and forbidden traits found in root_required: ${conflicts.join(', ')}`,
      'bad_value',
    )
  }
  return { required: names, forbidden }
}

const isEmpty = (group: Group) => Object.keys(group.resources).length === 0

/** From 1.36 on a group may ask for no resources, if `same_subtree` speaks of it. */
function checkSubtrees(groups: readonly Group[], sameSubtrees: readonly (readonly string[])[]): void {
  if (groups.every(isEmpty)) {
    throw badQuery('There must be at least one resources or resources[$S] parameter.', 'missing_value')
  }
  const named = new Set(sameSubtrees.flat())
  const empty = groups.filter((group) => isEmpty(group) && !named.has(group.suffix)).map(({ suffix }) => suffix)
  if (empty.length > 0) {
    throw badQuery(
      `Resourceless suffixed group request should be specified in \`same_subtree\` query param: bad group(s) - ${empty.join(', ')}.`,
      'bad_value',
    )
  }
  const known = groups.map(({ suffix }) => suffix)
  const unknown = [...named].filter((suffix) => !known.includes(suffix))
  if (unknown.length > 0) {
    throw badQuery(
      `Real suffixes should be specified in \`same_subtree\`: ${unknown.join(', ')} not found in ${known.join(', ')}.`,
      'bad_value',
    )
  }
}

function checkOrphans(groups: readonly Group[]): void {
  const orphans = (kind: string, has: (group: Group) => boolean) =>
    groups.filter((group) => isEmpty(group) && has(group)).map(({ suffix }) => `${kind}${suffix}`)
  const traits = orphans('required', (group) => group.traits.required.length > 0)
  if (traits.length > 0) {
    throw badQuery(
      `All traits parameters must be associated with resources.  Found the following orphaned traits keys: ${traits.join(', ')}`,
    )
  }
  const aggregates = orphans(
    'member_of',
    ({ aggregates }) => aggregates.required.length + aggregates.forbidden.length > 0,
  )
  if (aggregates.length > 0) {
    throw badQuery(
      `All member_of parameters must be associated with resources. Found the following orphaned member_of keys: ${aggregates.join(', ')}`,
    )
  }
  if (groups.some(isEmpty)) throw badQuery('All request groups must specify resources.')
  if (groups.length === 0) {
    throw badQuery('At least one request group (`resources` or `resources{$S}`) is required.')
  }
}

function checkConflicts(groups: readonly Group[]): void {
  const conflicts = groups.flatMap(({ suffix, traits }) =>
    traits.required
      .filter((any) => any.every((trait) => traits.forbidden.includes(trait)))
      .map((any) => `required${suffix}: (${[...any].sort().join(', ')})`),
  )
  if (conflicts.length > 0) {
    throw badQuery(
      `Conflicting required and forbidden traits found in the following traits keys: ${conflicts.sort().join(', ')}`,
    )
  }
}
