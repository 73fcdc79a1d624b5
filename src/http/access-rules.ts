/**
 * Access rules: an application credential may be limited to certain requests, and every service holds to that before it
 * looks at policy. Source: keystonemiddleware/auth_token/__init__.py, `_validate_allowed_request` and `_path_matches`
 */

/** One kind of request that is allowed. */
export interface AccessRule {
  /** A service type of the catalog, such as `compute`. */
  readonly service: string
  readonly method: string
  /**
   * From the service's root: `/v2.1/servers/{server_id}`. A `{name}` or a `*` stands for one segment, `**` for any
   * number.
   */
  readonly path: string
}

/** The catalog's types for a service of ours. */
const TYPES: Readonly<Record<string, readonly string[]>> = { volume: ['volumev3', 'block-storage', 'volume'] }

/**
 * Rules come from users, and so do paths: whatever both are, the time that this takes grows with their lengths alone.
 * @param request its service by our name (`compute`), its path from that service's root, without query and fragment
 */
export function isAllowed(
  rules: readonly AccessRule[],
  request: { readonly service: string; readonly method: string; readonly path: string },
): boolean {
  const types = TYPES[request.service] ?? [request.service]
  return rules.some(
    (rule) => types.includes(rule.service) && rule.method === request.method && fits(rule.path, request.path),
  )
}

/** A letter that stands for itself, one letter of a segment, any number of those, or any letters at all. */
type Part = { readonly letter: string } | 'one' | 'segment' | 'anything'

function partsOf(pattern: string): Part[] {
  const parts: Part[] = []
  for (const piece of pattern.match(/\{[^}]*\}|\*\*|\*|[^{*]+|\{/g) ?? []) {
    if (piece === '**') parts.push('anything')
    else if (piece === '*' || /^\{.*\}$/s.test(piece)) parts.push('one', 'segment')
    else for (const letter of piece) parts.push({ letter })
  }
  return parts
}

/** Goes through the path once, with every number of parts that what was read so far could have come to. */
function fits(pattern: string, path: string): boolean {
  const parts = partsOf(pattern)
  let reached = new Set<number>()
  const reach = (into: Set<number>, first: number) => {
    // Those that may stand for nothing are passed over as well.
    for (let at = first; !into.has(at); at++) {
      into.add(at)
      if (parts[at] !== 'segment' && parts[at] !== 'anything') return
    }
  }
  reach(reached, 0)
  for (const letter of path) {
    const next = new Set<number>()
    for (const at of reached) {
      const part = parts[at]
      if (part === undefined) continue
      if (part === 'anything' || (part === 'segment' && letter !== '/')) reach(next, at)
      else if (part === 'one' ? letter !== '/' : part !== 'segment' && part.letter === letter) reach(next, at + 1)
    }
    if (next.size === 0) return false
    reached = next
  }
  return reached.has(parts.length)
}
