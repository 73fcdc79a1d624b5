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
 * @param request its service by our name (`compute`), its path from that service's root, without a query
 */
export function isAllowed(
  rules: readonly AccessRule[],
  request: { readonly service: string; readonly method: string; readonly path: string },
): boolean {
  const types = TYPES[request.service] ?? [request.service]
  return rules.some(
    (rule) => types.includes(rule.service) && rule.method === request.method && patternOf(rule.path).test(request.path),
  )
}

function patternOf(path: string): RegExp {
  const parts = path.match(/\{[^}]*\}|\*\*|\*|[^{*]+|\{/g) ?? []
  const pattern = parts.map((part) => {
    if (part === '**') return '.*'
    if (part === '*' || /^\{.*\}$/s.test(part)) return '[^/]+'
    return part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  })
  return new RegExp(`^${pattern.join('')}$`, 's')
}
