/**
 * Every route of the process, as `stratolith routes` prints it and the policy and coverage tests read it. Filled by
 * asService as the plugins mount.
 */
import type { RouteOptions } from 'fastify'
import { ANYONE, AUTHENTICATED } from './policy.ts'
import type { ServiceDescription } from './service.ts'

export interface ListedRoute {
  readonly service: string
  readonly method: string
  /** From the service's root, with the version prefix and `{name}` placeholders, as the API references write it. */
  readonly path: string
  /** For action routes: the key of the body. */
  readonly action?: string
  readonly minMicroversion?: string
  readonly maxMicroversion?: string
  /** The policy's name and rule; absent only for a route that forgot it, which a test refuses. */
  readonly policy?: string
  readonly rule?: string
  /** The scopes of tokens that the service takes there; all where absent. */
  readonly scopes?: readonly string[]
}

const listed: ListedRoute[] = []

export function rememberRoute(service: ServiceDescription, route: RouteOptions): void {
  const { policy, since, until, actions } = route.config ?? {}
  const path = listedPath(route.url)
  for (const method of [route.method].flat()) {
    const base = { service: service.name, method, path }
    if (actions === undefined) {
      listed.push({ ...base, ...range(since, until), ...guard(service, policy) })
      continue
    }
    for (const [action, its] of Object.entries(actions)) {
      listed.push({ ...base, action, ...range(its.since, its.until), ...guard(service, its.policy) })
    }
  }
}

/** From where a route is mounted, `/volume/v3/volumes/:id`, to how the list writes it, `/v3/volumes/{id}`. */
export function listedPath(url: string): string {
  return url.replace(/^\/[a-z-]+/, '').replace(/:([A-Za-z_]+)(\([^)]*\))?/g, '{$1}') || '/'
}

/** What has been mounted so far, in the order of mounting; one process may mount a service once. */
export function routeList(): readonly ListedRoute[] {
  return listed
}

function range(since: string | undefined, until: string | undefined) {
  return { ...(since && { minMicroversion: since }), ...(until && { maxMicroversion: until }) }
}

function guard(service: ServiceDescription, policy: string | undefined) {
  const rule = policy === undefined ? undefined : service.policies[policy]
  const { scopes } = service
  const scoped = scopes !== undefined && rule !== ANYONE && rule !== AUTHENTICATED
  return { ...(policy && { policy }), ...(rule && { rule: rule.name }), ...(scoped && { scopes }) }
}
