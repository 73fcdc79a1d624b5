/** How a mounted route, a request and a line of upstream's lists are found to be the same: by text, without the names of placeholders. */

export interface Named {
  readonly service: string
  readonly method: string
  /** From the service's root, with `{name}` placeholders. */
  readonly path: string
  /** The key of the body where one path has many deeds. */
  readonly action?: string
}

/** For people: `compute POST /v2.1/servers/{server_id}/action os-start`. What catches all below a path is one route. */
export function routeName({ service, method, path, action }: Named): string {
  return `${service} ${path.endsWith('*') ? '*' : method} ${path}${action === undefined ? '' : ` ${action}`}`
}

/** For comparing: what upstream calls `{server_id}` may be `{id}` here, and a slash at the end makes no difference. */
export function routeKey(route: Named): string {
  const path = route.path.replace(/\{[^}]*\}/g, '{}').replace(/(.)\/$/, '$1')
  // Identity answers HEAD wherever it answers GET, by the same handler.
  const method = route.service === 'identity' && route.method === 'HEAD' ? 'GET' : route.method
  return routeName({ ...route, method, path })
}

/** Where upstream's list has one line for what are several routes, the key of that line. */
export function operationKey(route: Named): string {
  return routeKey(route)
    .replace(/^(network \w+ \/v2\.0)\/[^/]+\/\{\}\/tags/, '$1/{}/{}/tags')
    .replace(/^compute GET \/v2(\.1)?$/, 'compute GET /{}')
}
