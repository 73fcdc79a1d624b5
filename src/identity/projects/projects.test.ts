import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('projects', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())
  const aProject = (project: Record<string, unknown>): Promise<Made> => test.make('/v3/projects', { project })
  const patch = (id: string, project: unknown) => test.ask(test.admin, 'PATCH', `/v3/projects/${id}`, { project })

  it('are shown as they were made, with attributes that the API does not know', async () => {
    const made = await aProject({ name: ' spaced ', description: 'd', tags: ['b', 'a'], color: 'blue' })
    assert.equal(made.name, 'spaced')
    assert.equal(made.domain_id, 'default')
    assert.equal(made.parent_id, 'default')
    assert.equal(made.is_domain, false)
    assert.equal(made.enabled, true)
    assert.equal(made.color, 'blue')
    assert.deepEqual(made.tags, ['b', 'a'])
    assert.equal(made.links.self, `http://127.0.0.1:5000/identity/v3/projects/${made.id}`)
    const shown = await test.ask(test.admin, 'GET', `/v3/projects/${made.id}`)
    assert.deepEqual(shown.body.project, made)
    const head = await test.ask(test.admin, 'HEAD', `/v3/projects/${made.id}`)
    assert.equal(head.status, 200)
    assert.equal(head.body, '')
  })

  it('of one name can be in two domains and not in one', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'elsewhere' } })
    await aProject({ name: 'twin' })
    await aProject({ name: 'twin', domain_id: domain.id })
    const third = await test.ask(test.admin, 'POST', '/v3/projects', { project: { name: 'twin' } })
    assert.equal(third.status, 409)
    assert.equal(third.body.error.title, 'Conflict')
  })

  it('refuse bodies that make no sense', async () => {
    for (const project of [
      {},
      { name: '' },
      { name: '   ' },
      { name: 'x'.repeat(65) },
      { name: 7 },
      { name: 'a', enabled: 'perhaps' },
      { name: 'a', tags: ['with,comma'] },
      { name: 'a', tags: ['same', 'same'] },
      { name: 'a', options: { unknown: true } },
      { name: 'a', domain_id: 'no such domain' },
      { name: 'a', domain_id: 'f'.repeat(32) },
      { name: 'a', parent_id: 'f'.repeat(32) },
      { name: 'a\0b' },
      { name: 'a', note: 'half a pair: \ud83d' },
    ]) {
      const answer = await test.ask(test.admin, 'POST', '/v3/projects', { project })
      assert.equal(answer.status, 400, JSON.stringify(project))
    }
    assert.equal((await test.ask(test.admin, 'POST', '/v3/projects', { project: { name: 'a' }, other: 1 })).status, 400)
    const deep = `{"project": {"name": "a", "note": ${'['.repeat(50_000)}${']'.repeat(50_000)}}}`
    const nested = await test.ask(test.admin, 'POST', '/v3/projects', deep, { 'content-type': 'application/json' })
    assert.equal(nested.status, 400)
    const text = await test.ask(test.admin, 'POST', '/v3/projects', undefined, { 'content-type': 'application/json' })
    assert.equal(text.status, 400)
  })

  it('nest as deep as allowed, and are shown with those above and below', async () => {
    const line: Made[] = [await aProject({ name: 'level-1' })]
    for (const level of [2, 3, 4, 5]) line.push(await aProject({ name: `level-${level}`, parent_id: line.at(-1).id }))
    const deeper = await test.ask(test.admin, 'POST', '/v3/projects', {
      project: { name: 'level-6', parent_id: line[4].id },
    })
    assert.equal(deeper.status, 403)
    const { project } = (await test.ask(test.admin, 'GET', `/v3/projects/${line[2].id}?parents_as_ids&subtree_as_ids`))
      .body
    assert.deepEqual(project.parents, { [line[1].id]: { [line[0].id]: { default: null } } })
    assert.deepEqual(project.subtree, { [line[3].id]: { [line[4].id]: null } })
    const listed = (await test.ask(test.admin, 'GET', `/v3/projects/${line[2].id}?parents_as_list`)).body.project
    assert.deepEqual(listed.parents, [], 'only those on which the caller has a role')
    await test.grant(`projects/${line[1].id}/users/${test.ids.adminUserId}`, 'member')
    const now = (await test.ask(test.admin, 'GET', `/v3/projects/${line[2].id}?parents_as_list`)).body.project
    assert.deepEqual(
      now.parents.map((each: Made) => each.project.name),
      ['level-2'],
    )
    assert.equal(
      (await test.ask(test.admin, 'GET', `/v3/projects/${line[2].id}?parents_as_list&parents_as_ids`)).status,
      400,
    )

    const [service] = (await test.ask(test.admin, 'GET', '/v3/services?type=compute')).body.services
    const what = { service_id: service.id, resource_name: 'cores' }
    await test.ask(test.admin, 'POST', '/v3/registered_limits', { registered_limits: [{ ...what, default_limit: 9 }] })
    const limits = [{ ...what, project_id: line[1].id, resource_limit: 5 }]
    assert.equal((await test.ask(test.admin, 'POST', '/v3/limits', { limits })).status, 201)
    const shown = await test.ask(test.admin, 'GET', `/v3/projects/${line[2].id}?parents_as_list&include_limits`)
    assert.equal(shown.body.project.parents[0].project.limits[0].resource_limit, 5)
    const alone = (await test.ask(test.admin, 'GET', `/v3/projects/${line[1].id}?include_limits`)).body.project
    assert.equal('limits' in alone, false, 'limits come with lists of parents and children')
  })

  it('cannot be removed or disabled while others hang below, nor enabled below a disabled one', async () => {
    const parent = await aProject({ name: 'parent' })
    const child = await aProject({ name: 'child', parent_id: parent.id })
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/projects/${parent.id}`)).status, 403)
    assert.equal((await patch(parent.id, { enabled: false })).status, 403)
    assert.equal((await patch(child.id, { enabled: false })).status, 200)
    assert.equal((await patch(parent.id, { enabled: false })).status, 200)
    assert.equal((await patch(child.id, { enabled: true })).status, 403)
    const under = await test.ask(test.admin, 'POST', '/v3/projects', { project: { name: 'x', parent_id: parent.id } })
    assert.equal(under.status, 400)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/projects/${child.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/projects/${parent.id}`)).status, 204)
    assert.equal((await test.ask(test.admin, 'GET', `/v3/projects/${parent.id}`)).status, 404)
  })

  it('keep their id, parent and domain, and when immutable everything', async () => {
    const project = await aProject({ name: 'fixed', options: { immutable: true } })
    assert.equal((await patch(project.id, { name: 'other' })).status, 403)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/projects/${project.id}`)).status, 403)
    for (const [method, tag, body] of [
      ['PUT', '', { tags: ['x'] }],
      ['PUT', '/x'],
      ['DELETE', '/x'],
      ['DELETE', ''],
    ] as const) {
      const answer = await test.ask(test.admin, method, `/v3/projects/${project.id}/tags${tag}`, body)
      assert.equal(answer.status, 403, `${method} ${tag}`)
    }
    assert.equal((await patch(project.id, { options: { immutable: true } })).status, 403, 'it says nothing new')
    assert.equal((await patch(project.id, { options: { immutable: false } })).status, 200)
    assert.equal((await patch(project.id, { parent_id: test.ids.demoProjectId })).status, 403)
    assert.equal((await patch(project.id, { domain_id: 'other' })).status, 400)
    assert.equal((await patch(project.id, { is_domain: true })).status, 400)
    assert.equal((await patch(project.id, { id: 'other' })).status, 400)
    assert.equal((await patch(project.id, {})).status, 400)
    const renamed = await patch(project.id, { name: 'renamed', shade: 'dark', options: { immutable: null } })
    assert.equal(renamed.body.project.name, 'renamed')
    assert.equal(renamed.body.project.shade, 'dark')
    assert.deepEqual(renamed.body.project.options, {})
    assert.equal((await patch(project.id, { name: 'demo' })).status, 409)
  })

  it('take, show and drop tags', async () => {
    const { id } = await aProject({ name: 'tagged' })
    const tags = (method: string, tag = '', body?: unknown) =>
      test.ask(test.admin, method, `/v3/projects/${id}/tags${tag}`, body)
    const put = await tags('PUT', '/one')
    assert.equal(put.status, 201)
    assert.equal(put.headers.location, `http://127.0.0.1:5000/identity/v3/projects/${id}/tags/one`)
    assert.equal((await tags('PUT', '/one')).status, 400, 'it is there already')
    assert.equal((await tags('PUT', '/ONE')).status, 201, 'in capitals it is another')
    assert.equal((await tags('PUT', '/with,comma')).status, 400)
    assert.equal((await tags('GET', '/one')).status, 204)
    assert.equal((await tags('GET', '/two')).status, 404)
    assert.deepEqual((await tags('PUT', '', { tags: ['z', 'a'] })).body.tags, ['z', 'a'])
    assert.deepEqual((await tags('GET')).body.tags, ['z', 'a'])
    assert.equal((await tags('DELETE', '/z')).status, 204)
    assert.equal((await tags('DELETE', '/z')).status, 404)
    assert.equal((await tags('DELETE')).status, 204)
    assert.deepEqual((await tags('GET')).body.tags, [])
    assert.equal((await tags('PUT', '', { tags: Array.from({ length: 81 }, (_, at) => `t${at}`) })).status, 400)
  })

  it('are found by name, parent, state and tags', async () => {
    const root = await aProject({ name: 'Find-root' })
    await aProject({ name: 'Find-a', parent_id: root.id, tags: ['x', 'y'] })
    await aProject({ name: 'Find-b', parent_id: root.id, tags: ['y'], enabled: false })
    const found = async (query: string) => {
      const answer = await test.ask(test.admin, 'GET', `/v3/projects?parent_id=${root.id}&${query}`)
      return answer.body.projects.map((project: Made) => project.name).sort()
    }
    assert.deepEqual(await found(''), ['Find-a', 'Find-b'])
    assert.deepEqual(await found('name=Find-a'), ['Find-a'])
    assert.deepEqual(await found('name__icontains=FIND-'), ['Find-a', 'Find-b'])
    assert.deepEqual(await found('name__endswith=-b'), ['Find-b'])
    assert.deepEqual(await found('name__startswith=%25'), [])
    assert.deepEqual(await found('enabled=false'), ['Find-b'])
    assert.deepEqual(await found('tags=x,y'), ['Find-a'])
    assert.deepEqual(await found('tags-any=x,y'), ['Find-a', 'Find-b'])
    assert.deepEqual(await found('not-tags=x,y'), ['Find-b'])
    assert.deepEqual(await found('not-tags-any=x'), ['Find-b'])
    assert.equal((await test.ask(test.admin, 'GET', '/v3/projects?enabled=perhaps')).status, 400)
    const domains = await test.ask(test.admin, 'GET', '/v3/projects?is_domain=true')
    assert.ok(domains.body.projects.every((project: Made) => project.is_domain && project.parent_id === null))
  })

  it('come in pages that link to the next and cover the list once', async () => {
    const whole = (await test.ask(test.admin, 'GET', '/v3/projects')).body
    assert.equal(whole.links.next, null)
    assert.equal(whole.truncated, undefined)
    const seen: string[] = []
    let next: string | null = '/v3/projects?limit=2'
    while (next !== null) {
      const { body } = await test.ask(test.admin, 'GET', next.replace('http://127.0.0.1:5000/identity', ''))
      assert.ok(body.projects.length <= 2)
      assert.equal(body.truncated, body.links.next === null ? undefined : true)
      seen.push(...body.projects.map((project: Made) => project.id))
      next = body.links.next
    }
    assert.deepEqual(
      seen,
      whole.projects.map((project: Made) => project.id),
    )
    assert.equal((await test.ask(test.admin, 'GET', '/v3/projects?limit=x')).status, 400)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/projects?limit=-1')).status, 400)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/projects?marker=unknown')).status, 404)
  })

  it('are forgotten as default by their users when they go', async () => {
    const project = await aProject({ name: 'default-of-somebody' })
    const user = await test.aUser({ default_project_id: project.id })
    await test.ask(test.admin, 'DELETE', `/v3/projects/${project.id}`)
    const shown = (await test.ask(test.admin, 'GET', `/v3/users/${user.id}`)).body.user
    assert.equal(shown.default_project_id, undefined)
  })
})

describe('domains', () => {
  let test: IdentityUnderTest
  before(async () => {
    test = await identityUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('are removed only when disabled, and then with everything in them', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'whole', description: 'd' } })
    const project = await test.make('/v3/projects', { project: { name: 'p', domain_id: domain.id } })
    await test.make('/v3/projects', { project: { name: 'below', domain_id: domain.id, parent_id: project.id } })
    const user = await test.make('/v3/users', { user: { name: 'u', domain_id: domain.id, password: 'u' } })
    const group = await test.make('/v3/groups', { group: { name: 'g', domain_id: domain.id } })
    await test.grant(`domains/${domain.id}/users/${user.id}`, 'admin')
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/domains/${domain.id}`)).status, 403)
    const off = await test.ask(test.admin, 'PATCH', `/v3/domains/${domain.id}`, { domain: { enabled: false } })
    assert.equal(off.body.domain.enabled, false)
    assert.equal((await test.ask(test.admin, 'DELETE', `/v3/domains/${domain.id}`)).status, 204)
    for (const path of [`domains/${domain.id}`, `projects/${project.id}`, `users/${user.id}`, `groups/${group.id}`]) {
      assert.equal((await test.ask(test.admin, 'GET', `/v3/${path}`)).status, 404, path)
    }
  })

  it('that are disabled let nobody of theirs in, nor into their projects', async () => {
    const domain = await test.make('/v3/domains', { domain: { name: 'shut' } })
    const project = await test.make('/v3/projects', { project: { name: 'inside', domain_id: domain.id } })
    await test.grant(`projects/${project.id}/users/${test.ids.adminUserId}`, 'member')
    const inside = await test.login('admin', { project: { id: project.id } })
    await test.ask(test.admin, 'PATCH', `/v3/domains/${domain.id}`, { domain: { enabled: false } })
    assert.equal((await test.ask(inside, 'GET', '/v3/auth/projects')).status, 401)
    assert.equal((await test.tryLogin('admin', { project: { id: project.id } })).status, 401)
    assert.equal((await test.tryLogin('admin', { domain: { name: 'shut' } })).status, 401)
  })

  it('have the id that was asked for, if it is one and free', async () => {
    const id = 'a'.repeat(32)
    const made = await test.make('/v3/domains', { domain: { name: 'chosen', explicit_domain_id: id } })
    assert.equal(made.id, id)
    assert.equal(made.explicit_domain_id, undefined)
    const post = (domain: unknown) => test.ask(test.admin, 'POST', '/v3/domains', { domain })
    assert.equal((await post({ name: 'again', explicit_domain_id: id })).status, 409)
    assert.equal((await post({ name: 'bad', explicit_domain_id: 'x' })).status, 400)
    assert.equal((await post({ name: 'chosen' })).status, 409)
  })

  it('are projects too, and the default one stays', async () => {
    const made = await test.make('/v3/projects', { project: { name: 'as-project', is_domain: true } })
    assert.equal((await test.ask(test.admin, 'GET', `/v3/domains/${made.id}`)).body.domain.name, 'as-project')
    assert.equal((await test.ask(test.admin, 'GET', `/v3/domains/${test.ids.demoProjectId}`)).status, 404)
    await test.ask(test.admin, 'PATCH', '/v3/domains/default', { domain: { description: 'still here' } })
    assert.equal((await test.ask(test.admin, 'DELETE', '/v3/domains/default')).status, 403)
    assert.equal((await test.ask(test.admin, 'GET', '/v3/domains?name=Default')).body.domains[0].id, 'default')
  })
})
