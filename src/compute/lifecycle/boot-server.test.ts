import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { probeSagas } from '../../durable/saga.ts'
import { stockTests } from '../../durable/stock-tests.ts'
import { newId, type ServerId, type StoryId, type VolumeId } from '../../ids.ts'
import { cleanSlate } from '../testing/clean-slate.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('booting a server', () => {
  let cloud: TestCloud
  let server: ServerId
  before(async () => {
    cloud = await testCloud()
  })
  after(() => cloud[Symbol.asyncDispose]())
  // What an earlier test booted would hide what this one leaves behind.
  beforeEach(async () => {
    probeSagas(undefined)
    for (const { id } of (await cloud.ask('admin', 'GET', '/servers?all_tenants=1')).body.servers) {
      await cloud.ask('admin', 'DELETE', `/servers/${id}`)
      await cloud.gone(id)
    }
  })

  const storyOf = async (id: ServerId): Promise<StoryId> => {
    const [row] = await cloud.test.context.db`select story_id from compute.servers where id = ${id}`
    return row!.storyId
  }
  const tell = (wish: object) => async () => {
    server = await cloud.boot(wish)
    const story = await storyOf(server)
    await cloud.test.context.stories.ended(story)
    return story
  }
  const slate = cleanSlate(
    () => cloud,
    () => server,
  )
  const isError = async () => {
    const shown = await cloud.settled(server)
    assert.equal(shown.status, 'ERROR')
    assert.match(shown.fault.message, /^No valid host was found\.|the test made/)
    assert.equal(shown['OS-EXT-SRV-ATTR:host'], null)
  }
  const isActive = async () => {
    const shown = await cloud.settled(server)
    assert.equal(shown.status, 'ACTIVE')
    const agent = cloud.agents.on(shown['OS-EXT-SRV-ATTR:host'])
    assert.deepEqual(agent.snapshot().domains, [{ id: server, state: 'running' }])
  }

  stockTests('a boot from an image', {
    steps: ['rank hosts', 'claim host', 'bind ports', 'prepare disks', 'power on', 'report ACTIVE'],
    tell: tell({}),
    done: { isActive },
    cleanSlate: { isError, ...slate },
  })

  stockTests('a boot with everything', {
    steps: [
      'rank hosts',
      'create volumes',
      'claim host',
      'bind ports',
      'connect volumes',
      'prepare disks',
      'write config drive',
      'power on',
      'mark volumes in use',
      'report ACTIVE',
    ],
    tell: async () =>
      await tell({
        config_drive: true,
        block_device_mapping_v2: [
          {
            source_type: 'image',
            destination_type: 'local',
            uuid: cloud.imageId,
            boot_index: 0,
            delete_on_termination: true,
          },
          { source_type: 'blank', destination_type: 'volume', volume_size: 1, delete_on_termination: true },
        ],
      })(),
    done: { isActive },
    cleanSlate: {
      isError,
      ...slate,
      async noVolumesRemain() {
        assert.deepEqual(cloud.backend.snapshot().volumes, [])
      },
    },
  })

  describe('when a host refuses', () => {
    it('goes on to the next candidate, and leaves nothing on the first', async () => {
      const [first, second] = cloud.agents.all()
      first!.faults.failNext('hypervisor.start', new Error('no room in the oven'))
      server = await cloud.boot()
      const shown = await cloud.settled(server)
      assert.equal(shown.status, 'ACTIVE')
      assert.equal(shown['OS-EXT-SRV-ATTR:host'], second!.host)
      assert.deepEqual(first!.snapshot().domains, [])
      assert.deepEqual(first!.snapshot().disks, [])
      assert.deepEqual(first!.snapshot().taps, [])
    })

    it('gives up after the last candidate, in ERROR with what the last one said', async () => {
      for (const agent of cloud.agents.all()) agent.faults.failNext('hypervisor.start', new Error('no room'))
      server = await cloud.boot()
      const shown = await cloud.settled(server)
      assert.equal(shown.status, 'ERROR')
      assert.match(shown.fault.message, /^No valid host was found\. 2 hosts tried/)
      for (const check of Object.values(slate)) await check()
    })
  })

  it('ends in ERROR with what each host lacks when none has room, and keeps the verdicts', async () => {
    await cloud.ask('admin', 'POST', '/flavors', {
      flavor: { name: 'huge', id: 'huge', vcpus: 1, ram: 1_000_000, disk: 1 },
    })
    await cloud.test.context.db`
      insert into compute.quotas (project_id, resource, hard_limit) values (${person('demo').projectId!}, 'ram', -1)
      on conflict do nothing`
    server = await cloud.boot({ flavorRef: 'huge' })
    const shown = await cloud.settled(server)
    assert.equal(shown.status, 'ERROR')
    assert.match(shown.fault.message, /^No valid host was found\. .*RAM/)
    assert.equal(shown.fault.code, 500)
    const [kept] = await cloud.test.context.db`select verdicts from compute.schedules where server_id = ${server}`
    assert.equal(kept!.verdicts.length, 2)
    for (const check of Object.values(slate)) await check()
  })

  it('is gone when a delete of it answers, if no host has it', async () => {
    server = await cloud.boot({ flavorRef: 'huge' })
    assert.equal((await cloud.settled(server)).status, 'ERROR')
    assert.equal((await cloud.ask('demo', 'DELETE', `/servers/${server}`)).status, 204)
    assert.equal((await cloud.ask('demo', 'GET', `/servers/${server}`)).status, 404)
  })

  describe('a delete during the boot', () => {
    for (const step of ['rank hosts', 'claim host', 'bind ports', 'prepare disks', 'power on', 'report ACTIVE']) {
      it(`that comes while "${step}" is under way is done by the same story`, async () => {
        let asked = false
        probeSagas({
          async around({ name, phase }, run) {
            const result = await run()
            if (name === step && phase === 'do' && !asked) {
              asked = true
              // The create may not have answered yet.
              const [{ id }] = (await cloud.ask('demo', 'GET', '/servers')).body.servers
              assert.equal((await cloud.ask('demo', 'DELETE', `/servers/${id}`)).status, 204)
            }
            return result
          },
        })
        server = await cloud.boot()
        await cloud.gone(server)
        probeSagas(undefined)
        for (const check of Object.values(slate)) await check()
        assert.ok(asked)
      })
    }
  })

  it('remembers a volume that it could not let go of, so that deleting the server frees it', async () => {
    const volumeId = newId<VolumeId>()
    const { projectId, userId } = person('demo')
    await cloud.volumes.ensureVolume({ volumeId, projectId: projectId!, userId, sizeGiB: 1, name: 'mine' })
    // One host is tried, and each undo is tried five times.
    await cloud.test.context.db`update compute.hosts set enabled = false where name = 'host-2'`
    cloud.agents.all()[0]!.faults.failNext('hypervisor.start', new Error('no room'))
    cloud.backend.faults.failNext('backend.removeExport', new Error('busy'), { times: 5 })
    server = await cloud.boot({
      block_device_mapping_v2: [
        { source_type: 'image', destination_type: 'local', uuid: cloud.imageId, boot_index: 0 },
        { source_type: 'volume', destination_type: 'volume', uuid: volumeId },
      ],
    })
    const story = await storyOf(server)
    await cloud.test.context.stories.ended(story)
    assert.equal((await cloud.settled(server)).status, 'ERROR')
    await cloud.test.context.db`update compute.hosts set enabled = true where name = 'host-2'`
    await cloud.ask('demo', 'DELETE', `/servers/${server}`)
    await cloud.gone(server)
    assert.equal((await cloud.volumes.find([volumeId])).get(volumeId)?.status, 'available')
    for (const check of Object.values(slate)) await check()
  })

  it('leaves the volume of a user free when no host has room', async () => {
    const volumeId = newId<VolumeId>()
    const { projectId, userId } = person('demo')
    await cloud.volumes.ensureVolume({ volumeId, projectId: projectId!, userId, sizeGiB: 1, name: 'mine' })
    const statusOf = async () => (await cloud.volumes.find([volumeId])).get(volumeId)?.status
    let whileRanking: string | undefined
    probeSagas({
      async around({ name, phase }, run) {
        if (name === 'rank hosts' && phase === 'do') {
          whileRanking = await statusOf()
          throw new Error('no host')
        }
        return await run()
      },
    })
    server = await cloud.boot({
      block_device_mapping_v2: [
        { source_type: 'image', destination_type: 'local', uuid: cloud.imageId, boot_index: 0 },
        { source_type: 'volume', destination_type: 'volume', uuid: volumeId },
      ],
    })
    assert.equal((await cloud.settled(server)).status, 'ERROR')
    assert.equal(whileRanking, 'reserved')
    assert.equal(await statusOf(), 'available')
  })

  it('leaves the volume of a user free when it fails', async () => {
    const volumeId = newId<VolumeId>()
    const { projectId, userId } = person('demo')
    await cloud.volumes.ensureVolume({ volumeId, projectId: projectId!, userId, sizeGiB: 1, name: 'mine' })
    for (const agent of cloud.agents.all()) agent.faults.failNext('hypervisor.start', new Error('no room'))
    server = await cloud.boot({
      block_device_mapping_v2: [
        { source_type: 'image', destination_type: 'local', uuid: cloud.imageId, boot_index: 0 },
        { source_type: 'volume', destination_type: 'volume', uuid: volumeId },
      ],
    })
    assert.equal((await cloud.settled(server)).status, 'ERROR')
    assert.equal((await cloud.volumes.find([volumeId])).get(volumeId)?.status, 'available')
    for (const check of Object.values(slate)) await check()
  })
})
