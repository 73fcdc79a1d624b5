import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { newId, type ServerId, type VolumeId } from '../../ids.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('creating a server', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud()
    await cloud.test.context.db`
      insert into compute.quotas (project_id, resource, hard_limit)
      select ${person('demo').projectId!}, resource, -1 from unnest(array['instances', 'cores', 'ram']) as resource`
  })
  after(() => cloud[Symbol.asyncDispose]())

  const create = (server: object, { version = 'latest', who = 'demo', hints }: Options = {}) =>
    cloud.ask(
      who,
      'POST',
      '/servers',
      {
        server: {
          name: 'web',
          imageRef: cloud.imageId,
          flavorRef: 'tiny',
          networks: [{ uuid: cloud.privateId }],
          ...server,
        },
        ...(hints !== undefined && { 'os:scheduler_hints': hints }),
      },
      version,
    )
  interface Options {
    version?: string
    who?: 'demo' | 'admin' | 'alt' | 'reader'
    hints?: object
  }
  const refused = async (server: object, message: RegExp, options: Options = {}, status = 400) => {
    const answer = await create(server, options)
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    const [fault] = Object.values(answer.body) as { code: number; message: string }[]
    assert.equal(fault!.code, status)
    assert.match(fault!.message, message)
  }
  const facts = async (id: ServerId) => {
    const found = await cloud.compute.guestFacts(id)
    return found ?? assert.fail('no facts')
  }
  const newVolume = async (imageId?: string): Promise<VolumeId> => {
    const volumeId = newId<VolumeId>()
    const { projectId, userId } = person('demo')
    await cloud.volumes.ensureVolume({
      volumeId,
      projectId: projectId!,
      userId,
      sizeGiB: 1,
      name: '',
      ...(imageId !== undefined && { imageId: imageId as never }),
    })
    return volumeId
  }

  it('answers 202 with its id, links and password, and a Location', async () => {
    const answer = await create({})
    assert.equal(answer.status, 202)
    const { server } = answer.body
    assert.deepEqual(Object.keys(server).sort(), ['OS-DCF:diskConfig', 'adminPass', 'id', 'links', 'security_groups'])
    assert.deepEqual(server.security_groups, [{ name: 'default' }])
    assert.match(server.adminPass, /^[2-9A-HJ-NP-Za-km-z]{12}$/)
    assert.equal(answer.headers.location, `http://127.0.0.1:5000/compute/v2.1/servers/${server.id}`)
    assert.match(String(answer.headers['x-compute-request-id']), /^req-/)
    await cloud.settled(server.id)
  })

  it('gives the guest its name, keys, user data, metadata and files on a config drive', async () => {
    await cloud.ask('demo', 'POST', '/os-keypairs', {
      keypair: {
        name: 'mine',
        public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0uiJ2Kc2yJ2m0hZ0cV8p6kqQqQmYk3Jc1XhE0mQm9r me',
      },
    })
    const answer = await create(
      {
        name: 'My Server.1',
        key_name: 'mine',
        user_data: 'IyEvYmluL3No',
        metadata: { role: 'db' },
        personality: [{ path: '/etc/motd', contents: 'aGVsbG8=' }],
        config_drive: true,
        adminPass: 'hush',
      },
      { version: '2.56' },
    )
    assert.equal(answer.body.server.adminPass, 'hush')
    const shown = await cloud.settled(answer.body.server.id)
    assert.equal(shown.config_drive, 'True')
    assert.equal(shown.key_name, 'mine')
    const drive = cloud.agents.on(shown['OS-EXT-SRV-ATTR:host']).configDrive(shown.id)!
    const metaData = JSON.parse(Buffer.from(drive.get('openstack/latest/meta_data.json')!).toString())
    assert.equal(metaData.hostname, 'my-server-1')
    assert.equal(metaData.admin_pass, 'hush')
    assert.deepEqual(metaData.meta, { role: 'db' })
    assert.equal(metaData.keys[0].name, 'mine')
    assert.equal(Buffer.from(drive.get('openstack/content/0000')!).toString(), 'hello')
    assert.equal(Buffer.from(drive.get('openstack/latest/user_data')!).toString(), '#!/bin/sh')
    const network = JSON.parse(Buffer.from(drive.get('openstack/latest/network_data.json')!).toString())
    const [port] = (await cloud.network.portsOf([shown.id])).get(shown.id)!
    assert.deepEqual(
      network.links.map((link: { ethernet_mac_address: string }) => link.ethernet_mac_address),
      [port!.macAddress],
    )
    // The password is on the drive and nowhere else any more.
    assert.equal((await facts(shown.id)).adminPassword, undefined)
  })

  it('counts the names of several servers, and answers a reservation where it is asked for', async () => {
    const answer = await create({ name: 'many', min_count: 2, max_count: 3, return_reservation_id: true })
    assert.match(answer.body.reservation_id, /^r-[a-z0-9]{8}$/)
    const list = await cloud.ask(
      'admin',
      'GET',
      `/servers/detail?all_tenants=1&reservation_id=${answer.body.reservation_id}`,
    )
    assert.deepEqual(list.body.servers.map(({ name }: { name: string }) => name).sort(), ['many-1', 'many-2', 'many-3'])
    for (const { id } of list.body.servers) assert.equal((await cloud.settled(id)).status, 'ACTIVE')
  })

  it('makes as many as the quota has room for, between the counts', async () => {
    const { db } = cloud.test.context
    const alt = person('alt').projectId!
    await db`insert into compute.quotas (project_id, resource, hard_limit) values (${alt}, 'instances', 2)`
    const image = await cloud.images.importFile({
      name: 'alt',
      path: `${cloud.test.context.stateDir}/image.raw`,
      diskFormat: 'raw',
      properties: {},
      ownerProjectId: alt,
    })
    const wish = { imageRef: image, networks: 'none' }
    await refused({ ...wish, min_count: 3 }, /^Quota exceeded for instances/, { who: 'alt' }, 403)
    const answer = await create({ ...wish, min_count: 1, max_count: 5 }, { who: 'alt' })
    assert.equal(answer.status, 202)
    const [counted] = await db`select count(*) from compute.servers where project_id = ${alt} and deleted_at is null`
    assert.equal(counted!.count, 2)
    await refused(
      wish,
      /^Quota exceeded for instances: Requested 1, but already used 2 of 2 instances$/,
      { who: 'alt' },
      403,
    )
  })

  describe('block devices', () => {
    const root = () => ({
      source_type: 'image',
      destination_type: 'local',
      uuid: cloud.imageId,
      boot_index: 0,
      delete_on_termination: true,
    })

    it('boots from a volume, which then has no image', async () => {
      const volume = await newVolume(cloud.imageId)
      const { body } = await create({
        imageRef: '',
        block_device_mapping_v2: [{ source_type: 'volume', destination_type: 'volume', uuid: volume, boot_index: 0 }],
      })
      const shown = await cloud.settled(body.server.id)
      assert.equal(shown.status, 'ACTIVE', JSON.stringify(shown.fault))
      assert.equal(shown.image, '')
      assert.deepEqual(shown['os-extended-volumes:volumes_attached'], [{ id: volume, delete_on_termination: false }])
      assert.equal((await cloud.volumes.find([volume])).get(volume)?.status, 'in-use')
    })

    it('makes a volume of the image to boot from, and removes it with the server', async () => {
      const { body } = await create({
        imageRef: undefined,
        block_device_mapping_v2: [
          {
            source_type: 'image',
            destination_type: 'volume',
            uuid: cloud.imageId,
            volume_size: 1,
            boot_index: 0,
            delete_on_termination: true,
          },
        ],
      })
      const shown = await cloud.settled(body.server.id)
      assert.equal(shown.status, 'ACTIVE', JSON.stringify(shown.fault))
      const [{ id }] = shown['os-extended-volumes:volumes_attached']
      await cloud.ask('demo', 'DELETE', `/servers/${shown.id}`)
      await cloud.gone(shown.id)
      assert.equal((await cloud.volumes.find([id])).size, 0)
    })

    it('takes the first form of mappings, where vda is the root', async () => {
      const volume = await newVolume(cloud.imageId)
      const { status, body } = await create({
        imageRef: undefined,
        block_device_mapping: [{ volume_id: volume, device_name: 'vda' }],
      })
      assert.equal(status, 202, JSON.stringify(body))
      assert.equal((await cloud.settled(body.server.id)).status, 'ACTIVE')
    })

    it('takes the word of an image for a volume that says nothing of itself', async () => {
      const blank = await newVolume()
      const mapping = { source_type: 'volume', destination_type: 'volume', uuid: blank, boot_index: 0 }
      const { status, body } = await create({ block_device_mapping_v2: [mapping] })
      assert.equal(status, 202, JSON.stringify(body))
      assert.equal((await cloud.settled(body.server.id)).status, 'ACTIVE')
    })

    it('refuses what cannot be booted from', async () => {
      const blank = await newVolume()
      const mapping = (rest: object) => ({ source_type: 'volume', destination_type: 'volume', ...rest })
      await refused({ imageRef: undefined }, /Block Device Mapping is Invalid/)
      await refused(
        { imageRef: undefined, block_device_mapping_v2: [mapping({ uuid: blank, boot_index: 0 })] },
        /is not bootable/,
      )
      await refused(
        { block_device_mapping_v2: [root(), mapping({ uuid: newId(), boot_index: 1 })] },
        /could not be found/,
      )
      await refused({ block_device_mapping_v2: [mapping({ uuid: blank, boot_index: -1 })] }, /Boot sequence/)
      await refused({ block_device_mapping_v2: [{ ...root(), boot_index: 1 }] }, /Mapping image to local/)
      await refused(
        { block_device_mapping_v2: [root(), { source_type: 'blank', destination_type: 'volume', boot_index: -1 }] },
        /non-zero size/,
      )
    })

    it('refuses by name what is not offered', async () => {
      const snapshot = { source_type: 'snapshot', destination_type: 'volume', uuid: newId(), boot_index: 0 }
      await refused({ block_device_mapping_v2: [snapshot] }, /volume snapshot is not offered yet/)
      await refused({ block_device_mapping_v2: [{ ...root(), disk_bus: 'xen' }] }, /disk bus xen is not offered yet/)
      await refused({ block_device_mapping_v2: [{ ...root(), device_type: 'lun' }] }, /device type lun is not offered/)
    })

    it('refuses a volume that another server has', async () => {
      const volume = await newVolume()
      const mappings = [root(), { source_type: 'volume', destination_type: 'volume', uuid: volume, boot_index: -1 }]
      const { body } = await create({ block_device_mapping_v2: mappings })
      await cloud.settled(body.server.id)
      await refused({ block_device_mapping_v2: mappings }, /status must be 'available', but it is 'in-use'/)
    })
  })

  describe('networks', () => {
    it('are said from 2.37 on', async () => {
      await refused({ networks: undefined }, /'networks' is a required property/)
      assert.equal((await create({ networks: [] }, { version: '2.36' })).status, 409)
    })

    it('may be none, and then there is no address', async () => {
      const { body } = await create({ networks: 'none' })
      assert.deepEqual((await cloud.settled(body.server.id)).addresses, {})
    })

    it('may come with an address, a tag, or as a port of the user, which stays', async () => {
      const made = await cloud.test.ask('demo', 'POST', '/network/v2.0/ports', {
        port: { network_id: cloud.privateId },
      })
      const port = made.body.port.id
      const { body, status } = await create({
        networks: [{ port }, { uuid: cloud.privateId, fixed_ip: '10.0.77.7', tag: 'lan' }],
      })
      assert.equal(status, 202, JSON.stringify(body))
      const shown = await cloud.settled(body.server.id)
      assert.equal(shown.status, 'ACTIVE', JSON.stringify(shown.fault))
      const addresses = shown.addresses.private.map(({ addr }: { addr: string }) => addr)
      assert.ok(addresses.includes('10.0.77.7'), addresses.join())
      assert.deepEqual(
        (await facts(shown.id)).devices.map(({ tags }) => tags),
        [['lan']],
      )
      await refused({ networks: [{ port }] }, /is already attached/, {}, 409)
      await cloud.ask('demo', 'DELETE', `/servers/${shown.id}`)
      await cloud.gone(shown.id)
      assert.equal((await cloud.test.ask('demo', 'GET', `/network/v2.0/ports/${port}`)).body.port.device_id, '')
    })

    it('are refused where they are not there or cannot be had', async () => {
      await refused({ networks: [{ uuid: newId() }] }, /Network .* could not be found/)
      await refused({ networks: [{ port: newId() }] }, /Port .* could not be found/)
      await refused({ networks: [{}] }, /missing 'uuid'/)
      await refused({ networks: [{ uuid: 'x' }] }, /Invalid input for field\/attribute uuid/)
      await refused({ networks: [{ uuid: cloud.privateId, fixed_ip: '1.2.3.4' }] }, /1\.2\.3\.4/)
      await refused({ networks: [{ uuid: cloud.privateId, fixed_ip: '10.0.78.1' }], max_count: 2 }, /max_count/)
      await refused({ security_groups: [{ name: 'nobody' }] }, /nobody/)
    })
  })

  describe('placement wishes', () => {
    it('take a host by name from admins alone', async () => {
      await refused({ host: 'host-1' }, /Policy doesn't allow/, {}, 403)
      await refused({ availability_zone: 'nova:host-1' }, /Policy doesn't allow/, {}, 403)
      await refused({ availability_zone: 'nova:host-9' }, /host-9 could not be found/, { who: 'admin' })
      await refused({ host: 'host-1' }, /Additional properties are not allowed \('host'/, {
        who: 'admin',
        version: '2.73',
      })
    })

    it('take a zone that there is', async () => {
      await refused({ availability_zone: 'mars' }, /availability zone is not available/)
      const { body } = await create({ availability_zone: 'nova' })
      assert.equal((await cloud.settled(body.server.id)).pinned_availability_zone, 'nova')
    })

    it('put servers on different hosts, and on the same', async () => {
      const first = await cloud.settled((await create({})).body.server.id)
      const apart = await cloud.settled((await create({}, { hints: { different_host: [first.id] } })).body.server.id)
      const together = await cloud.settled((await create({}, { hints: { same_host: first.id } })).body.server.id)
      const host = 'OS-EXT-SRV-ATTR:host'
      assert.notEqual(apart[host], first[host])
      assert.equal(together[host], first[host])
      assert.deepEqual(together.scheduler_hints, { same_host: first.id })
    })

    it('put many servers of one group at once, each holding a connection no longer than it must', async () => {
      const made = await cloud.ask(
        'demo',
        'POST',
        '/os-server-groups',
        { server_group: { name: 'many', policy: 'soft-anti-affinity' } },
        'latest',
      )
      const group = made.body.server_group.id
      const answers = await Promise.all(Array.from({ length: 10 }, () => create({}, { hints: { group } })))
      for (const { body, status } of answers) {
        assert.equal(status, 202, JSON.stringify(body))
        const shown = await cloud.settled(body.server.id)
        assert.deepEqual(shown.server_groups, [group])
      }
      await refused({}, /[Qq]uota exceeded.*group/, { hints: { group } }, 403)
    })

    it('are refused by name where nothing reads them', async () => {
      await refused({}, /scheduler hint query is not offered yet/, { hints: { query: '[">=", "$free_ram_mb", 1]' } })
      await refused({}, /Instance group .* could not be found/, { hints: { group: newId() } })
    })
  })

  it('refuses bad input with 400 and the field, whatever it is', async () => {
    await refused({ name: '' }, /field\/attribute name/)
    await refused({ name: ' x' }, /field\/attribute name/)
    await refused({ name: 'a\u0000b' }, /field\/attribute name/)
    await refused({ name: 'x'.repeat(256) }, /field\/attribute name/)
    await refused({ flavorRef: 'none' }, /Flavor none could not be found/)
    await refused({ imageRef: newId() }, /Can not find requested image/)
    await refused({ imageRef: 'x' }, /field\/attribute imageRef/)
    await refused({ key_name: 'nobody' }, /Invalid key_name provided/)
    await refused({ metadata: { a: 1 } }, /field\/attribute a/)
    await refused({ metadata: { role: '\u0000' } }, /./)
    await refused({ metadata: { role: '\ud800' } }, /role/)
    await refused({ metadata: { '\ud800': 'x' } }, /./)
    await refused({ user_data: '***' }, /field\/attribute user_data/)
    await refused({ user_data: 'abc' }, /user_data/)
    await refused({ min_count: 3, max_count: 2 }, /min_count must be <= max_count/)
    await refused({ max_count: 0 }, /max_count/)
    await refused({ max_count: '99999999999' }, /max_count/)
    await refused({ surprise: 1 }, /Additional properties are not allowed \('surprise' was unexpected\)/)
    await refused({ personality: [] }, /personality/)
    await refused({ tags: ['a,b'] }, /tags|0/)
    await refused({ hostname: 'a_b!' }, /hostname/)
    await refused({ trusted_image_certificates: ['x'] }, /Certificate validation of images is not offered yet/)
    const broken = await cloud.ask('demo', 'POST', '/servers', { nothing: true })
    assert.equal(broken.status, 400)
    assert.equal((await cloud.ask('reader', 'POST', '/servers', {})).status, 403)
    assert.equal((await cloud.ask(undefined, 'POST', '/servers', {})).status, 401)
  })

  it('refuses a flavor that the image does not fit', async () => {
    const image = await cloud.images.importFile({
      name: 'big',
      path: `${cloud.test.context.stateDir}/image.raw`,
      diskFormat: 'raw',
      properties: {},
      ownerProjectId: person('demo').projectId!,
    })
    await cloud.test.context.db`update image.images set min_ram_mib = 1024 where id = ${image}`
    await refused({ imageRef: image }, /Flavor's memory is too small for requested image/)
    await cloud.test.context.db`update image.images set min_ram_mib = 0, min_disk_gib = 5 where id = ${image}`
    await refused({ imageRef: image }, /Flavor's disk is smaller than the minimum size specified in image metadata/)
  })

  it('takes a field from the microversion on that brought it', async () => {
    const border = async (field: object, since: string, before: string) => {
      const [name] = Object.keys(field)
      await refused(field, new RegExp(`'${name}' was unexpected`), { version: before })
      assert.equal((await create(field, { version: since })).status, 202, `${name} at ${since}`)
    }
    await border({ description: 'mine' }, '2.19', '2.18')
    await border({ tags: ['a'] }, '2.52', '2.51')
    await border({ trusted_image_certificates: null }, '2.63', '2.62')
    await border({ hostname: 'named' }, '2.90', '2.89')
    await refused({ hostname: 'a.b' }, /hostname/, { version: '2.93' })
    assert.equal((await create({ hostname: 'a.b' }, { version: '2.94' })).status, 202)
    const tagged = { networks: [{ uuid: cloud.privateId, tag: 'lan' }] }
    for (const [version, takes] of [
      ['2.31', false],
      ['2.32', true],
      ['2.36', true],
      ['2.37', false],
      ['2.41', false],
      ['2.42', true],
    ] as const) {
      assert.equal((await create(tagged, { version })).status, takes ? 202 : 400, version)
    }
  })
})
