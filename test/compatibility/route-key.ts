/** How a mounted route, a request and a line of upstream's lists are found to be the same: by text, without the names of placeholders. */

export interface Named {
  readonly service: string
  readonly method: string
  /** From the service's root, with `{name}` placeholders. */
  readonly path: string
  /** The key of the body where one path has many deeds. */
  readonly action?: string
}

/** For people: `compute POST /v2.1/servers/{server_id}/action os-start`. */
export function routeName(route: Named): string {
  return `${route.service} ${methodOf(route)} ${route.path}${route.action === undefined ? '' : ` ${route.action}`}`
}

/** For comparing: what upstream calls `{server_id}` may be `{id}` here, and a slash at the end makes no difference. */
export function routeKey(route: Named): string {
  return routeName({ ...route, path: route.path.replace(/\{[^}]*\}/g, '{}').replace(/(.)\/$/, '$1') })
}

/** Identity answers HEAD wherever it answers GET, by the same handler. What catches all below a path is one route. */
function methodOf({ service, method, path }: Named): string {
  if (path.endsWith('*')) return '*'
  return service === 'identity' && method === 'HEAD' ? 'GET' : method
}

/** Where upstream's list has one line for what are several routes, the key of that line. */
export function operationKey(route: Named): string {
  return routeKey(route)
    .replace(/^(network \w+ \/v2\.0)\/[^/]+\/\{\}\/tags/, '$1/{}/{}/tags')
    .replace(/^compute GET \/v2(\.1)?$/, 'compute GET /{}')
}
