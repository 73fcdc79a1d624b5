/** Which mounted routes no test has had a conversation with. */
import type { ListedRoute } from '../../src/http/route-list.ts'
import { type Conversation, refusedByName, succeeded } from './conversations.ts'
import type { Difference } from './operations.ts'
import { routeKey, routeName } from './route-key.ts'

export interface Coverage {
  /** Routes, and those of them that a test has had an answer of. */
  readonly mounted: number
  readonly shown: number
  /** Routes without a conversation that are not known to lack one. */
  readonly missing: readonly string[]
  /** Lines of the list that must go: the route has a conversation by now, or is no longer mounted. */
  readonly stale: readonly string[]
}

/**
 * A conversation is an answer that the route alone can give: a success; or, of a route that is there to refuse, its
 * refusal (410, 501, or what the differences declare). Being turned away at the door is none.
 * @param known the list of routes known to lack one, as routeName writes them
 */
export function coverage(
  routes: readonly ListedRoute[],
  conversations: readonly Conversation[],
  { known, differences }: { known: readonly string[]; differences: readonly Difference[] },
): Coverage {
  const refusing = new Map(
    differences.filter(({ variant }) => variant === undefined).map((each) => [routeKey(each), each.refusedWith]),
  )
  const shown = new Set(
    conversations.filter((each) => succeeded(each) || refusedByName(each, refusing.get(routeKey(each)))).map(routeKey),
  )
  const mounted = new Map(routes.map((route) => [routeKey(route), routeName(route)]))
  const listed = new Map(known.map((line) => [withoutNames(line), line]))
  const lacking = [...mounted].filter(([key]) => !shown.has(key))
  return {
    mounted: mounted.size,
    shown: mounted.size - lacking.length,
    missing: lacking
      .filter(([key]) => !listed.has(key))
      .map(([, name]) => name)
      .sort(),
    stale: [...listed]
      .filter(([key]) => shown.has(key) || !mounted.has(key))
      .map(([, line]) => line)
      .sort(),
  }
}

function withoutNames(line: string): string {
  const [service, method, path, action] = line.split(' ')
  return routeKey({ service: service!, method: method!, path: path!, ...(action !== undefined && { action }) })
}
