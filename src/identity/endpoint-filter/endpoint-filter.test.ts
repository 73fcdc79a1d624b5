import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../identity-under-test.ts'

describe('endpoints that are given to projects', () => {
  let test: IdentityUnderTest
  let endpoints: Made[]
  const ask = (method: string, path: string, body?: unknown) =>
    test.ask(test.admin, method, `/v3/OS-EP-FILTER${path}`, body)
  const aProject = (name: string) => test.make('/v3/projects', { project: { name } })
  /** Ids of the endpoints in the catalog of a new token for the project. */
  const catalogOf = async (project: Made): Promise<string[]> => {
    const answer = await test.tryLogin('admin', { project: { id: project.id } })
    return answer.body.token.catalog.flatMap((each: Made) => each.endpoints.map((one: Made) => one.id)).sort()
  }
  const ids = (list: Made[]) => list.map((each) => each.id).sort()

  before(async () => {
    test = await identityUnderTest()
    const answer = await test.ask(test.admin, 'GET', '/v3/endpoints')
    endpoints = answer.body.endpoints
  })
  after(() => test[Symbol.asyncDispose]())

  const projectWithAdmin = async (name: string) => {
    const project = await aProject(name)
    await test.grant(`projects/${project.id}/users/${test.ids.adminUserId}`, 'admin')
    return project
  }

  it('are what its catalog shows; a project that was given none sees all', async () => {
    const project = await projectWithAdmin('given-one')
    const [one] = endpoints
    const path = `/projects/${project.id}/endpoints/${one.id}`
    assert.deepEqual(await catalogOf(project), ids(endpoints))
    assert.equal((await ask('GET', path)).status, 404)
    assert.equal((await ask('PUT', path)).status, 204)
    assert.equal((await ask('PUT', path)).status, 409)
    assert.equal((await ask('GET', path)).status, 204)
    assert.equal((await ask('HEAD', path)).status, 204)
    assert.deepEqual(await catalogOf(project), [one.id])
    assert.deepEqual(ids((await ask('GET', `/projects/${project.id}/endpoints`)).body.endpoints), [one.id])
    assert.deepEqual(ids((await ask('GET', `/endpoints/${one.id}/projects`)).body.projects), [project.id])
    const other = await projectWithAdmin('given-nothing')
    assert.deepEqual(await catalogOf(other), ids(endpoints))
    assert.equal((await ask('DELETE', path)).status, 204)
    assert.equal((await ask('DELETE', path)).status, 404)
    assert.deepEqual(await catalogOf(project), ids(endpoints))
  })

  it('may be a group of them, by service, region or interface', async () => {
    const project = await projectWithAdmin('given-a-group')
    const publicOnes = endpoints.filter((each) => each.interface === 'public')
    const made = await ask('POST', '/endpoint_groups', {
      endpoint_group: { name: 'public', filters: { interface: 'public' } },
    })
    assert.equal(made.status, 201)
    const group = made.body.endpoint_group
    assert.deepEqual([group.name, group.description, group.filters], ['public', null, { interface: 'public' }])
    const path = `/endpoint_groups/${group.id}`
    assert.deepEqual((await ask('GET', path)).body, { endpoint_group: group })
    assert.equal((await ask('HEAD', path)).status, 200)
    assert.deepEqual((await ask('GET', '/endpoint_groups?name=public')).body.endpoint_groups, [group])
    assert.deepEqual(ids((await ask('GET', `${path}/endpoints`)).body.endpoints), ids(publicOnes))

    const inProject = `${path}/projects/${project.id}`
    assert.equal((await ask('GET', inProject)).status, 404)
    assert.equal((await ask('PUT', inProject)).status, 204)
    assert.equal((await ask('PUT', inProject)).status, 409)
    const shown = (await ask('GET', inProject)).body.project_endpoint_group
    assert.deepEqual([shown.endpoint_group_id, shown.project_id], [group.id, project.id])
    assert.equal((await ask('HEAD', inProject)).status, 200)
    assert.deepEqual(await catalogOf(project), ids(publicOnes))
    assert.deepEqual(ids((await ask('GET', `${path}/projects`)).body.projects), [project.id])
    assert.deepEqual((await ask('GET', `/projects/${project.id}/endpoint_groups`)).body.endpoint_groups, [group])

    const [first] = publicOnes
    const changed = await ask('PATCH', path, {
      endpoint_group: { description: 'one service', filters: { interface: 'public', service_id: first.service_id } },
    })
    assert.equal(changed.body.endpoint_group.description, 'one service')
    assert.deepEqual(await catalogOf(project), [first.id])
    assert.equal((await ask('DELETE', inProject)).status, 204)
    assert.equal((await ask('DELETE', inProject)).status, 404)
    await ask('PUT', inProject)
    assert.equal((await ask('DELETE', path)).status, 204)
    assert.equal((await ask('GET', path)).status, 404)
    assert.deepEqual(await catalogOf(project), ids(endpoints))
  })

  it('are no more than those that are enabled', async () => {
    const project = await projectWithAdmin('given-a-disabled-one')
    const disabled = await test.make('/v3/endpoints', {
      endpoint: { service_id: endpoints[0].service_id, interface: 'public', url: 'http://off', enabled: false },
    })
    await ask('PUT', `/projects/${project.id}/endpoints/${disabled.id}`)
    assert.deepEqual(await catalogOf(project), [])
  })

  it('are refused by what is malformed or not there', async () => {
    for (const endpoint_group of [
      { name: 'x' },
      { name: 'x', filters: {} },
      { name: 'x', filters: { enabled: true } },
      { name: 'x', filters: { interface: 'secret' } },
      { filters: { interface: 'public' } },
    ]) {
      assert.equal(
        (await ask('POST', '/endpoint_groups', { endpoint_group })).status,
        400,
        JSON.stringify(endpoint_group),
      )
    }
    assert.equal((await ask('PUT', `/projects/none/endpoints/${endpoints[0].id}`)).status, 404)
    assert.equal((await ask('PUT', `/projects/${test.ids.adminProjectId}/endpoints/none`)).status, 404)
    assert.equal((await ask('PUT', `/endpoint_groups/none/projects/${test.ids.adminProjectId}`)).status, 404)
    assert.equal((await ask('PATCH', '/endpoint_groups/none', { endpoint_group: { name: 'x' } })).status, 404)
    assert.equal((await ask('GET', '/endpoint_groups/none/endpoints')).status, 404)
    assert.equal((await ask('GET', '/endpoints/none/projects')).status, 404)
    assert.equal((await ask('GET', '/projects/none/endpoint_groups')).status, 404)
  })
})
