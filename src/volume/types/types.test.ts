import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('volume types', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const aType = async (name: string, fields: object = {}) => {
    const { status, body } = await test.admin('POST', '/types', { volume_type: { name, ...fields } })
    assert.equal(status, 200, JSON.stringify(body))
    return body.volume_type
  }
  const names = (body: { volume_types: { name: string }[] }) => body.volume_types.map(({ name }) => name)
  const project = String(person('demo').projectId)

  it('begin with a default one, which cannot be deleted', async () => {
    const { body } = await test.demo('GET', '/types/default')
    assert.equal(body.volume_type.name, '__DEFAULT__')
    const deleted = await test.admin('DELETE', `/types/${body.volume_type.id}`)
    assert.equal(deleted.status, 400)
    assert.match(deleted.body.badRequest.message, /default volume type and cannot be deleted/)
  })

  it('are made, shown, changed and deleted by admins', async () => {
    const made = await aType('gold', { description: 'fast', extra_specs: { volume_backend_name: 'ssd' } })
    assert.deepEqual(made, {
      id: made.id,
      name: 'gold',
      is_public: true,
      description: 'fast',
      extra_specs: { volume_backend_name: 'ssd' },
      'os-volume-type-access:is_public': true,
    })
    const changed = await test.admin('PUT', `/types/${made.id}`, { volume_type: { name: 'silver' } })
    assert.equal(changed.body.volume_type.name, 'silver')
    assert.equal(changed.body.volume_type.description, 'fast')
    assert.equal((await test.admin('DELETE', `/types/${made.id}`)).status, 202)
    assert.equal((await test.admin('GET', `/types/${made.id}`)).status, 404)
  })

  it('are not for users to make', async () => {
    assert.equal((await test.demo('POST', '/types', { volume_type: { name: 'mine' } })).status, 403)
  })

  it('have a name each', async () => {
    await aType('unique')
    assert.equal((await test.admin('POST', '/types', { volume_type: { name: 'unique' } })).status, 409)
    for (const volume_type of [
      {},
      { name: '' },
      { name: ' ' },
      { name: 5 },
      { name: 'x'.repeat(256) },
      { name: 'a', b: 1 },
    ]) {
      assert.equal((await test.admin('POST', '/types', { volume_type })).status, 400, JSON.stringify(volume_type))
    }
  })

  it('show users only the extra specs that are theirs to know', async () => {
    const { id } = await aType('secretive', { extra_specs: { volume_backend_name: 'ssd', multiattach: '<is> True' } })
    const { body } = await test.demo('GET', `/types/${id}`)
    assert.deepEqual(body.volume_type.extra_specs, { multiattach: '<is> True' })
    assert.equal('qos_specs_id' in body.volume_type, false)
    assert.equal((await test.demo('GET', `/types/${id}/extra_specs/volume_backend_name`)).status, 404)
    assert.deepEqual((await test.demo('GET', `/types/${id}/extra_specs/multiattach`)).body, {
      multiattach: '<is> True',
    })
  })

  it('have extra specs that are added, changed and removed one by one', async () => {
    const { id } = await aType('specced')
    const url = `/types/${id}/extra_specs`
    assert.deepEqual((await test.admin('POST', url, { extra_specs: { a: '1', 'x:y': '2' } })).body, {
      extra_specs: { a: '1', 'x:y': '2' },
    })
    assert.deepEqual((await test.admin('PUT', `${url}/a`, { a: '3' })).body, { a: '3' })
    assert.equal((await test.admin('PUT', `${url}/a`, { b: '3' })).status, 400)
    assert.equal((await test.admin('PUT', `${url}/a`, { a: '3', b: '4' })).status, 400)
    assert.equal((await test.admin('POST', url, { extra_specs: { 'a b': '3' } })).status, 400)
    assert.equal((await test.admin('DELETE', `${url}/a`)).status, 202)
    assert.equal((await test.admin('DELETE', `${url}/a`)).status, 404)
    assert.deepEqual((await test.admin('GET', url)).body, { extra_specs: { 'x:y': '2' } })
  })

  it('do not change or go while a volume is of them', async () => {
    const { id } = await aType('busy')
    await test.aVolume({ volume_type: 'busy' })
    assert.equal((await test.admin('POST', `/types/${id}/extra_specs`, { extra_specs: { a: '1' } })).status, 400)
    const deleted = await test.admin('DELETE', `/types/${id}`)
    assert.deepEqual([deleted.status, deleted.body.badRequest.message], [400, 'Target volume type is still in use.'])
  })

  it('may be private to projects with access', async () => {
    const { id } = await aType('private', { 'os-volume-type-access:is_public': false })
    assert.equal((await test.demo('GET', `/types/${id}`)).status, 404)
    assert.equal((await test.demo('POST', '/volumes', { volume: { size: 1, volume_type: 'private' } })).status, 404)
    const act = (body: unknown) => test.admin('POST', `/types/${id}/action`, body)
    assert.equal((await act({ addProjectAccess: { project } })).status, 202)
    assert.equal((await act({ addProjectAccess: { project } })).status, 409)
    const listed = await test.admin('GET', `/types/${id}/os-volume-type-access`)
    assert.deepEqual(listed.body.volume_type_access, [{ volume_type_id: id, project_id: project }])
    assert.equal((await test.demo('GET', `/types/${id}`)).status, 200)
    assert.ok(names((await test.demo('GET', '/types')).body).includes('private'))
    assert.equal((await act({ removeProjectAccess: { project } })).status, 202)
    assert.equal((await act({ removeProjectAccess: { project } })).status, 404)
    assert.equal((await test.demo('GET', `/types/${id}`)).status, 404)
  })

  it('give or take no access where everybody has it', async () => {
    const { id } = await aType('public')
    const grant = await test.admin('POST', `/types/${id}/action`, { addProjectAccess: { project } })
    assert.equal(grant.status, 400)
    assert.equal((await test.admin('GET', `/types/${id}/os-volume-type-access`)).status, 404)
  })

  it('are listed public ones only, unless an admin asks for others', async () => {
    await aType('hidden', { 'os-volume-type-access:is_public': 'false' })
    const asked = async (query: string) => names((await test.admin('GET', `/types${query}`)).body)
    assert.equal((await asked('')).includes('hidden'), false)
    assert.equal((await asked('?is_public=None')).includes('hidden'), true)
    assert.equal((await asked('?is_public=False')).includes('hidden'), true)
    assert.equal((await asked('?is_public=False')).includes('__DEFAULT__'), false)
    assert.equal((await test.admin('GET', '/types?is_public=perhaps')).status, 400)
    assert.equal(names((await test.demo('GET', '/types?is_public=None')).body).includes('hidden'), false)
  })

  it('are found by their extra specs from 3.52', async () => {
    await aType('findable', { extra_specs: { multiattach: '<is> True', shelf: 'top' } })
    const url = `/types?extra_specs=${encodeURIComponent("{'shelf': 'top'}")}`
    assert.deepEqual(names((await test.admin('GET', url)).body), ['findable'])
    assert.deepEqual(names((await test.demo('GET', url)).body), [])
    const open = `/types?extra_specs=${encodeURIComponent('{"multiattach": "<is> True"}')}`
    assert.ok(names((await test.demo('GET', open)).body).includes('findable'))
    assert.equal((await test.demo('GET', '/types?extra_specs=top')).status, 400)
  })

  it('are paged', async () => {
    const first = await test.admin('GET', '/types?limit=2&sort=name:asc')
    assert.equal(first.body.volume_types.length, 2)
    const { href } = first.body.volume_type_links[0]
    const second = await test.admin('GET', href.replace(/^.*\/v3/, ''))
    assert.equal(
      second.body.volume_types.some((each: { id: string }) => each.id === first.body.volume_types[1].id),
      false,
    )
  })

  it('may be the default of a project, from 3.62', async () => {
    const { id } = await aType('preferred')
    const url = `/default-types/${project}`
    assert.equal((await test.admin('GET', url)).status, 404)
    const set = await test.admin('PUT', url, { default_type: { volume_type: 'preferred' } })
    assert.deepEqual(set.body, { default_type: { project_id: project, volume_type_id: id } })
    assert.deepEqual((await test.admin('GET', '/default-types')).body.default_types, [
      { project_id: project, volume_type_id: id },
    ])
    const { body } = await test.demo('POST', '/volumes', { volume: { size: 1 } })
    assert.equal(body.volume.volume_type, 'preferred')
    assert.equal((await test.admin('DELETE', url)).status, 204)
    assert.equal((await test.admin('GET', url, undefined, '3.61')).status, 404)
    assert.equal((await test.demo('GET', url)).status, 403)
  })

  it('are never encrypted, and say so', async () => {
    const { id } = await aType('plain')
    assert.deepEqual((await test.admin('GET', `/types/${id}/encryption`)).body, {})
    assert.equal(
      (await test.admin('POST', `/types/${id}/encryption`, { encryption: { provider: 'luks' } })).status,
      501,
    )
  })

  it('bound the size of their volumes', async () => {
    await aType('small', { extra_specs: { 'provisioning:max_vol_size': '2' } })
    const ask = (size: number) => test.demo('POST', '/volumes', { volume: { size, volume_type: 'small' } })
    assert.equal((await ask(3)).status, 400)
    assert.equal((await ask(2)).status, 202)
  })
})
