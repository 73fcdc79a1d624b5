import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type AttachmentId, newId, type ServerId, type VolumeId } from '../../ids.ts'
import { TINY_IMAGE, type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('snapshots', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
    const quota = { quota_set: { volumes: -1, snapshots: -1, gigabytes: -1 } }
    await test.admin('PUT', `/os-quota-sets/${person('demo').projectId}`, quota)
  })
  after(() => test[Symbol.asyncDispose]())

  const settled = async (id: string) => {
    for (let tries = 0; tries < 300; tries++) {
      const { status, body } = await test.demo('GET', `/snapshots/${id}`)
      if (status === 404) return { id, status: 'gone' }
      if (!['creating', 'deleting'].includes(body.snapshot.status)) return body.snapshot
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('the snapshot does not settle')
  }
  const aSnapshot = async (volume_id: string, fields: object = {}) => {
    const { status, body } = await test.demo('POST', '/snapshots', { snapshot: { volume_id, ...fields } })
    assert.equal(status, 202, JSON.stringify(body))
    return await settled(body.snapshot.id)
  }
  const held = (id: string) => test.backends[0]!.snapshot().volumes.find((volume) => volume.id === id)

  it('are copies of a volume, made in the background', async () => {
    const volume = await test.aVolume({ size: 2 })
    const { status, body } = await test.demo('POST', '/snapshots', {
      snapshot: { volume_id: volume.id, name: ' before ', description: 'x', metadata: { a: '1' } },
    })
    assert.equal(status, 202)
    assert.deepEqual(body.snapshot, {
      id: body.snapshot.id,
      created_at: body.snapshot.created_at,
      updated_at: null,
      name: 'before',
      description: 'x',
      volume_id: volume.id,
      status: 'creating',
      size: 2,
      metadata: { a: '1' },
      group_snapshot_id: null,
      user_id: person('demo').userId,
      consumes_quota: true,
    })
    const made = await settled(body.snapshot.id)
    assert.equal(made.status, 'available')
    assert.equal(made['os-extended-snapshot-attributes:progress'], '100%')
    assert.equal(made['os-extended-snapshot-attributes:project_id'], person('demo').projectId)
    assert.equal(held(body.snapshot.id)?.copyOf, volume.id)
  })

  it('become volumes again, as large or larger, with what the first had', async () => {
    const volume = await test.aVolume({ size: 2, imageRef: TINY_IMAGE.id })
    const snapshot = await aSnapshot(volume.id)
    const restored = await test.aVolume({ size: undefined, snapshot_id: snapshot.id })
    const { body } = await test.demo('GET', `/volumes/${restored.id}`)
    assert.equal(body.volume.status, 'available')
    assert.deepEqual([body.volume.size, body.volume.snapshot_id, body.volume.bootable], [2, snapshot.id, 'true'])
    assert.equal(body.volume.volume_image_metadata.image_id, TINY_IMAGE.id)
    const ask = (size: number) => test.demo('POST', '/volumes', { volume: { size, snapshot_id: snapshot.id } })
    assert.equal((await ask(1)).status, 400)
    assert.equal((await ask(3)).status, 202)
  })

  it('are not taken of a volume that is in use, nor of one that is not there', async () => {
    const volume = await test.aVolume()
    const attachmentId = newId<AttachmentId>()
    const order = { attachmentId, volumeId: volume.id as VolumeId, serverId: newId<ServerId>(), mode: 'rw' as const }
    await test.volumes.reserve(order)
    const refused = await test.demo('POST', '/snapshots', { snapshot: { volume_id: volume.id } })
    assert.equal(refused.status, 400)
    assert.match(refused.body.badRequest.message, /status must be available/)
    assert.equal((await test.demo('POST', '/snapshots', { snapshot: { volume_id: newId() } })).status, 404)
    assert.equal((await test.demo('POST', '/snapshots', { snapshot: { volume_id: null } })).status, 404)
    for (const snapshot of [
      {},
      { volume_id: 'x' },
      { volume_id: volume.id, size: 1 },
      { volume_id: volume.id, name: 5 },
    ]) {
      assert.equal((await test.demo('POST', '/snapshots', { snapshot })).status, 400, JSON.stringify(snapshot))
    }
  })

  it('know a force flag until 3.65, and let a true one pass from then', async () => {
    const volume = await test.aVolume()
    const ask = (force: boolean, version: string) =>
      test.demo('POST', '/snapshots', { snapshot: { volume_id: volume.id, force } }, version)
    assert.equal((await ask(false, '3.65')).status, 202)
    assert.equal((await ask(false, '3.66')).status, 400)
    assert.equal((await ask(true, '3.66')).status, 202)
  })

  it('are in error when somebody used the volume while it was copied', async () => {
    const volume = await test.aVolume()
    test.backends[0]!.faults.delay('backend.copy', 150)
    const { body } = await test.demo('POST', '/snapshots', { snapshot: { volume_id: volume.id } })
    const attachmentId = newId<AttachmentId>()
    const volumeId = volume.id as VolumeId
    await test.volumes.reserve({ attachmentId, volumeId, serverId: newId<ServerId>(), mode: 'rw' })
    const connector = { host: 'host-1' as never, ip: '127.0.0.1', initiator: 'iqn.1993-08.org.debian:01:host-1' }
    await test.volumes.connect(attachmentId, connector)
    await test.volumes.detach(attachmentId)
    test.backends[0]!.faults.delay('backend.copy', 0)
    assert.equal((await settled(body.snapshot.id)).status, 'error')
    assert.equal(held(body.snapshot.id), undefined)
  })

  it('keep their volume from being deleted, unless they go along', async () => {
    const volume = await test.aVolume()
    const snapshot = await aSnapshot(volume.id)
    const refused = await test.demo('DELETE', `/volumes/${volume.id}`)
    assert.equal(refused.status, 400)
    assert.match(refused.body.badRequest.message, /have snapshots/)
    await test.volumes.remove(volume.id as VolumeId)
    assert.equal((await test.settled(volume.id)).status, 'available')
    assert.equal((await test.demo('DELETE', `/volumes/${volume.id}?cascade=True`)).status, 202)
    assert.equal((await test.settled(volume.id)).status, 'gone')
    assert.equal((await settled(snapshot.id)).status, 'gone')
    assert.deepEqual([held(volume.id), held(snapshot.id)], [undefined, undefined])
  })

  it('are deleted, and leave nothing behind', async () => {
    const snapshot = await aSnapshot((await test.aVolume()).id)
    assert.equal((await test.demo('DELETE', `/snapshots/${snapshot.id}`)).status, 202)
    assert.equal((await settled(snapshot.id)).status, 'gone')
    assert.equal(held(snapshot.id), undefined)
    assert.equal((await test.demo('DELETE', `/snapshots/${snapshot.id}`)).status, 404)
  })

  it('are changed in name, description and metadata', async () => {
    const { id } = await aSnapshot((await test.aVolume()).id)
    const changed = await test.demo('PUT', `/snapshots/${id}`, { snapshot: { name: 'new' } })
    assert.equal(changed.body.snapshot.name, 'new')
    assert.equal((await test.demo('PUT', `/snapshots/${id}`, { snapshot: {} })).status, 400)
    const url = `/snapshots/${id}/metadata`
    assert.deepEqual((await test.demo('POST', url, { metadata: { a: '1' } })).body, { metadata: { a: '1' } })
    assert.deepEqual((await test.demo('PUT', `${url}/a`, { meta: { a: '2' } })).body, { meta: { a: '2' } })
    assert.deepEqual((await test.demo('PUT', url, { metadata: { b: '3' } })).body, { metadata: { b: '3' } })
    assert.equal((await test.demo('GET', `${url}/a`)).status, 404)
    assert.equal((await test.demo('DELETE', `${url}/b`)).status, 200)
    assert.deepEqual((await test.demo('GET', url)).body, { metadata: {} })
  })

  it('are set to a state by admins', async () => {
    const { id } = await aSnapshot((await test.aVolume()).id)
    const reset = (status: string) => ({ 'os-reset_status': { status } })
    assert.equal((await test.demo('POST', `/snapshots/${id}/action`, reset('error'))).status, 403)
    assert.equal((await test.admin('POST', `/snapshots/${id}/action`, reset('error'))).status, 202)
    assert.equal((await settled(id)).status, 'error')
    assert.equal((await test.admin('POST', `/snapshots/${id}/action`, reset('fine'))).status, 400)
    const report = { 'os-update_snapshot_status': { status: 'available' } }
    assert.equal((await test.demo('POST', `/snapshots/${id}/action`, report)).status, 400)
    await test.admin('POST', `/snapshots/${id}/action`, reset('creating'))
    const failed = { 'os-update_snapshot_status': { status: 'error', progress: '80%' } }
    assert.equal((await test.demo('POST', `/snapshots/${id}/action`, failed)).status, 202)
    const shown = await settled(id)
    assert.deepEqual([shown.status, shown['os-extended-snapshot-attributes:progress']], ['error', '80%'])
  })

  it('are listed, filtered, sorted and paged', async () => {
    const volume = await test.aVolume()
    const other = await test.aVolume()
    const ids: string[] = []
    for (const name of ['a', 'b', 'c']) ids.push((await aSnapshot(volume.id, { name, metadata: { name } })).id)
    await aSnapshot(other.id, { name: 'other' })
    const names = async (query: string) =>
      (await test.demo('GET', `/snapshots?volume_id=${volume.id}&${query}`)).body.snapshots
        .map(({ name }: { name: string }) => name)
        .join('')
    assert.equal(await names(''), 'cba')
    assert.equal(await names('sort=name:asc'), 'abc')
    assert.equal(await names('name=b'), 'b')
    assert.equal(await names('status=error'), '')
    assert.equal(await names(`metadata=${encodeURIComponent("{'name': 'c'}")}`), 'c')
    assert.equal(await names('limit=0'), '')
    assert.equal(await names(`marker=${ids[2]}&limit=1`), 'b')
    const counted = await test.demo('GET', `/snapshots/detail?volume_id=${volume.id}&limit=1&with_count=true`)
    assert.deepEqual([counted.body.count, counted.body.snapshots.length], [3, 1])
    assert.match(counted.body.snapshots_links[0].href, /\/snapshots\/detail\?.*marker=/)
    assert.equal((await test.demo('GET', '/snapshots?marker=nothing')).status, 404)
    assert.equal((await test.demo('GET', '/snapshots?colour=red')).status, 400)
    assert.equal((await test.demo('GET', '/snapshots?sort=colour')).status, 400)
  })

  it('are not found by another project', async () => {
    const { id } = await aSnapshot((await test.aVolume()).id)
    assert.equal((await test.ask('alt', 'GET', `/volume/v3/snapshots/${id}`)).status, 404)
    assert.equal((await test.ask('alt', 'DELETE', `/volume/v3/snapshots/${id}`)).status, 404)
    assert.equal((await test.ask('reader', 'DELETE', `/volume/v3/snapshots/${id}`)).status, 403)
    assert.equal((await test.ask('reader', 'GET', `/volume/v3/snapshots/${id}`)).status, 200)
  })

  it('count in number and in size', async () => {
    const volume = await test.aVolume({ size: 5 })
    const url = `/os-quota-sets/${person('demo').projectId}`
    const used = async () => (await test.demo('GET', `${url}?usage=true`)).body.quota_set
    const before_ = await used()
    await aSnapshot(volume.id)
    const after_ = await used()
    assert.equal(after_.snapshots.in_use, before_.snapshots.in_use + 1)
    assert.equal(after_.gigabytes.in_use, before_.gigabytes.in_use + 5)
    await test.admin('PUT', url, { quota_set: { snapshots: after_.snapshots.in_use } })
    const refused = await test.demo('POST', '/snapshots', { snapshot: { volume_id: volume.id } })
    assert.equal(refused.status, 413)
    assert.match(refused.body.overLimit.message, /^SnapshotLimitExceeded/)
    await test.admin('PUT', url, { quota_set: { snapshots: -1 } })
  })
})
