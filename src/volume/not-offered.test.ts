/** Deeds that are known and not offered, and single keys: each is refused by name, and nothing comes of it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../test/support/service.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from './volume-service-under-test.ts'

describe('block storage', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const shown = async (path: string) => {
    const { updated_at, ...rest } = Object.values((await test.admin('GET', path)).body)[0] as Record<string, unknown>
    return rest
  }
  const aSnapshot = async () => {
    const volume = await test.aVolume()
    const { status, body } = await test.demo('POST', '/snapshots', {
      snapshot: { volume_id: volume.id, metadata: { a: '1' } },
    })
    assert.equal(status, 202, JSON.stringify(body))
    for (let tries = 0; tries < 300; tries++) {
      if ((await shown(`/snapshots/${body.snapshot.id}`)).status === 'available') return body.snapshot.id as string
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('the snapshot does not settle')
  }

  for (const [action, body, names] of [
    ['os-volume_upload_image', { image_name: 'copy' }, /^Making an image of a volume/],
    ['os-migrate_volume', { host: 'elsewhere' }, /^Moving a volume/],
    ['os-migrate_volume_completion', { new_volume: 'x' }, /^Moving a volume/],
    ['os-unmanage', {}, /^Giving up a volume without deleting it/],
    ['os-extend_volume_completion', { error: false }, /^Ending an extend from outside/],
    ['os-reimage', { image_id: 'x' }, /^Writing another image into a volume/],
    ['revert', { snapshot_id: 'x' }, /^Reverting a volume to a snapshot/],
  ] as const) {
    it(`refuses ${action} of a volume by name, and leaves it as it was`, async () => {
      const { id } = await test.aVolume()
      const before = await shown(`/volumes/${id}`)
      const { status, body: answer } = await test.admin('POST', `/volumes/${id}/action`, { [action]: body })
      assert.equal(status, 501, JSON.stringify(answer))
      assert.match(answer.notImplemented.message, names)
      assert.deepEqual(await shown(`/volumes/${id}`), before)
    })
  }

  it('refuses to give up a snapshot, and leaves it as it was', async () => {
    const url = `/snapshots/${await aSnapshot()}`
    const before = await shown(url)
    const { status, body } = await test.admin('POST', `${url}/action`, { 'os-unmanage': {} })
    assert.equal(status, 501)
    assert.match(body.notImplemented.message, /^Giving up a snapshot without deleting it/)
    assert.deepEqual(await shown(url), before)
    assert.equal((await test.demo('POST', `${url}/action`, { 'os-unmanage': {} })).status, 403)
  })

  it('shows one key of the metadata of a snapshot, to its project', async () => {
    const url = `/snapshots/${await aSnapshot()}/metadata`
    assert.deepEqual((await test.demo('GET', `${url}/a`)).body, { meta: { a: '1' } })
    assert.equal((await test.demo('GET', `${url}/b`)).status, 404)
    assert.equal((await test.ask('alt', 'GET', `/volume/v3${url}/a`)).status, 404)
  })

  it('shows the default type of one project, to admins', async () => {
    const { volume_type } = (await test.admin('POST', '/types', { volume_type: { name: 'own' } })).body
    const url = `/default-types/${person('demo').projectId}`
    await test.admin('PUT', url, { default_type: { volume_type: 'own' } })
    assert.deepEqual((await test.admin('GET', url)).body.default_type, {
      project_id: person('demo').projectId,
      volume_type_id: volume_type.id,
    })
    assert.equal((await test.demo('GET', url)).status, 403)
  })
})
