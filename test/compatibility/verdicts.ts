/** What becomes of each operation of upstream here: from the mounted routes, the conversations and the differences. */
import type { ListedRoute } from '../../src/http/route-list.ts'
import { type Conversation, refusedByName, succeeded, turnedDown } from './conversations.ts'
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

interface Variant {
  readonly variant?: string
}

const variantKey = (each: Conversation | Difference | Operation) =>
  `${operationKey(each)}${(each as Variant).variant === undefined ? '' : ` ${(each as Variant).variant}`}`

export function judge(operations: readonly Operation[], facts: Facts): Judged[] {
  const mounted = new Map(facts.routes.map((route) => [operationKey(route), route]))
  const heard = Map.groupBy(facts.conversations, operationKey)
  const heardVariants = Map.groupBy(facts.conversations, variantKey)
  const declared = Map.groupBy(facts.differences, variantKey)
  return operations.map((operation) => {
    const key = operationKey(operation)
    const route = mounted.get(key)
    const said = (operation.variant === undefined ? heard.get(key) : heardVariants.get(variantKey(operation))) ?? []
    const differing = declared.get(variantKey(operation)) ?? []
    const isRefused = differing.some(({ refused }) => refused)
    const successes = isRefused ? [] : said.filter(succeeded)
    const refusals = said.filter((each) => refusedByName(each) || (isRefused && turnedDown(each)))
    const showing = successes.length > 0 ? successes : refusals
    const files = [...new Set(showing.map(({ file }) => file))]
    return {
      operation,
      verdict: isRefused
        ? 'refused'
        : route === undefined
          ? 'absent'
          : successes.length > 0
            ? 'offered'
            : refusals.length > 0
              ? 'refused'
              : 'unshown',
      ...(files.length > 0 && { test: mostTelling(files, operation) }),
      differences: [
        ...differing.map(({ text }) => text),
        ...(route === undefined ? [] : otherVersions(operation, route, facts.firstMicroversion)),
        ...(route === undefined ? [] : otherStatuses(operation, successes)),
      ],
    }
  })
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
  if (first === undefined || operation.max === 'gone' || operation.variant !== undefined) return []
  const here = range(route.minMicroversion ?? first, route.maxMicroversion)
  const there = range(operation.min ?? first, operation.max)
  return here === there ? [] : [`microversions ${here} here`]
}

function otherStatuses(operation: Operation, successes: readonly Conversation[]): string[] {
  if (operation.success.length === 0) return []
  const other = new Set(successes.map(({ status }) => status).filter((status) => !operation.success.includes(status)))
  if (other.size === 0) return []
  return [`answers ${[...other].sort().join(', ')}; upstream ${operation.success.join(', ')}`]
}

/** `2.1–2.43`, or `2.11–` for what is still there. */
export function range(min: string, max: string | undefined): string {
  return `${min}–${max ?? ''}`
}
