import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TINY_IMAGE, type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('volumes', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
    const quota = { quota_set: { volumes: 1000, gigabytes: 100000 } }
    const { body } = await test.ask('demo', 'POST', '/volume/v3/volumes', { volume: { size: 1 } })
    const project = (await test.demo('GET', `/volumes/${body.volume.id}`)).body.volume['os-vol-tenant-attr:tenant_id']
    await test.admin('PUT', `/os-quota-sets/${project}`, quota)
    await test.settled(body.volume.id)
    await test.demo('DELETE', `/volumes/${body.volume.id}`)
    await test.settled(body.volume.id)
  })
  after(() => test[Symbol.asyncDispose]())

  describe('creating', () => {
    it('answers at once with a volume in creating, which becomes available', async () => {
      const { status, body } = await test.demo('POST', '/volumes', {
        volume: { size: 2, name: ' data ', description: null, metadata: { purpose: 'test' } },
      })
      assert.equal(status, 202)
      assert.equal(body.volume.status, 'creating')
      assert.equal(body.volume.name, 'data')
      assert.deepEqual(body.volume.metadata, { purpose: 'test' })
      assert.equal(body.volume.volume_type, '__DEFAULT__')
      assert.equal(body.volume.bootable, 'false')
      assert.deepEqual(body.volume.attachments, [])
      assert.match(body.volume.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
      assert.equal((await test.settled(body.volume.id)).status, 'available')
      const { volumes } = test.backends[0]!.snapshot()
      assert.equal(volumes.find(({ id }) => id === body.volume.id)?.sizeGiB, 2)
    })

    it('takes a size written in digits', async () => {
      const { status, body } = await test.demo('POST', '/volumes', { volume: { size: '3' } })
      assert.equal(status, 202)
      assert.equal(body.volume.size, 3)
    })

    for (const size of [0, -1, '0', '', 'many', 1.5, 2 ** 31, '9999999999', null, undefined, true]) {
      it(`refuses the size ${JSON.stringify(size)}`, async () => {
        const { status, body } = await test.demo('POST', '/volumes', { volume: { size } })
        assert.equal(status, 400, JSON.stringify(body))
        assert.ok(body.badRequest.message)
      })
    }

    it('refuses a field that nobody knows from 3.53, and lets it pass before', async () => {
      const volume = { size: 1, colour: 'red' }
      assert.equal((await test.demo('POST', '/volumes', { volume }, '3.53')).status, 400)
      assert.equal((await test.demo('POST', '/volumes', { volume }, '3.52')).status, 202)
    })

    it('refuses a NUL wherever it stands', async () => {
      for (const volume of [
        { size: 1, name: 'a\u0000b' },
        { size: 1, metadata: { key: 'a\u0000' } },
      ]) {
        assert.equal((await test.demo('POST', '/volumes', { volume })).status, 400)
      }
      assert.equal((await test.demo('GET', '/volumes?name=%00')).status, 400)
    })

    it('refuses texts that are too long and metadata that is none', async () => {
      for (const volume of [
        { size: 1, name: 'x'.repeat(256) },
        { size: 1, metadata: { key: 'x'.repeat(256) } },
        { size: 1, metadata: { ['k'.repeat(256)]: 'x' } },
        { size: 1, metadata: { key: 5 } },
        { size: 1, metadata: [] },
        { size: 1, availability_zone: 'mars' },
        { size: 1, multiattach: true },
        [],
        null,
      ]) {
        assert.equal((await test.demo('POST', '/volumes', { volume })).status, 400, JSON.stringify(volume))
      }
    })

    it('does not find sources of a kind that is not offered', async () => {
      const id = '22222222-2222-4222-8222-222222222222'
      for (const source of ['snapshot_id', 'backup_id', 'consistencygroup_id', 'group_id', 'source_volid']) {
        const { status, body } = await test.demo('POST', '/volumes', { volume: { size: 1, [source]: id } })
        assert.equal(status, 404, source)
        assert.ok(body.itemNotFound.message.includes(id))
      }
    })

    it('does not find a volume type that is not there', async () => {
      const { status } = await test.demo('POST', '/volumes', { volume: { size: 1, volume_type: 'gold' } })
      assert.equal(status, 404)
    })

    it('refuses hints that it does not follow, by name', async () => {
      const ask = (hints: unknown) =>
        test.demo('POST', '/volumes', { volume: { size: 1 }, 'OS-SCH-HNT:scheduler_hints': hints })
      const refused = await ask({ local_to_instance: 'x' })
      assert.equal(refused.status, 501)
      assert.match(refused.body.notImplemented.message, /local_to_instance/)
      const near = await test.aVolume()
      const beside = await ask({ same_host: near.id })
      assert.equal(beside.status, 202)
      assert.equal((await test.settled(beside.body.volume.id)).status, 'available')
      assert.equal((await ask({ same_host: 'near' })).status, 400)
    })

    it('ends in error and leaves nothing behind when the back end fails', async () => {
      test.backends[0]!.faults.failNext('backend.create', new Error('disk on fire'))
      const { id, status } = await test.aVolume()
      assert.equal(status, 'error')
      assert.equal(
        test.backends[0]!.snapshot().volumes.some((volume) => volume.id === id),
        false,
      )
      const { body } = await test.demo('GET', `/messages?resource_uuid=${id}`)
      assert.equal(
        body.messages[0].user_message,
        'create volume from backend storage:Driver failed to create the volume.',
      )
      assert.equal(body.messages[0].event_id, 'VOLUME_VOLUME_008_012')
    })

    it('says why no back end fits', async () => {
      const { body } = await test.demo('POST', '/volumes', { volume: { size: 50_000 } })
      assert.equal((await test.settled(body.volume.id)).status, 'error')
      const messages = await test.demo('GET', `/messages?resource_uuid=${body.volume.id}`)
      assert.match(
        messages.body.messages[0].user_message,
        /^schedule allocate volume:.*CapacityFilter: 50000 GiB asked/,
      )
    })
  })

  describe('from an image', () => {
    it('becomes bootable with the metadata of the image', async () => {
      const { id } = await test.aVolume({ size: 2, imageRef: TINY_IMAGE.id })
      const { body } = await test.demo('GET', `/volumes/${id}`)
      assert.equal(body.volume.status, 'available')
      assert.equal(body.volume.bootable, 'true')
      assert.equal(body.volume.volume_image_metadata.image_id, TINY_IMAGE.id)
      assert.equal(body.volume.volume_image_metadata.hw_disk_bus, 'scsi')
      assert.equal(body.volume.volume_image_metadata.min_disk, '1')
      assert.equal(test.backends[0]!.snapshot().volumes.find((volume) => volume.id === id)?.imageId, TINY_IMAGE.id)
      const facts = await test.volumes.find([id as never])
      assert.deepEqual(facts.get(id as never)?.imageProperties, { hw_disk_bus: 'scsi' })
    })

    it('is refused when it does not fit', async () => {
      const { status, body } = await test.demo('POST', '/volumes', { volume: { size: 1, imageRef: TINY_IMAGE.id } })
      assert.equal(status, 400)
      assert.match(body.badRequest.message, /Size of specified image 2GB is larger than volume size 1GB/)
    })

    it('is refused below the minimum that the image asks for', async () => {
      const id = '33333333-3333-4333-8333-333333333333'
      test.images.set(id, { ...TINY_IMAGE, id: id as never, minDiskGiB: 20 })
      const { status, body } = await test.demo('POST', '/volumes', { volume: { size: 10, imageRef: id } })
      assert.equal(status, 400)
      assert.match(body.badRequest.message, /minDisk size 20GB/)
    })

    it('is refused when the image is not there or not active', async () => {
      const id = '44444444-4444-4444-8444-444444444444'
      test.images.set(id, { ...TINY_IMAGE, id: id as never, name: 'queued' })
      for (const imageRef of [id, '55555555-5555-4555-8555-555555555555', 'no such name']) {
        assert.equal((await test.demo('POST', '/volumes', { volume: { size: 10, imageRef } })).status, 400)
      }
    })

    it('ends in error and leaves nothing behind when the image cannot be written', async () => {
      test.backends[0]!.faults.failNext('backend.writeImage', new Error('no such image'))
      const { id, status } = await test.aVolume({ size: 2, imageRef: TINY_IMAGE.id })
      assert.equal(status, 'error')
      assert.equal(
        test.backends[0]!.snapshot().volumes.some((volume) => volume.id === id),
        false,
      )
    })
  })

  describe('from another volume', () => {
    it('is a copy of it, with its size, type and image metadata', async () => {
      const source = await test.aVolume({ size: 2, imageRef: TINY_IMAGE.id })
      const copy = await test.aVolume({ size: undefined, source_volid: source.id })
      const { body } = await test.demo('GET', `/volumes/${copy.id}`)
      assert.equal(body.volume.status, 'available')
      assert.equal(body.volume.size, 2)
      assert.equal(body.volume.source_volid, source.id)
      assert.equal(body.volume.bootable, 'true')
      assert.equal(body.volume.volume_image_metadata.image_id, TINY_IMAGE.id)
    })

    it('may be larger and not smaller', async () => {
      const source = await test.aVolume({ size: 3 })
      const ask = (size: number) => test.demo('POST', '/volumes', { volume: { size, source_volid: source.id } })
      assert.equal((await ask(2)).status, 400)
      assert.equal((await ask(4)).status, 202)
    })
  })

  describe('seen by others', () => {
    it('is not found by another project, and found by an admin with its host', async () => {
      const { id } = await test.aVolume()
      assert.equal((await test.ask('alt', 'GET', `/volume/v3/volumes/${id}`)).status, 404)
      assert.equal((await test.ask('alt', 'DELETE', `/volume/v3/volumes/${id}`)).status, 404)
      const seen = await test.admin('GET', `/volumes/${id}`)
      assert.equal(seen.body.volume['os-vol-host-attr:host'], 'host-1@simulated#simulated')
      const own = await test.demo('GET', `/volumes/${id}`)
      assert.equal('os-vol-host-attr:host' in own.body.volume, false)
      assert.equal('migration_status' in own.body.volume, false)
    })

    it('may be read and not written by a reader', async () => {
      const { id } = await test.aVolume()
      assert.equal((await test.ask('reader', 'GET', `/volume/v3/volumes/${id}`)).status, 200)
      assert.equal((await test.ask('reader', 'DELETE', `/volume/v3/volumes/${id}`)).status, 403)
      assert.equal((await test.ask('reader', 'POST', '/volume/v3/volumes', { volume: { size: 1 } })).status, 403)
    })

    it('never shows the account of its export', async () => {
      const { id } = await test.aVolume()
      const { body } = await test.admin('GET', `/volumes/${id}`)
      assert.equal(JSON.stringify(body).includes('auth'), false)
    })
  })

  describe('by microversion', () => {
    const cases: [string, string, string][] = [
      ['group_id', '3.12', '3.13'],
      ['shared_targets', '3.47', '3.48'],
      ['service_uuid', '3.47', '3.48'],
      ['volume_type_id', '3.62', '3.63'],
      ['consumes_quota', '3.64', '3.65'],
    ]
    for (const [field, before_, since] of cases) {
      it(`shows ${field} from ${since}`, async () => {
        const { id } = await test.aVolume()
        const at = async (version: string) => (await test.demo('GET', `/volumes/${id}`, undefined, version)).body.volume
        assert.equal(field in (await at(before_)), false)
        assert.equal(field in (await at(since)), true)
      })
    }

    it('shows provider_id from 3.21 and cluster_name from 3.61 to admins', async () => {
      const { id } = await test.aVolume()
      const at = async (version: string) => (await test.admin('GET', `/volumes/${id}`, undefined, version)).body.volume
      assert.deepEqual(['provider_id' in (await at('3.20')), 'provider_id' in (await at('3.21'))], [false, true])
      assert.deepEqual(['cluster_name' in (await at('3.60')), 'cluster_name' in (await at('3.61'))], [false, true])
    })

    it('knows the summary from 3.12, with metadata from 3.36', async () => {
      assert.equal((await test.demo('GET', '/volumes/summary', undefined, '3.11')).status, 404)
      const old = await test.demo('GET', '/volumes/summary', undefined, '3.12')
      assert.deepEqual(Object.keys(old.body['volume-summary']), ['total_count', 'total_size'])
      await test.aVolume({ size: 2, metadata: { summary: 'a' } })
      const { body } = await test.demo('GET', "/volumes/summary?metadata={'summary':'a'}", undefined, '3.36')
      assert.deepEqual(body['volume-summary'], { total_count: 1, total_size: 2, metadata: { summary: ['a'] } })
    })
  })

  describe('changing', () => {
    it('takes name, description and metadata', async () => {
      const { id } = await test.aVolume({ name: 'old', metadata: { a: '1' } })
      const changed = await test.demo('PUT', `/volumes/${id}`, { volume: { name: 'new', metadata: { b: '2' } } })
      assert.equal(changed.status, 200)
      assert.equal(changed.body.volume.name, 'new')
      assert.deepEqual(changed.body.volume.metadata, { b: '2' })
      const cleared = await test.demo('PUT', `/volumes/${id}`, { volume: { description: null } })
      assert.equal(cleared.body.volume.name, 'new')
      assert.equal(cleared.body.volume.description, null)
    })

    it('needs something to change from 3.53', async () => {
      const { id } = await test.aVolume()
      assert.equal((await test.demo('PUT', `/volumes/${id}`, { volume: {} }, '3.53')).status, 400)
      assert.equal((await test.demo('PUT', `/volumes/${id}`, { volume: {} }, '3.52')).status, 200)
      assert.equal((await test.demo('PUT', `/volumes/${id}`, { volume: { size: 5 } })).status, 400)
      assert.equal((await test.demo('PUT', `/volumes/${id}`, {})).status, 400)
    })

    it('reads, adds, replaces and removes metadata', async () => {
      const { id } = await test.aVolume()
      const url = `/volumes/${id}/metadata`
      assert.deepEqual((await test.demo('POST', url, { metadata: { a: '1' } })).body, { metadata: { a: '1' } })
      assert.deepEqual((await test.demo('POST', url, { metadata: { b: '2' } })).body, { metadata: { a: '1', b: '2' } })
      assert.deepEqual((await test.demo('PUT', `${url}/a`, { meta: { a: '3' } })).body, { meta: { a: '3' } })
      assert.equal((await test.demo('PUT', `${url}/a`, { meta: { b: '3' } })).status, 400)
      assert.deepEqual((await test.demo('GET', `${url}/a`)).body, { meta: { a: '3' } })
      assert.equal((await test.demo('DELETE', `${url}/a`)).status, 200)
      assert.equal((await test.demo('DELETE', `${url}/a`)).status, 404)
      assert.deepEqual((await test.demo('PUT', url, { metadata: { c: '4' } })).body, { metadata: { c: '4' } })
      assert.deepEqual((await test.demo('GET', url)).body, { metadata: { c: '4' } })
    })

    it('changes metadata only if they are as the client knows them, from 3.15', async () => {
      const { id } = await test.aVolume({ metadata: { a: '1' } })
      const url = `/volume/v3/volumes/${id}/metadata`
      const version = { 'openstack-api-version': 'volume 3.15' }
      const read = await test.ask('demo', 'GET', url, undefined, version)
      const etag = String(read.headers.etag)
      const put = (tag: string) =>
        test.ask('demo', 'PUT', url, { metadata: { a: '2' } }, { ...version, 'if-match': tag })
      assert.equal((await put(`"${etag}"`)).status, 200)
      assert.equal((await put(`"${etag}"`)).status, 412)
    })

    it('sets, shows and removes metadata of an image', async () => {
      const { id } = await test.aVolume()
      const act = (body: unknown) => test.demo('POST', `/volumes/${id}/action`, body)
      const set = await act({ 'os-set_image_metadata': { metadata: { hw_vif_model: 'e1000' } } })
      assert.deepEqual(set.body, { metadata: { hw_vif_model: 'e1000' } })
      assert.deepEqual((await act({ 'os-show_image_metadata': {} })).body, { metadata: { hw_vif_model: 'e1000' } })
      assert.equal((await act({ 'os-unset_image_metadata': { key: 'hw_vif_model' } })).status, 200)
      assert.equal((await act({ 'os-unset_image_metadata': { key: 'hw_vif_model' } })).status, 404)
    })

    it('may be made bootable and read only', async () => {
      const { id } = await test.aVolume()
      const act = (body: unknown) => test.demo('POST', `/volumes/${id}/action`, body)
      assert.equal((await act({ 'os-set_bootable': { bootable: true } })).status, 200)
      assert.equal((await act({ 'os-update_readonly_flag': { readonly: 'True' } })).status, 202)
      const { body } = await test.demo('GET', `/volumes/${id}`)
      assert.equal(body.volume.bootable, 'true')
      assert.equal(body.volume.metadata.readonly, 'True')
      assert.equal((await act({ 'os-set_bootable': { bootable: 'maybe' } })).status, 400)
    })

    it('is set to any state by an admin only', async () => {
      const { id } = await test.aVolume()
      const reset = { 'os-reset_status': { status: 'error' } }
      assert.equal((await test.demo('POST', `/volumes/${id}/action`, reset)).status, 403)
      assert.equal((await test.admin('POST', `/volumes/${id}/action`, reset)).status, 202)
      assert.equal((await test.settled(id)).status, 'error')
      for (const bad of [{}, { status: 'fine' }, { status: 5 }]) {
        const answer = await test.admin('POST', `/volumes/${id}/action`, { 'os-reset_status': bad })
        assert.equal(answer.status, 400, JSON.stringify(bad))
      }
    })

    it('refuses what it does not do by name, and what nobody does as malformed', async () => {
      const { id } = await test.aVolume()
      for (const name of ['os-volume_upload_image', 'os-reimage', 'revert']) {
        const { status, body } = await test.demo('POST', `/volumes/${id}/action`, { [name]: {} })
        assert.equal(status, 501, name)
        assert.match(body.notImplemented.message, /not offered/)
      }
      for (const body of [{ 'os-dance': {} }, {}, { 'os-extend': { new_size: 2 }, 'os-reserve': {} }, []]) {
        assert.equal((await test.demo('POST', `/volumes/${id}/action`, body)).status, 400)
      }
      assert.equal((await test.demo('POST', `/volumes/${id}/action`, { 'os-reimage': {} }, '3.67')).status, 400)
    })

    it('changes its type where its back end can do the new one', async () => {
      const { id } = await test.aVolume()
      for (const [name, backend] of [
        ['same-place', 'simulated'],
        ['elsewhere', 'other'],
      ]) {
        await test.admin('POST', '/types', { volume_type: { name, extra_specs: { volume_backend_name: backend } } })
      }
      const retype = (new_type: string, migration_policy = 'never') =>
        test.demo('POST', `/volumes/${id}/action`, { 'os-retype': { new_type, migration_policy } })
      assert.equal((await retype('same-place')).status, 202)
      assert.equal((await test.settled(id)).volume_type, 'same-place')
      assert.equal((await retype('same-place')).status, 400)
      assert.equal((await retype('elsewhere')).status, 400)
      assert.equal((await retype('elsewhere', 'on-demand')).status, 501)
      assert.equal((await retype('nowhere')).status, 400)
    })
  })

  describe('extending', () => {
    const extend = (id: string, new_size: unknown, version?: string) =>
      test.demo('POST', `/volumes/${id}/action`, { 'os-extend': { new_size } }, version)

    it('grows on the back end and becomes available again', async () => {
      const { id } = await test.aVolume()
      assert.equal((await extend(id, 4)).status, 202)
      const volume = await test.settled(id)
      assert.deepEqual([volume.status, volume.size], ['available', 4])
      assert.equal(test.backends[0]!.snapshot().volumes.find((each) => each.id === id)?.sizeGiB, 4)
    })

    it('refuses to shrink, to stay, and what is no size', async () => {
      const { id } = await test.aVolume({ size: 2 })
      for (const size of [1, 2, 0, -1, null, 'large', {}]) {
        assert.equal((await extend(id, size)).status, 400, JSON.stringify(size))
      }
    })

    it('ends in error_extending with the old size when the back end fails', async () => {
      const { id } = await test.aVolume()
      test.backends[0]!.faults.failNext('backend.extend', new Error('full'))
      await extend(id, 2)
      const volume = await test.settled(id)
      assert.deepEqual([volume.status, volume.size], ['error_extending', 1])
      assert.equal((await test.demo('DELETE', `/volumes/${id}`)).status, 202)
      assert.equal((await test.settled(id)).status, 'gone')
    })
  })

  describe('deleting', () => {
    it('leaves nothing behind', async () => {
      const { id } = await test.aVolume()
      assert.equal((await test.demo('DELETE', `/volumes/${id}`)).status, 202)
      assert.equal((await test.settled(id)).status, 'gone')
      assert.equal(
        test.backends[0]!.snapshot().volumes.some((volume) => volume.id === id),
        false,
      )
      assert.equal((await test.demo('DELETE', `/volumes/${id}`)).status, 404)
    })

    it('is refused in a state that does not allow it, unless an admin forces it', async () => {
      const { id } = await test.aVolume()
      await test.admin('POST', `/volumes/${id}/action`, { 'os-reset_status': { status: 'maintenance' } })
      const { status, body } = await test.demo('DELETE', `/volumes/${id}`)
      assert.equal(status, 400)
      assert.match(body.badRequest.message, /^Invalid volume: /)
      assert.equal((await test.demo('DELETE', `/volumes/${id}?force=true`)).status, 403)
      assert.equal((await test.admin('DELETE', `/volumes/${id}?force=true`)).status, 202)
      assert.equal((await test.settled(id)).status, 'gone')
    })

    it('ends in error_deleting when the back end keeps failing, and may be asked again by force', async () => {
      const { id } = await test.aVolume()
      test.backends[0]!.faults.failNext('backend.remove', new Error('busy'), { times: 3 })
      await test.demo('DELETE', `/volumes/${id}`)
      assert.equal((await test.settled(id)).status, 'error_deleting')
      await test.admin('POST', `/volumes/${id}/action`, { 'os-force_delete': {} })
      assert.equal((await test.settled(id)).status, 'gone')
    })

    it('by force also ends a create that is under way, and leaves nothing behind', async () => {
      test.backends[0]!.faults.delay('backend.create', 150)
      const { body } = await test.demo('POST', '/volumes', { volume: { size: 1 } })
      const { id } = body.volume
      assert.equal((await test.admin('POST', `/volumes/${id}/action`, { 'os-force_delete': {} })).status, 202)
      assert.equal((await test.settled(id)).status, 'gone')
      await test.context.stories.ended(id)
      test.backends[0]!.faults.delay('backend.create', 0)
      assert.equal(
        test.backends[0]!.snapshot().volumes.some((volume) => volume.id === id),
        false,
      )
    })
  })

  it('is not found under an id that is none', async () => {
    for (const id of ['none', '1', "'; drop table", 'ffffffff-ffff-4fff-8fff-ffffffffffff']) {
      assert.equal((await test.demo('GET', `/volumes/${encodeURIComponent(id)}`)).status, 404)
      assert.equal(
        (await test.demo('PUT', `/volumes/${encodeURIComponent(id)}`, { volume: { name: 'x' } })).status,
        404,
      )
      assert.equal((await test.demo('DELETE', `/volumes/${encodeURIComponent(id)}`)).status, 404)
    }
  })
})
