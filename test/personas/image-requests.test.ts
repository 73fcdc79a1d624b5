/**
 * The routes of image, asked by a real token of every persona for an image of its own project, a foreign one, one that is
 * shared with it and a public one, and answered as upstream's check strings say: what may not be seen is a 404.
 */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../../src/http/route-list.ts'
import { type Identity, identityMigrations, openIdentity } from '../../src/identity/index.ts'
import { DEFAULT_SETTINGS } from '../../src/identity/settings.ts'
import { type Images, imageMigrations, openImages } from '../../src/image/index.ts'
import { type Answer, type ServiceUnderTest, serviceUnderTest } from '../support/service.ts'
import { readUpstream } from './upstream.ts'
import type { Credentials } from './check-string.ts'
import { credentialsOf, PERSONAS, type Persona, scopeOf } from './people.ts'
import { type Snapshot, takeSnapshot } from '../support/snapshot.ts'

const UPSTREAM = readUpstream('image')
const CHEAP = { ...DEFAULT_SETTINGS, argon2: { memoryKiB: 64, passes: 1, lanes: 1 } }
const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'

interface Person {
  readonly persona: Persona
  readonly token: string
  readonly projectId: string | undefined
  readonly credentials: Credentials
}

/** What one path's names stand for, with upstream's facts about it. */
interface Target {
  readonly whose: 'own' | 'foreign' | 'shared' | 'public'
  readonly imageId: string
  readonly namespace: string
  readonly owner: string
  readonly visibility: string
  /** Namespaces are public or private. */
  readonly namespaceVisibility: string
}

/** Said only to those whom the policy has let in: what they ask for is off here, or is not there. */
const LET_IN = /not supported at this site|Task with the given id|Tasks are not removed/
/** Refused to all, because where images lie is told to nobody. */
const INVISIBLE = '/v2/images/{image_id}/locations'
/** Whoever sees the image is told first that its status forbids it, as upstream does. */
const STATUS_FIRST = 'POST /v2/images/{image_id}/import'

describe('image, asked by every persona', () => {
  let service: ServiceUnderTest
  let identity: Identity
  let images: Images
  let snapshot: Snapshot
  let routes: readonly ListedRoute[]
  const people: Person[] = []
  const targets: Target[] = []
  let homeId: string
  let saved: string

  const send = (
    token: string | undefined,
    method: string,
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> =>
    service.ask(undefined, method, url, body, {
      accept: 'application/json',
      ...(token !== undefined && { 'x-auth-token': token }),
      ...headers,
    })
  const must = async (...question: Parameters<typeof send>) => {
    const answer = await send(...question)
    if (answer.status >= 300)
      throw new Error(`${question[1]} ${question[2]}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }
  const login = async (user: object, scope: object | undefined): Promise<string> => {
    const answer = await must(undefined, 'POST', '/identity/v3/auth/tokens', {
      auth: { identity: { methods: ['password'], password: { user } }, ...(scope !== undefined && { scope }) },
    })
    return String(answer.headers['x-subject-token'])
  }

  before(async () => {
    service = await serviceUnderTest([identityMigrations, imageMigrations])
    identity = await openIdentity(service.context, CHEAP)
    images = await openImages({ ...service.context, authenticate: identity.authenticate })
    await service.app.register(identity.plugin, { prefix: '/identity' })
    await service.mount('/image', images.plugin)
    const who = await identity.bootstrap({ adminPassword: 'admin', demoPassword: 'demo', endpoints: {} })
    const asAdmin = { id: who.adminUserId, password: 'admin' }
    const admin = await login(asAdmin, { project: { id: who.adminProjectId } })
    const make = async (kind: string, body: object) =>
      (await must(admin, 'POST', `/identity/v3/${kind}s`, { [kind]: body })).body[kind].id as string
    const roles = new Map<string, string>()
    for (const role of (await must(admin, 'GET', '/identity/v3/roles')).body.roles) roles.set(role.name, role.id)
    const give = (where: string, userId: string, role: string) =>
      must(admin, 'PUT', `/identity/v3/${where}/users/${userId}/roles/${roles.get(role)}`)

    homeId = await make('project', { name: 'home' })
    const otherId = await make('project', { name: 'other' })
    const awayId = await make('project', { name: 'away' })
    const places = {
      system: { where: 'system', scope: { system: { all: true } }, projectId: undefined },
      domain: { where: 'domains/default', scope: { domain: { id: 'default' } }, projectId: undefined },
      project: { where: `projects/${homeId}`, scope: { project: { id: homeId } }, projectId: homeId },
      'other project': { where: `projects/${otherId}`, scope: { project: { id: otherId } }, projectId: otherId },
      none: { where: undefined, scope: undefined, projectId: undefined },
    }
    for (const persona of PERSONAS) {
      const { where, scope, projectId } = places[persona.scope]
      const userId = await make('user', { name: persona.name, password: persona.name })
      if (where !== undefined) await give(where, userId, persona.role!)
      const token = await login({ id: userId, password: persona.name }, scope)
      const domainId = persona.scope === 'domain' ? 'default' : undefined
      people.push({ persona, token, projectId, credentials: credentialsOf(persona, { userId, projectId, domainId }) })
    }

    const adminOf = async (projectId: string) => {
      await give(`projects/${projectId}`, who.adminUserId, 'admin')
      return await login(asAdmin, { project: { id: projectId } })
    }
    const [home, away] = [await adminOf(homeId), await adminOf(awayId)]
    const aTarget = async (whose: Target['whose'], token: string, owner: string, visibility: string) => {
      const made = await must(token, 'POST', '/image/v2/images', {
        name: whose,
        visibility,
        disk_format: 'raw',
        container_format: 'bare',
        tags: ['tag'],
      })
      const imageId = made.body.id as string
      const octets = { 'content-type': 'application/octet-stream' }
      await must(token, 'PUT', `/image/v2/images/${imageId}/file`, 'bytes', octets)
      if (visibility === 'shared') {
        await must(token, 'POST', `/image/v2/images/${imageId}/members`, { member: homeId })
        await must(token, 'POST', `/image/v2/images/${imageId}/members`, { member: otherId })
      }
      const namespaceVisibility = visibility === 'public' ? 'public' : 'private'
      await must(token, 'POST', '/image/v2/metadefs/namespaces', {
        namespace: whose,
        visibility: namespaceVisibility,
        properties: { property: { title: 'p', type: 'string' } },
        objects: [{ name: 'object', properties: {} }],
        tags: [{ name: 'tag' }],
        resource_type_associations: [{ name: 'OS::Glance::Image' }],
      })
      targets.push({ whose, imageId, namespace: whose, owner, visibility, namespaceVisibility })
    }
    await aTarget('own', home, homeId, 'private')
    await aTarget('foreign', away, awayId, 'private')
    await aTarget('shared', away, awayId, 'shared')
    await aTarget('public', away, awayId, 'public')
    snapshot = await takeSnapshot(service.context.db, 'image')
    saved = join(service.context.stateDir, 'image-before')
    await cp(join(service.context.stateDir, 'image'), saved, { recursive: true })
    routes = routeList().filter((route) => route.service === 'image' && route.method !== 'HEAD')
  })
  after(async () => {
    await images?.close()
    await identity?.close()
    await service?.[Symbol.asyncDispose]()
  })

  it('lets each do what upstream lets it, and hides or refuses all else', async () => {
    const wrong: string[] = []
    for (const route of routes) {
      const guard = UPSTREAM.policies.get(route.policy!)
      if (guard === undefined || route.path === INVISIBLE) continue
      const isAboutImage = route.path.includes('{image_id}')
      const isAboutNamespace = route.path.includes('{namespace_name}')
      const askedFor = targets.filter(({ whose }) => {
        // Only shared images have members.
        if (route.path.includes('/members')) return whose === 'shared'
        return isAboutImage || isAboutNamespace || whose === 'own'
      })
      for (const target of askedFor) {
        for (const person of people) {
          const isMember =
            target.visibility === 'shared' && person.projectId !== undefined && person.projectId !== target.owner
          const facts = {
            project_id: isAboutImage || isAboutNamespace ? target.owner : person.projectId,
            owner: isAboutImage || isAboutNamespace ? target.owner : person.projectId,
            visibility: isAboutNamespace ? target.namespaceVisibility : target.visibility,
            ...(isMember && isAboutImage && { member_id: person.projectId }),
          }
          const inScope = guard.scopes.includes(scopeOf(person.persona))
          const seen = seesIt(
            person,
            isAboutImage ? 'get_image' : isAboutNamespace ? 'get_metadef_namespace' : undefined,
            facts,
          )
          const may = inScope && guard.check(person.credentials, facts)
          const answer = await ask(route, person, target)
          const name = `${person.persona.name} ${route.method} ${route.path} (${target.whose}): ${answer.status}`
          if (answer.status === 409 && seen && `${route.method} ${route.path}` === STATUS_FIRST) continue
          const was = outcomeOf(answer)
          const expected = may && seen ? ['let in'] : seen || !inScope ? ['refused'] : ['hidden', 'refused']
          if (!expected.includes(was))
            wrong.push(`${name} instead of ${expected.join(' or ')} ${JSON.stringify(answer.body)}`)
          if (answer.status < 300 && route.method !== 'GET') await restore()
        }
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('asks for a token wherever a policy guards', async () => {
    const wrong: string[] = []
    const [person] = people
    for (const route of routes.filter((each) => each.policy !== 'versions')) {
      const { status } = await ask(route, { ...person!, token: undefined as never }, targets[0]!)
      if (status !== 401) wrong.push(`${route.method} ${route.path}: ${status}`)
    }
    assert.deepEqual(wrong, [])
  })

  function seesIt(person: Person, policy: string | undefined, facts: Readonly<Record<string, unknown>>): boolean {
    return policy === undefined || UPSTREAM.policies.get(policy)!.check(person.credentials, facts)
  }

  async function restore(): Promise<void> {
    await snapshot.restore()
    const data = join(service.context.stateDir, 'image')
    await cp(saved, data, { recursive: true, force: true })
  }

  function ask(route: ListedRoute, person: Person, target: Target): Promise<Answer> {
    const ids: Record<string, string> = {
      image_id: target.imageId,
      namespace_name: target.namespace,
      member_id: person.projectId ?? homeId,
      tag: 'tag',
      name: 'OS::Glance::Image',
      object_name: 'object',
      property_name: 'property',
      tag_name: route.method === 'POST' ? 'new' : 'tag',
      store_id: 'default',
      task_id: 'none',
    }
    const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name]!))
    const made = BODIES[`${route.method} ${route.path}`]
    const { body, type } = made === undefined ? { body: undefined, type: undefined } : made(target)
    return send(person.token, route.method, `/image${path}`, body, type === undefined ? {} : { 'content-type': type })
  }
})

function outcomeOf({ status, body }: Answer): 'let in' | 'refused' | 'hidden' {
  if (LET_IN.test(String(body?.message ?? ''))) return 'let in'
  return status === 404 ? 'hidden' : [401, 403].includes(status) ? 'refused' : 'let in'
}

const object = { name: 'object', properties: {} }
const property = { name: 'property', title: 'p', type: 'string' }
const json = (body: unknown) => () => ({ body, type: undefined })
const BODIES: Readonly<Record<string, (target: Target) => { body: unknown; type: string | undefined }>> = {
  'POST /v2/images': json({ name: 'new' }),
  'PATCH /v2/images/{image_id}': () => ({
    body: JSON.stringify([{ op: 'replace', path: '/name', value: 'changed' }]),
    type: PATCH_TYPE,
  }),
  'PUT /v2/images/{image_id}/file': () => ({ body: 'x', type: 'application/octet-stream' }),
  'PUT /v2/images/{image_id}/stage': () => ({ body: 'x', type: 'application/octet-stream' }),
  'POST /v2/images/{image_id}/import': json({ method: { name: 'glance-direct' } }),
  'POST /v2/images/{image_id}/members': json({ member: 'somebody' }),
  'PUT /v2/images/{image_id}/members/{member_id}': json({ status: 'accepted' }),
  'POST /v2/images/{image_id}/locations': json({ url: 'http://here' }),
  'POST /v2/tasks': json({ type: 'import', input: {} }),
  'POST /v2/metadefs/namespaces': json({ namespace: 'new' }),
  'PUT /v2/metadefs/namespaces/{namespace_name}': ({ namespace }) => ({ body: { namespace }, type: undefined }),
  'POST /v2/metadefs/namespaces/{namespace_name}/resource_types': json({ name: 'OS::Nova::Flavor' }),
  'POST /v2/metadefs/namespaces/{namespace_name}/objects': json({ ...object, name: 'new' }),
  'PUT /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}': json(object),
  'POST /v2/metadefs/namespaces/{namespace_name}/properties': json({ ...property, name: 'new' }),
  'PUT /v2/metadefs/namespaces/{namespace_name}/properties/{property_name}': json(property),
  'POST /v2/metadefs/namespaces/{namespace_name}/tags': json({ tags: [{ name: 'new' }] }),
  'PUT /v2/metadefs/namespaces/{namespace_name}/tags/{tag_name}': json({ name: 'tag' }),
}
