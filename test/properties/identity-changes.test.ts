/**
 * After any sequence of changes, tokens are good and have roles exactly as the model says, to the control plane that made
 * the changes and to another, and so do the lists of who has what where. A sequence that fails is cut down to what is
 * needed for it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { type IdentityUnderTest, identityUnderTest } from '../../src/identity/identity-under-test.ts'
import { type Identity, openIdentity } from '../../src/identity/index.ts'
import { anotherPool } from '../support/database.ts'
import { type Snapshot, takeSnapshot } from '../support/snapshot.ts'
import {
  type Actor,
  type Grant,
  grantKey,
  type IssuedToken,
  isGood,
  mayHave,
  type Model,
  pair,
  rolesOf,
  type Scope,
  type Target,
} from './identity-model.ts'

const RUNS = 100
const STEPS = 40
const DOMAINS = ['north', 'south']
const USERS = ['ann', 'ben']
const GROUPS = ['red', 'blue']
/** Two of everybody's and one of a domain's own. */
const ROLES: Readonly<Record<string, string | undefined>> = {
  cook: undefined,
  baker: undefined,
  miller: undefined,
  mayor: 'north',
}
/** The projects that there are at first, each below the one that it names. */
const PROJECTS: readonly { name: string; domain: string; parent?: string }[] = [
  { name: 'hill', domain: 'north' },
  { name: 'house', domain: 'north', parent: 'hill' },
  { name: 'room', domain: 'north', parent: 'house' },
  { name: 'lake', domain: 'south' },
]

type Step =
  | { do: 'grant' | 'take back'; grant: Grant }
  | { do: 'join' | 'leave'; user: string; group: string }
  | { do: 'imply' | 'imply no more'; prior: string; implied: string }
  | { do: 'issue'; user: string; scope: Scope }
  | { do: 'revoke'; which: number }
  | { do: 'disable' | 'enable'; user: string }
  | { do: 'close' | 'open' | 'remove'; project: string }
  | { do: 'change password'; user: string }

const user = fc.constantFrom(...USERS)
const group = fc.constantFrom(...GROUPS)
const role = fc.constantFrom(...Object.keys(ROLES))
const project = fc.constantFrom(...PROJECTS.map(({ name }) => name))
const scope: fc.Arbitrary<Scope> = fc.oneof(
  { weight: 6, arbitrary: project.map((id) => ({ kind: 'project' as const, id })) },
  { weight: 2, arbitrary: fc.constantFrom(...DOMAINS).map((id) => ({ kind: 'domain' as const, id })) },
  fc.constant({ kind: 'system' as const }),
  fc.constant({ kind: 'unscoped' as const }),
)
const grant: fc.Arbitrary<Grant> = fc.record({
  role,
  actor: fc.oneof(
    user.map((id): Actor => `user:${id}`),
    group.map((id): Actor => `group:${id}`),
  ),
  target: fc.oneof(
    { weight: 4, arbitrary: project.map((id): Target => `project:${id}`) },
    { weight: 2, arbitrary: fc.constantFrom(...DOMAINS).map((id): Target => `domain:${id}`) },
    fc.constant<Target>('system'),
  ),
  inherited: fc.boolean(),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: grant.map((given): Step => ({ do: 'grant', grant: given })) },
  { weight: 2, arbitrary: grant.map((given): Step => ({ do: 'take back', grant: given })) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('join', 'leave'), user, group }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('imply', 'imply no more'), prior: role, implied: role }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('issue'), user, scope }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke'), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('disable', 'enable'), user }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('close', 'open', 'open'), project }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove'), project }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change password'), user }) },
) as fc.Arbitrary<Step>

describe('after any sequence of changes', () => {
  let test: IdentityUnderTest
  let snapshot: Snapshot
  const undo = new AsyncDisposableStack()
  /** Control planes on one database; the first makes the changes. */
  let planes: readonly Identity[]
  /** Names of everything in the model to ids in the service. */
  const ids = new Map<string, string>()
  const id = (name: string) => ids.get(name)!

  before(async () => {
    test = undo.use(await identityUnderTest())
    const db = anotherPool(test.service.context.db)
    undo.defer(() => db.end())
    const second = await openIdentity({ ...test.service.context, db })
    undo.defer(() => second.close())
    planes = [test.identity, second]
    for (const name of DOMAINS) ids.set(name, (await test.make('/v3/domains', { domain: { name } })).id)
    for (const { name, domain, parent } of PROJECTS) {
      const body = { name, domain_id: id(domain), ...(parent !== undefined && { parent_id: id(parent) }) }
      ids.set(name, (await test.make('/v3/projects', { project: body })).id)
    }
    for (const name of USERS) ids.set(name, (await test.make('/v3/users', { user: { name, password: name } })).id)
    for (const name of GROUPS) ids.set(name, (await test.make('/v3/groups', { group: { name } })).id)
    for (const [name, domain] of Object.entries(ROLES)) {
      const body = { name, ...(domain !== undefined && { domain_id: id(domain) }) }
      ids.set(name, (await test.make('/v3/roles', { role: body })).id)
    }
    snapshot = await takeSnapshot(test.service.context.db, 'identity', ['revision'])
  })
  after(() => undo.disposeAsync())

  it('tokens are good and have roles exactly as the model says, and so have the lists', async () => {
    const sequence = fc.array(step, { minLength: 1, maxLength: STEPS, size: 'max' })
    await fc.assert(fc.asyncProperty(sequence, live), { numRuns: RUNS, endOnFailure: false })
  })

  /** One life from the beginning: every step on both, and a comparison after each. */
  async function live(steps: readonly Step[]): Promise<void> {
    await snapshot.restore()
    await test.service.context.db`update identity.revision set count = count + 1`
    const model: Model = {
      projects: new Map(PROJECTS.map(({ name, domain, parent }) => [name, { domain, parent, enabled: true, age: 0 }])),
      users: new Map(USERS.map((name) => [name, { enabled: true, age: 0 }])),
      roles: new Map(Object.entries(ROLES)),
      implies: new Set(),
      members: new Set(),
      grants: new Map(),
    }
    const passwords = new Map(USERS.map((name) => [name, name]))
    const tokens: { text: string; model: IssuedToken }[] = []
    for (const each of steps) {
      await take(each, model, { passwords, tokens })
      for (const token of tokens) await compareToken(token.text, token.model, model)
    }
    for (const name of USERS) await compareLists(name, model)
  }

  /** What makes no sense in the model is left out: refusals are for other tests. */
  async function take(
    each: Step,
    model: Model,
    { passwords, tokens }: { passwords: Map<string, string>; tokens: { text: string; model: IssuedToken }[] },
  ): Promise<void> {
    switch (each.do) {
      case 'grant':
      case 'take back': {
        const given = each.grant
        if (!makesSense(given, model) || model.grants.has(grantKey(given)) === (each.do === 'grant')) return
        await must(each.do === 'grant' ? 'PUT' : 'DELETE', pathOf(given))
        if (each.do === 'grant') model.grants.set(grantKey(given), given)
        else model.grants.delete(grantKey(given))
        return
      }
      case 'join':
      case 'leave': {
        const key = pair(each.group, each.user)
        if (model.members.has(key) === (each.do === 'join')) return
        await must(each.do === 'join' ? 'PUT' : 'DELETE', `groups/${id(each.group)}/users/${id(each.user)}`)
        if (each.do === 'join') model.members.add(key)
        else model.members.delete(key)
        return
      }
      case 'imply':
      case 'imply no more': {
        const key = pair(each.prior, each.implied)
        if (model.implies.has(key) === (each.do === 'imply') || each.prior === each.implied) return
        // A role of everybody's implies none of a domain's.
        if (model.roles.get(each.implied) !== undefined) return
        await must(each.do === 'imply' ? 'PUT' : 'DELETE', `roles/${id(each.prior)}/implies/${id(each.implied)}`)
        if (each.do === 'imply') model.implies.add(key)
        else model.implies.delete(key)
        return
      }
      case 'issue': {
        const text = await issue(each.user, passwords.get(each.user)!, each.scope)
        assert.equal(text !== undefined, mayHave(model, each.user, each.scope), `a token for ${JSON.stringify(each)}`)
        if (text === undefined) return
        const scopeAge = each.scope.kind === 'project' ? model.projects.get(each.scope.id)!.age : 0
        const userAge = model.users.get(each.user)!.age
        tokens.push({ text, model: { user: each.user, scope: each.scope, userAge, scopeAge, revoked: false } })
        return
      }
      case 'revoke': {
        const token = tokens[each.which % Math.max(tokens.length, 1)]
        if (token === undefined || !isGood(model, token.model)) return
        await must('DELETE', 'auth/tokens', undefined, { 'x-subject-token': token.text })
        token.model.revoked = true
        return
      }
      case 'disable':
      case 'enable': {
        const known = model.users.get(each.user)!
        if (known.enabled === (each.do === 'enable')) return
        await must('PATCH', `users/${id(each.user)}`, { user: { enabled: each.do === 'enable' } })
        known.enabled = each.do === 'enable'
        if (each.do === 'disable') known.age++
        return
      }
      case 'change password': {
        const password = `${passwords.get(each.user)}!`
        await must('PATCH', `users/${id(each.user)}`, { user: { password } })
        passwords.set(each.user, password)
        model.users.get(each.user)!.age++
        return
      }
      case 'close':
      case 'open':
      case 'remove':
        return await changeProject(each.do, each.project, model)
    }
  }

  async function changeProject(deed: 'close' | 'open' | 'remove', name: string, model: Model): Promise<void> {
    const known = model.projects.get(name)
    if (known === undefined) return
    const children = [...model.projects.values()].filter((each) => each.parent === name)
    if (deed === 'remove') {
      if (children.length > 0) return
      await must('DELETE', `projects/${id(name)}`)
      model.projects.delete(name)
      for (const [key, grant] of model.grants) if (grant.target === `project:${name}`) model.grants.delete(key)
      return
    }
    if (known.enabled === (deed === 'open')) return
    // From the leaves upwards closed, and from the top downwards opened.
    if (deed === 'close' && children.some((child) => child.enabled)) return
    if (deed === 'open' && known.parent !== undefined && !model.projects.get(known.parent)!.enabled) return
    await must('PATCH', `projects/${id(name)}`, { project: { enabled: deed === 'open' } })
    known.enabled = deed === 'open'
    if (deed === 'close') known.age++
  }

  async function compareToken(text: string, token: IssuedToken, model: Model): Promise<void> {
    const expected = isGood(model, token)
      ? [...rolesOf(model, token.user, token.scope)].sort()
      : 'identity.token.invalid'
    for (const [at, plane] of planes.entries()) {
      const found = await plane.authenticate(text, 'req-model').then(
        (caller) => [...caller.roles].sort(),
        (error: { code: string }) => error.code,
      )
      assert.deepEqual(found, expected, `to plane ${at}, the token of ${token.user} for ${JSON.stringify(token.scope)}`)
    }
  }

  /** The lists of a user's projects, and of what takes effect on each. */
  async function compareLists(name: string, model: Model): Promise<void> {
    const names = (list: { name: string }[]) => list.map((each) => each.name).sort()
    const listed = await must('GET', `users/${id(name)}/projects`)
    const projects = [...model.projects.keys()].filter((each) => anyRole(name, each, model))
    assert.deepEqual(names(listed.projects), projects.sort(), `the projects of ${name}`)
    for (const each of model.projects.keys()) {
      const path = `role_assignments?effective&include_names&user.id=${id(name)}&scope.project.id=${id(each)}`
      const effective = await must('GET', path)
      const roles = new Set((effective.role_assignments as { role: { name: string } }[]).map((one) => one.role.name))
      const expected = rolesOf(model, name, { kind: 'project', id: each })
      assert.deepEqual([...roles].sort(), [...expected].sort(), `what ${name} has on ${each}`)
    }
  }

  /** The list of projects shows those with a role of any kind, a domain's own too. */
  function anyRole(name: string, project: string, model: Model): boolean {
    return rolesOf({ ...model, roles: new Map() }, name, { kind: 'project', id: project }).size > 0
  }

  function makesSense({ role, target, inherited }: Grant, model: Model): boolean {
    const domain = model.roles.get(role)
    if (target === 'system') return !inherited && domain === undefined
    const [kind, name] = target.split(':') as ['project' | 'domain', string]
    if (kind === 'project' && !model.projects.has(name)) return false
    // A domain's own role is given in its domain.
    return domain === undefined || (kind === 'domain' ? name : model.projects.get(name)!.domain) === domain
  }

  function pathOf({ role, actor, target, inherited }: Grant): string {
    const [kind, who] = actor.split(':') as [string, string]
    const [where, place] = target.split(':') as [string, string | undefined]
    const at = place === undefined ? 'system' : `${where}s/${id(place)}`
    const path = `${at}/${kind}s/${id(who)}/roles/${id(role)}`
    return inherited ? `OS-INHERIT/${path}/inherited_to_projects` : path
  }

  async function issue(name: string, password: string, wanted: Scope): Promise<string | undefined> {
    const scope =
      wanted.kind === 'unscoped'
        ? { unscoped: {} }
        : wanted.kind === 'system'
          ? { system: { all: true } }
          : { [wanted.kind]: { id: id(wanted.id) } }
    const answer = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['password'], password: { user: { id: id(name), password } } }, scope },
    })
    assert.ok([201, 401].includes(answer.status), `${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.status === 201 ? String(answer.headers['x-subject-token']) : undefined
  }

  async function must(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const answer = await test.ask(test.admin, method, `/v3/${path}`, body, headers)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
})
