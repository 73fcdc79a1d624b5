/** What becomes of each operation of upstream here: from the mounted routes, the conversations and the differences. */
import type { ListedRoute } from '../../src/http/route-list.ts'
import { type Conversation, refusedByName, succeeded } from './conversations.ts'
import type { Difference, Operation } from './operations.ts'
import { operationKey, routeName } from './route-key.ts'

/** `unshown`: mounted, and no conversation has shown that it does what it says. */
export type Verdict = 'offered' | 'unshown' | 'refused' | 'absent'

export interface Judged {
  readonly operation: Operation
  readonly verdict: Verdict
  /** The test that shows it, from the root of the checkout. */
  readonly test?: string
  readonly differences: readonly string[]
}

export interface Facts {
  readonly routes: readonly ListedRoute[]
  readonly conversations: readonly Conversation[]
  readonly differences: readonly Difference[]
  /** The service's first microversion, where it negotiates any. */
  readonly firstMicroversion?: string
}

const variantKey = (each: Conversation | Difference | Operation) => `${operationKey(each)} ${each.variant ?? ''}`

export function judge(operations: readonly Operation[], facts: Facts): Judged[] {
  const mounted = new Map(facts.routes.map((route) => [operationKey(route), route]))
  const heard = Map.groupBy(facts.conversations, variantKey)
  const declared = Map.groupBy(facts.differences, variantKey)
  const several = new Set(operations.filter(({ variant }) => variant !== undefined).map(operationKey))
  return operations.map((operation) => {
    const key = operationKey(operation)
    const route = mounted.get(key)
    const said = heard.get(variantKey(operation)) ?? []
    const differing = declared.get(variantKey(operation)) ?? []
    const refusedWith = differing.find((each) => each.refusedWith !== undefined)?.refusedWith
    const successes = said.filter(succeeded)
    const refusals = said.filter((each) => refusedByName(each, refusedWith))
    const files = new Set((successes.length > 0 ? successes : refusals).map(({ file }) => file))
    return {
      operation,
      verdict: verdictOf(route, successes, refusals),
      ...(files.size > 0 && { test: mostTelling([...files], operation) }),
      differences: [
        ...differing.map(({ text }) => text),
        // A route of several variants answers in the versions of them all.
        ...(route === undefined || several.has(key) ? [] : otherVersions(operation, route, facts.firstMicroversion)),
        ...(route === undefined ? [] : otherStatuses(operation, successes)),
      ],
    }
  })
}

function verdictOf(
  route: ListedRoute | undefined,
  successes: readonly Conversation[],
  refusals: readonly Conversation[],
): Verdict {
  if (route === undefined) return 'absent'
  if (successes.length > 0) return 'offered'
  return refusals.length > 0 ? 'refused' : 'unshown'
}

/** Mounted routes that upstream's list has not. */
export function beyondUpstream(operations: readonly Operation[], routes: readonly ListedRoute[]): string[] {
  const known = new Set(operations.map(operationKey))
  return [...new Set(routes.filter((route) => !known.has(operationKey(route))).map(routeName))].sort()
}

/** Of several tests that show an operation, the one beside its resource, or else beside its service. */
function mostTelling(files: readonly string[], { service, path }: Operation): string {
  const nouns = path
    .split('/')
    .filter((segment) => segment !== '' && !segment.startsWith('{'))
    .map((segment) => segment.replace(/^os-/, '').replaceAll('_', '-'))
  const rank = (file: string) => {
    const rooms = file.split(/[/.]/)
    const noun = nouns.findLastIndex((each) => rooms.includes(each))
    return (file.startsWith(`src/${service}/`) ? 100 : 0) + noun + 1
  }
  return files.toSorted((a, b) => rank(b) - rank(a) || (a < b ? -1 : 1))[0]!
}

function otherVersions(operation: Operation, route: ListedRoute, first: string | undefined): string[] {
  if (first === undefined || operation.max === 'gone') return []
  const here = range(route.minMicroversion ?? first, route.maxMicroversion)
  const there = range(operation.min ?? first, operation.max)
  return here === there ? [] : [`mounted for microversions ${here}`]
}

function otherStatuses(operation: Operation, successes: readonly Conversation[]): string[] {
  if (operation.success.length === 0) return []
  const statuses = successes.filter(({ method }) => method === operation.method).map(({ status }) => status)
  const other = new Set(statuses.filter((status) => !operation.success.includes(status)))
  if (other.size === 0) return []
  return [`answers ${[...other].sort().join(', ')}; upstream ${operation.success.join(', ')}`]
}

/** `2.1–2.43`, or `2.11–` for what is still there. */
export function range(min: string, max: string | undefined): string {
  return `${min}–${max ?? ''}`
}
