import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type AttachmentId, newId, type ServerId, type VolumeId } from '../../ids.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

const INITIATOR = 'iqn.1993-08.org.debian:01:host-1'
const CONNECTOR = { host: 'host-1', ip: '127.0.0.1', initiator: INITIATOR, mountpoint: '/dev/vdb' }

describe('attachments', () => {
  let test: VolumeServiceUnderTest
  let volumeId: VolumeId
  before(async () => {
    test = await volumeServiceUnderTest()
    const first = await test.aVolume()
    const project = (await test.demo('GET', `/volumes/${first.id}`)).body.volume['os-vol-tenant-attr:tenant_id']
    await test.admin('PUT', `/os-quota-sets/${project}`, { quota_set: { volumes: -1 } })
    await test.admin('POST', '/types', {
      volume_type: { name: 'shared', extra_specs: { multiattach: '<is> True' } },
    })
  })
  after(() => test[Symbol.asyncDispose]())
  beforeEach(async () => {
    volumeId = (await test.aVolume()).id as VolumeId
  })

  const volume = async () => (await test.demo('GET', `/volumes/${volumeId}`)).body.volume
  const exported = () => test.backends[0]!.snapshot().exports.find((each) => each.volumeId === volumeId)
  const act = (body: unknown, version?: string) => test.demo('POST', `/volumes/${volumeId}/action`, body, version)
  const create = (fields: object = {}) =>
    test.demo('POST', '/attachments', { attachment: { volume_uuid: volumeId, ...fields } })

  describe('by the attachments API', () => {
    it('are reserved, connected, completed and deleted', async () => {
      const server = newId<ServerId>()
      const made = await create({ instance_uuid: server })
      assert.equal(made.status, 200)
      const { id } = made.body.attachment
      assert.deepEqual(made.body.attachment, {
        id,
        status: 'reserved',
        instance: server,
        volume_id: volumeId,
        attached_at: '',
        detached_at: '',
        attach_mode: null,
        connection_info: {},
      })
      assert.equal((await volume()).status, 'reserved')
      assert.equal(exported(), undefined)

      const updated = await test.demo('PUT', `/attachments/${id}`, { attachment: { connector: CONNECTOR } })
      assert.equal(updated.status, 200)
      assert.equal(updated.body.attachment.status, 'attaching')
      const info = updated.body.attachment.connection_info
      assert.equal(info.driver_volume_type, 'iscsi')
      assert.equal(info.target_iqn, `iqn.2010-10.org.openstack:volume-${volumeId}`)
      assert.equal(info.auth_method, 'CHAP')
      assert.match(info.auth_password, /^[A-Za-z0-9]{16}$/)
      assert.deepEqual(exported()?.initiators, [INITIATOR])
      assert.equal((await volume()).status, 'reserved')

      const completed = await test.demo('POST', `/attachments/${id}/action`, { 'os-complete': null })
      assert.equal(completed.status, 204)
      const inUse = await volume()
      assert.equal(inUse.status, 'in-use')
      assert.equal(inUse.attachments.length, 1)
      assert.equal(inUse.attachments[0].attachment_id, id)
      assert.equal(inUse.attachments[0].server_id, server)
      assert.equal(inUse.attachments[0].device, '/dev/vdb')
      assert.equal(inUse.attachments[0].host_name, null)
      const admin = (await test.admin('GET', `/volumes/${volumeId}`)).body.volume
      assert.equal(admin.attachments[0].host_name, 'host-1')

      const deleted = await test.demo('DELETE', `/attachments/${id}`)
      assert.deepEqual([deleted.status, deleted.body], [200, { attachments: [] }])
      assert.equal((await volume()).status, 'available')
      assert.equal(exported(), undefined)
      assert.equal((await test.demo('GET', `/attachments/${id}`)).status, 404)
    })

    it('may be connected at once, with a mode from 3.54', async () => {
      const made = await create({ instance_uuid: newId(), connector: CONNECTOR, mode: 'ro' })
      assert.equal(made.body.attachment.status, 'attaching')
      assert.equal(made.body.attachment.attach_mode, 'ro')
      assert.equal(made.body.attachment.connection_info.access_mode, 'ro')
      const early = { attachment: { volume_uuid: volumeId, mode: 'ro' } }
      assert.equal((await test.demo('POST', '/attachments', early, '3.53')).status, 400)
    })

    it('exist from 3.27, and are completed from 3.44', async () => {
      assert.equal((await test.demo('GET', '/attachments', undefined, '3.26')).status, 404)
      assert.equal((await test.demo('GET', '/attachments', undefined, '3.27')).status, 200)
      const { body } = await create()
      const complete = (version: string) =>
        test.demo('POST', `/attachments/${body.attachment.id}/action`, { 'os-complete': null }, version)
      assert.equal((await complete('3.43')).status, 400)
      assert.equal((await complete('3.44')).status, 204)
    })

    it('are refused on a volume that is taken', async () => {
      await create({ instance_uuid: newId() })
      const { status, body } = await create({ instance_uuid: newId() })
      assert.equal(status, 400)
      assert.match(body.badRequest.message, /status must be available to reserve, but the current status is reserved/)
    })

    it('may be two for one server, as when it moves', async () => {
      const server = newId<ServerId>()
      await create({ instance_uuid: server })
      assert.equal((await create({ instance_uuid: server.toUpperCase() })).status, 200)
    })

    it('may be several on a volume of a multiattach type, each leaving the others in', async () => {
      volumeId = (await test.aVolume({ volume_type: 'shared' })).id as VolumeId
      const ids: string[] = []
      for (const host of ['host-1', 'host-2']) {
        const connector = { ...CONNECTOR, host, initiator: `iqn.1993-08.org.debian:01:${host}` }
        const { body } = await create({ instance_uuid: newId(), connector })
        ids.push(body.attachment.id)
        await test.demo('POST', `/attachments/${body.attachment.id}/action`, { 'os-complete': null })
      }
      assert.equal((await volume()).attachments.length, 2)
      assert.equal(exported()?.initiators.length, 2)
      await test.demo('DELETE', `/attachments/${ids[0]}`)
      assert.equal((await volume()).status, 'in-use')
      assert.deepEqual(exported()?.initiators, ['iqn.1993-08.org.debian:01:host-2'])
    })

    it('need an initiator that is one', async () => {
      for (const connector of [
        { host: 'host-1' },
        { initiator: 'nobody' },
        { initiator: 5 },
        { initiator: 'iqn.a b' },
      ]) {
        const { status } = await create({ instance_uuid: newId(), connector })
        assert.equal(status, 400, JSON.stringify(connector))
        assert.equal((await volume()).status, 'available')
      }
    })

    it('are refused where the body is not one', async () => {
      for (const attachment of [{}, { volume_uuid: 'x' }, { volume_uuid: volumeId, colour: 'red' }, null]) {
        assert.equal((await test.demo('POST', '/attachments', { attachment })).status, 400)
      }
      const unknown = { attachment: { volume_uuid: newId() } }
      assert.equal((await test.demo('POST', '/attachments', unknown)).status, 404)
    })

    it('leave the volume as it was when the back end fails', async () => {
      const { body } = await create({ instance_uuid: newId() })
      test.backends[0]!.faults.failNext('backend.ensureExport', new Error('no tgtd'))
      const failed = await test.demo('PUT', `/attachments/${body.attachment.id}`, {
        attachment: { connector: CONNECTOR },
      })
      assert.equal(failed.status, 500)
      const shown = await test.demo('GET', `/attachments/${body.attachment.id}`)
      assert.equal(shown.body.attachment.status, 'reserved')
    })

    it('are listed and filtered, and are not for others', async () => {
      const server = newId<ServerId>()
      const { body } = await create({ instance_uuid: server })
      const { id } = body.attachment
      const ids = async (query: string) =>
        (await test.demo('GET', `/attachments?${query}`)).body.attachments.map((each: { id: string }) => each.id)
      assert.deepEqual(await ids(`volume_id=${volumeId}`), [id])
      assert.deepEqual(await ids(`instance_id=${server}`), [id])
      assert.deepEqual(await ids(`volume_id=${volumeId}&status=attached`), [])
      const detail = await test.demo('GET', `/attachments/detail?volume_id=${volumeId}`)
      assert.deepEqual(detail.body.attachments[0].connection_info, {})
      const headers = { 'openstack-api-version': 'volume 3.27' }
      assert.equal((await test.ask('alt', 'GET', `/volume/v3/attachments/${id}`, undefined, headers)).status, 404)
      assert.equal((await test.ask('alt', 'DELETE', `/volume/v3/attachments/${id}`, undefined, headers)).status, 404)
      assert.equal((await test.demo('GET', '/attachments?colour=red')).status, 400)
    })
  })

  describe('by the flow from before', () => {
    it('reserve, connect, attach, detach and disconnect', async () => {
      const server = newId<ServerId>()
      assert.equal((await act({ 'os-reserve': {} })).status, 202)
      assert.equal((await volume()).status, 'attaching')
      assert.equal((await act({ 'os-reserve': {} })).status, 400)
      const opened = await act({ 'os-initialize_connection': { connector: CONNECTOR } })
      assert.equal(opened.status, 200)
      assert.equal(opened.body.connection_info.driver_volume_type, 'iscsi')
      assert.equal(opened.body.connection_info.data.target_lun, 1)
      assert.deepEqual(exported()?.initiators, [INITIATOR])
      const attach = { 'os-attach': { instance_uuid: server, mountpoint: '/dev/vdc', mode: 'rw' } }
      assert.equal((await act(attach)).status, 202)
      const inUse = await volume()
      assert.deepEqual([inUse.status, inUse.attachments[0].device], ['in-use', '/dev/vdc'])
      assert.deepEqual(inUse.metadata, { attached_mode: 'rw', readonly: 'False' })
      assert.equal((await act({ 'os-begin_detaching': {} })).status, 202)
      assert.equal((await volume()).status, 'detaching')
      assert.equal((await act({ 'os-begin_detaching': {} })).status, 400)
      assert.equal((await act({ 'os-roll_detaching': {} })).status, 202)
      assert.equal((await volume()).status, 'in-use')
      assert.equal((await act({ 'os-terminate_connection': { connector: CONNECTOR } })).status, 202)
      assert.equal(exported(), undefined)
      assert.equal((await act({ 'os-detach': {} })).status, 202)
      assert.deepEqual([(await volume()).status, (await volume()).attachments], ['available', []])
    })

    it('gives a reservation back', async () => {
      await act({ 'os-reserve': {} })
      assert.equal((await act({ 'os-unreserve': {} })).status, 202)
      assert.equal((await volume()).status, 'available')
    })

    it('does not attach for writing what is read only', async () => {
      await act({ 'os-update_readonly_flag': { readonly: true } })
      const attach = (mode: string) => act({ 'os-attach': { instance_uuid: newId(), mountpoint: '/dev/vdc', mode } })
      assert.equal((await attach('rw')).status, 400)
      assert.equal((await attach('ro')).status, 202)
    })

    it('refuses what is no attachment', async () => {
      for (const body of [
        { 'os-attach': { mountpoint: '/dev/vdc' } },
        { 'os-attach': { instance_uuid: newId() } },
        { 'os-attach': { instance_uuid: newId(), mountpoint: '/dev/vdc', mode: 'wr' } },
        { 'os-initialize_connection': { connector: 'host' } },
        { 'os-initialize_connection': { connector: {} } },
        { 'os-begin_detaching': {} },
      ]) {
        assert.equal((await act(body)).status, 400, JSON.stringify(body))
      }
      assert.equal((await act({ 'os-detach': { attachment_id: newId() } })).status, 404)
    })

    it('lets an admin tear an attachment off', async () => {
      await act({ 'os-attach': { host_name: 'host-9', mountpoint: '/dev/vdc' } })
      assert.equal((await act({ 'os-force_detach': {} })).status, 403)
      const forced = { 'os-force_detach': { connector: null } }
      assert.equal((await test.admin('POST', `/volumes/${volumeId}/action`, forced)).status, 202)
      assert.equal((await volume()).status, 'available')
    })
  })

  describe('by compute', () => {
    const connector = { host: 'host-1' as never, ip: '127.0.0.1', initiator: INITIATOR }
    const attach = async () => {
      const attachmentId = newId<AttachmentId>()
      await test.volumes.reserve({ attachmentId, volumeId, serverId: newId<ServerId>(), mode: 'rw' })
      const connection = await test.volumes.connect(attachmentId, connector)
      await test.volumes.complete(attachmentId, '/dev/vdb')
      return { attachmentId, connection }
    }

    it('go through all their states, each twice, and come to the same', async () => {
      const attachmentId = newId<AttachmentId>()
      const order = { attachmentId, volumeId, serverId: newId<ServerId>(), mode: 'rw' as const }
      await test.volumes.reserve(order)
      await test.volumes.reserve(order)
      assert.equal((await volume()).status, 'reserved')
      const connection = await test.volumes.connect(attachmentId, connector)
      assert.deepEqual(await test.volumes.connect(attachmentId, connector), connection)
      assert.equal(connection.initiator, INITIATOR)
      await test.volumes.complete(attachmentId, '/dev/vdb')
      await test.volumes.complete(attachmentId, '/dev/vdb')
      assert.equal((await volume()).status, 'in-use')
      await test.volumes.beginDetaching(volumeId)
      await test.volumes.beginDetaching(volumeId)
      assert.equal((await volume()).status, 'detaching')
      await test.volumes.rollDetaching(volumeId)
      assert.equal((await volume()).status, 'in-use')
      await test.volumes.detach(attachmentId)
      await test.volumes.detach(attachmentId)
      assert.equal((await volume()).status, 'available')
      assert.equal(exported(), undefined)
    })

    it('are read only where the volume is', async () => {
      await act({ 'os-update_readonly_flag': { readonly: true } })
      const { connection } = await attach()
      assert.equal(connection.accessMode, 'ro')
    })

    it('get a new account each time that nobody was left', async () => {
      const first = await attach()
      await test.volumes.detach(first.attachmentId)
      const second = await attach()
      assert.notEqual(second.connection.authPassword, first.connection.authPassword)
    })

    it('are refused where the volume is not to be had', async () => {
      await attach()
      const order = { attachmentId: newId<AttachmentId>(), volumeId, serverId: newId<ServerId>(), mode: 'rw' as const }
      await assert.rejects(test.volumes.reserve(order), { code: 'volume.volume.not-available', reason: 'invalid' })
      const unknown = { ...order, volumeId: newId<VolumeId>() }
      await assert.rejects(test.volumes.reserve(unknown), { code: 'volume.volume.not-found' })
      const free = (await test.aVolume()).id as VolumeId
      await assert.rejects(test.volumes.beginDetaching(free), { code: 'volume.volume.not-in-use' })
    })

    it('are not for their owner to break off or to look into', async () => {
      const { attachmentId } = await attach()
      const shown = await test.demo('GET', `/attachments/${attachmentId}`)
      assert.equal('auth_password' in shown.body.attachment.connection_info, false)
      assert.equal((await test.demo('DELETE', `/attachments/${attachmentId}`)).status, 409)
      assert.equal((await act({ 'os-detach': { attachment_id: attachmentId } })).status, 409)
      assert.equal((await act({ 'os-initialize_connection': { connector: CONNECTOR } })).status, 409)
      assert.equal((await test.demo('DELETE', `/volumes/${volumeId}`)).status, 400)
      const admin = await test.admin('GET', `/attachments/${attachmentId}`)
      assert.match(admin.body.attachment.connection_info.auth_password, /^\w{16}$/)
    })

    it('are told when the volume has grown, from 3.42', async () => {
      const told: object[] = []
      test.volumes.onExtended(async (event) => void told.push(event))
      await attach()
      assert.equal((await act({ 'os-extend': { new_size: 2 } }, '3.41')).status, 400)
      assert.equal((await act({ 'os-extend': { new_size: 2 } }, '3.42')).status, 202)
      const grown = await test.settled(volumeId)
      assert.deepEqual([grown.status, grown.size], ['in-use', 2])
      const { serverId } = (await test.volumes.find([volumeId])).get(volumeId)!.attachments[0]!
      for (let tries = 0; tries < 100 && told.length === 0; tries++) await new Promise((done) => setTimeout(done, 10))
      assert.deepEqual(told, [{ volumeId, serverId, sizeGiB: 2 }])
    })

    it('leave a volume that grew meanwhile available', async () => {
      const { attachmentId } = await attach()
      test.backends[0]!.faults.delay('backend.extend', 100)
      await act({ 'os-extend': { new_size: 2 } })
      await test.volumes.detach(attachmentId)
      test.backends[0]!.faults.delay('backend.extend', 0)
      const grown = await test.settled(volumeId)
      assert.deepEqual([grown.status, grown.size], ['available', 2])
    })
  })

  describe('and exports', () => {
    it('are made again as the tables say, and what no table knows is taken away', async () => {
      const { body } = await create({ instance_uuid: newId(), connector: CONNECTOR })
      const [backend] = test.backends
      await backend!.removeExport(volumeId, 0)
      const stranger = (await test.aVolume()).id as VolumeId
      const order = { targetNumber: 999, initiators: [INITIATOR], authUsername: 'u', authPassword: 'p' }
      await backend!.ensureExport({ ...order, volumeId: stranger })
      await test.volumes.reconcile()
      assert.equal(exported()?.authPassword, body.attachment.connection_info.auth_password)
      assert.equal(
        backend!.snapshot().exports.some((each) => each.volumeId === stranger),
        false,
      )
    })

    it('are forgotten when an admin resets a volume to detached', async () => {
      await create({ instance_uuid: newId(), connector: CONNECTOR })
      const reset = { 'os-reset_status': { status: 'available', attach_status: 'detached' } }
      assert.equal((await test.admin('POST', `/volumes/${volumeId}/action`, reset)).status, 202)
      assert.equal(exported(), undefined)
      assert.equal((await test.demo('DELETE', `/volumes/${volumeId}`)).status, 202)
      assert.equal((await test.settled(volumeId)).status, 'gone')
    })

    it('hold under many who come and go at once', async () => {
      volumeId = (await test.aVolume({ volume_type: 'shared' })).id as VolumeId
      const comeAndGo = async (n: number) => {
        const attachmentId = newId<AttachmentId>()
        const initiator = `iqn.1993-08.org.debian:01:host-${n}`
        await test.volumes.reserve({ attachmentId, volumeId, serverId: newId<ServerId>(), mode: 'rw' }).catch(() => {})
        const connected = await test.volumes
          .connect(attachmentId, { host: `host-${n}` as never, ip: '127.0.0.1', initiator })
          .then(
            () => true,
            () => false,
          )
        if (connected) await test.volumes.complete(attachmentId, '/dev/vdb')
        if (n % 2 === 0) await test.volumes.detach(attachmentId)
      }
      await Promise.all(Array.from({ length: 12 }, (_, n) => comeAndGo(n)))
      const left = (await test.volumes.find([volumeId])).get(volumeId)!.attachments.length
      assert.equal(exported()?.initiators.length ?? 0, left)
    })
  })
})
