/**
 * Every route of identity, asked by a real token of every persona for what is its own, its domain's and a foreign
 * domain's, and answered as upstream's check string says.
 */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../../src/http/route-list.ts'
import { ec2Signature } from '../../src/identity/ec2-credentials/signatures.ts'
import type { Answer } from '../support/service.ts'
import { namesIn } from './check-string.ts'
import { type IdentityWorld, identityWorld, type Person, type Things, type Whose } from './identity-world.ts'
import { scopeOf } from './people.ts'
import { type Snapshot, takeSnapshot } from '../support/snapshot.ts'
import { readUpstream } from './upstream.ts'

const UPSTREAM = readUpstream('identity')

/** Routes that ask another policy than the one that guards them, in the form in which the test asks them. */
const POLICY_OF: Readonly<Record<string, string>> = { 'GET /v3/OS-TRUST/trusts': 'identity:list_trusts' }

/** Whoever may do these knows more than who he is, or is told that they are off. */
const NOT_BY_POLICY = ['versions:get', 'identity:authenticate', 'identity:change_password', 'identity:revocation_list']

/** Parts of the API that are off; their answers are for the tests beside them. */
const OFF = /^\/v3\/(auth\/)?(OS-FEDERATION|OS-OAUTH1|OS-OAUTH2|OS-SIMPLE-CERT)|\/OS-OAUTH1\//

/** What a list is about is the domain of the token; where there is none, nobody's. */
const LISTS: Readonly<Record<string, string>> = {
  '/v3/projects': 'target.domain_id',
  '/v3/users': 'target.domain_id',
  '/v3/role_assignments': 'target.domain_id',
  '/v3/groups': 'target.group.domain_id',
  '/v3/domains': 'target.domain.id',
}

describe('identity, asked by every persona', () => {
  let world: IdentityWorld
  let snapshot: Snapshot
  let routes: readonly ListedRoute[]

  before(async () => {
    world = await identityWorld()
    snapshot = await takeSnapshot(world.test.service.context.db, 'identity', ['revision'])
    const all = routeList().filter((route) => route.service === 'identity' && !OFF.test(route.path))
    const policyOfGet = new Map(all.filter(({ method }) => method === 'GET').map(({ path, policy }) => [path, policy]))
    // HEAD is GET's, where it has no policy of its own.
    routes = all.filter(({ method, path, policy }) => method !== 'HEAD' || policyOfGet.get(path) !== policy)
  })
  after(() => world[Symbol.asyncDispose]())

  it('lets each do what upstream lets it, refuses all else with 403, and knows a way in which each route succeeds', async () => {
    const wrong: string[] = []
    const neverDone: string[] = []
    for (const route of routes) {
      const name = POLICY_OF[`${route.method} ${route.path}`] ?? route.policy!
      if (NOT_BY_POLICY.includes(name)) continue
      const { scopes, text, check } = UPSTREAM.policies.get(name)!
      // Where nothing is compared it makes no difference whose it is.
      const worlds: readonly Whose[] = namesIn(text, UPSTREAM.rules).size === 0 ? ['home'] : ['own', 'home', 'foreign']
      let done = false
      for (const whose of worlds) {
        for (const person of world.people) {
          const things = world.things(person, whose)
          const facts = factsFor(route, person, things)
          const expected =
            (scopes.length === 0 || scopes.includes(scopeOf(person.persona))) && check(person.credentials, facts)
          const answer = await ask(route, person, things)
          done ||= answer.status < 300
          if (wasAllowed(route, answer) !== expected) {
            const said = JSON.stringify(answer.body?.error?.message ?? '')
            wrong.push(`${person.persona.name} ${route.method} ${route.path} (${whose}): ${answer.status} ${said}`)
          }
          if (answer.status < 300 && !['GET', 'HEAD'].includes(route.method)) await restore()
        }
      }
      if (!done) neverDone.push(`${route.method} ${route.path}`)
    }
    assert.deepEqual(wrong, [])
    assert.deepEqual(neverDone, [])
  })

  it('asks for a token wherever a policy guards', async () => {
    const wrong: string[] = []
    const [person] = world.people
    for (const route of routes) {
      if (['versions:get', 'identity:authenticate', 'identity:change_password'].includes(route.policy!)) continue
      for (const token of [undefined, 'gAAAAforged']) {
        const { status } = await ask(route, { ...person!, token: token as never }, world.things(person!, 'home'))
        if (status !== 401) wrong.push(`${route.method} ${route.path}: ${status}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

  async function restore(): Promise<void> {
    await snapshot.restore()
    // As a change would: what is remembered is read again.
    await world.test.service.context.db`update identity.revision set count = count + 1`
  }

  function ask(route: ListedRoute, person: Person, things: Things): Promise<Answer> {
    const ids = route.path.includes('OS-EC2')
      ? { ...things.ids, credential_id: things.ids.access! }
      : idsFor(route, things)
    const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const id = ids[name]
      if (id === undefined) throw new Error(`the test has no ${name} for ${route.path}`)
      return encodeURIComponent(id)
    })
    const subject: Record<string, string> =
      route.path === '/v3/auth/tokens' ? { 'x-subject-token': things.subject } : {}
    return world.test.ask(person.token, route.method, path, bodyFor(route, things), subject)
  }

  /** Things that others hang on, or that are in use, cannot go; the test has some that can. */
  function idsFor({ method, path }: ListedRoute, { ids }: Things): Readonly<Record<string, string>> {
    if (method === 'PUT' && path === '/v3/regions/{region_id}') return { ...ids, region_id: 'new' }
    if (method === 'DELETE' && path === '/v3/regions/{region_id}') return { ...ids, region_id: 'lonely' }
    if (method === 'DELETE' && path === '/v3/domains/{domain_id}') return { ...ids, domain_id: ids.disabled_domain_id! }
    if (method === 'PUT' && path.endsWith('/tags/{tag}')) return { ...ids, tag: 'new' }
    if (path.startsWith('/v3/domains/{domain_id}/config/security_compliance')) {
      return { ...ids, domain_id: 'default', option: 'password_regex' }
    }
    // What is there already is a conflict, or gives nothing new.
    if (method === 'PUT' && path.includes('/endpoint_groups/'))
      return { ...ids, project_id: world.test.ids.demoProjectId }
    if (method === 'PUT' && path.includes('OS-EP-FILTER/projects'))
      return { ...ids, project_id: world.test.ids.demoProjectId }
    return ids
  }

  function factsFor({ method, path, policy }: ListedRoute, person: Person, { facts }: Things) {
    const known: Record<string, unknown> = { ...facts }
    // Each fact is there only with the thing that it is about.
    if (!path.includes('{user_id}') && policy !== 'identity:create_user') {
      delete known['target.user.domain_id']
      delete known['target.user.id']
    }
    if (!path.includes('{group_id}') && policy !== 'identity:create_group') delete known['target.group.domain_id']
    if (!path.includes('{project_id}') && policy !== 'identity:create_project') {
      delete known['target.project.domain_id']
      delete known['target.project.id']
    }
    if (!path.includes('{domain_id}')) delete known['target.domain.id']
    const list = method === 'GET' || method === 'HEAD' ? LISTS[path] : undefined
    if (list !== undefined && person.domainId !== undefined) known[list] = person.domainId
    if (path === '/v3/credentials' && method === 'GET') known['target.credential.user_id'] = person.userId
    return known
  }

  function bodyFor({ method, path }: ListedRoute, { ids }: Things): unknown {
    if (!['POST', 'PATCH', 'PUT'].includes(method)) return undefined
    const make = BODIES[`${method} ${path}`]
    if (make !== undefined) return make(ids)
    const [, key] = /^\/v3\/(?:\w+-\w+-\w+\/)?(\w+?)s\/\{\w+\}$/.exec(path) ?? []
    return method === 'PATCH' && key !== undefined ? { [key]: { description: 'changed' } } : undefined
  }
})

/** Refused by policy; other refusals of what one may do in principle are for other tests. */
function wasAllowed({ method }: ListedRoute, { status, body }: Answer): boolean {
  if (status === 401) return false
  return !(status === 403 && (method === 'HEAD' || /^You are not authorized/.test(body.error.message)))
}

type Ids = Readonly<Record<string, string>>

const BODIES: Readonly<Record<string, (ids: Ids) => unknown>> = {
  'POST /v3/domains': () => ({ domain: { name: 'new' } }),
  'POST /v3/projects': ({ domain_id }) => ({ project: { name: 'new', domain_id } }),
  'PUT /v3/projects/{project_id}/tags': () => ({ tags: ['a'] }),
  'POST /v3/users': ({ domain_id }) => ({ user: { name: 'new', domain_id } }),
  'POST /v3/groups': ({ domain_id }) => ({ group: { name: 'new', domain_id } }),
  'POST /v3/users/{user_id}/application_credentials': () => ({ application_credential: { name: 'new' } }),
  'POST /v3/roles': () => ({ role: { name: 'new' } }),
  'POST /v3/credentials': ({ user_id }) => ({ credential: { user_id, type: 'cert', blob: 'x' } }),
  'PATCH /v3/credentials/{credential_id}': () => ({ credential: { blob: 'y' } }),
  'POST /v3/registered_limits': ({ service_id }) => ({
    registered_limits: [{ service_id, resource_name: 'new', default_limit: 1 }],
  }),
  'PATCH /v3/registered_limits/{registered_limit_id}': () => ({ registered_limit: { default_limit: 7 } }),
  'POST /v3/limits': ({ service_id, domain_id }) => ({
    limits: [{ service_id, resource_name: 'things', resource_limit: 1, domain_id }],
  }),
  'PATCH /v3/limits/{limit_id}': () => ({ limit: { resource_limit: 2 } }),
  'POST /v3/OS-TRUST/trusts': ({ user_id, project_id }) => ({
    trust: {
      trustor_user_id: user_id,
      trustee_user_id: user_id,
      impersonation: false,
      project_id,
      roles: [{ name: 'reader' }],
    },
  }),
  'POST /v3/regions': () => ({ region: { id: 'new' } }),
  'PUT /v3/regions/{region_id}': () => ({ region: { description: 'new' } }),
  'POST /v3/services': () => ({ service: { type: 'new' } }),
  'POST /v3/endpoints': ({ service_id }) => ({ endpoint: { service_id, interface: 'admin', url: 'http://new' } }),
  'PATCH /v3/endpoints/{endpoint_id}': () => ({ endpoint: { url: 'http://changed' } }),
  'POST /v3/users/{user_id}/credentials/OS-EC2': ({ project_id }) => ({ tenant_id: project_id }),
  'POST /v3/ec2tokens': ({ access, secret }) => {
    const request = { verb: 'GET', host: 'here', path: '/', params: { SignatureVersion: '2' } }
    const signature = ec2Signature(secret!, { ...request, headers: {}, bodyHash: '' })
    return { credentials: { ...request, access, signature } }
  },
  'POST /v3/s3tokens': ({ access, secret }) => {
    const signature = createHmac('sha1', secret!).update('signed').digest('base64')
    return { credentials: { access, signature, token: Buffer.from('signed').toString('base64url') } }
  },
  'PUT /v3/domains/{domain_id}/config': () => ({ config: { ldap: { url: 'x' } } }),
  'PATCH /v3/domains/{domain_id}/config': () => ({ config: { ldap: { url: 'x' } } }),
  'PATCH /v3/domains/{domain_id}/config/{group}': () => ({ config: { identity: { driver: 'x' } } }),
  'PATCH /v3/domains/{domain_id}/config/{group}/{option}': () => ({ config: { driver: 'x' } }),
  'POST /v3/policies': () => ({ policy: { type: 'x', blob: 'x' } }),
  'PATCH /v3/policies/{policy_id}': () => ({ policy: { type: 'y' } }),
  'POST /v3/OS-EP-FILTER/endpoint_groups': () => ({
    endpoint_group: { name: 'new', filters: { interface: 'public' } },
  }),
  'PATCH /v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}': () => ({ endpoint_group: { name: 'changed' } }),
}
