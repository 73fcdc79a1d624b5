import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { probeSagas } from '../../durable/saga.ts'
import { stockTests } from '../../durable/stock-tests.ts'
import { newId, type PortId, type ServerId, type StoryId, type VolumeId } from '../../ids.ts'
import { cleanSlate } from '../testing/clean-slate.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('a deed on a standing server', () => {
  let cloud: TestCloud
  let server: ServerId
  let volume: VolumeId
  before(async () => {
    cloud = await testCloud({ hosts: 1 })
  })
  after(() => cloud[Symbol.asyncDispose]())
  beforeEach(async () => {
    probeSagas(undefined)
    for (const { id } of (await cloud.ask('admin', 'GET', '/servers?all_tenants=1')).body.servers) {
      await cloud.ask('admin', 'DELETE', `/servers/${id}`)
      await cloud.gone(id)
    }
    for (const { id } of cloud.backend.snapshot().volumes) await cloud.volumes.remove(id)
    server = await cloud.boot()
    await cloud.settled(server)
  })

  const agent = () => cloud.agents.all()[0]!
  const domain = () =>
    agent()
      .snapshot()
      .domains.find(({ id }) => id === server)
  const newVolume = async () => {
    volume = newId<VolumeId>()
    const { projectId, userId } = person('demo')
    await cloud.volumes.ensureVolume({ volumeId: volume, projectId: projectId!, userId, sizeGiB: 1, name: 'data' })
  }
  const volumeStatus = async () => (await cloud.volumes.find([volume])).get(volume)?.status
  const exports = () => cloud.backend.snapshot().exports.filter((order) => order.volumeId === volume)

  /** Asks as demo and waits for the story that came of it. */
  const ask = async (method: string, path: string, body?: unknown): Promise<StoryId> => {
    const answer = await cloud.ask('demo', method, `/servers/${server}${path}`, body, 'latest')
    assert.ok(answer.status < 300, JSON.stringify(answer.body))
    return await lastStory()
  }
  const lastStory = async (): Promise<StoryId> => {
    const [row] = await cloud.test.context.db`
      select story_id from compute.instance_actions where server_id = ${server} order by id desc limit 1`
    await cloud.test.context.stories.ended(row!.storyId)
    return row!.storyId
  }
  const action = (name: string, body: unknown = null) => ask('POST', '/action', { [name]: body })
  const shown = () => cloud.settled(server)
  const isStatus = (status: string, state: string) => async () => {
    assert.equal((await shown()).status, status)
    assert.equal(domain()?.state, state)
  }
  /** A deed may have been done before it failed: the gardener sees what is so. */
  const isIdleAndAgreesWithItsGuest = async () => {
    await cloud.compute.tend()
    const { status } = await shown()
    assert.equal(status, domain()?.state === 'running' ? 'ACTIVE' : 'SHUTOFF')
  }
  const noActionIsOpen = async () => {
    const rows = await cloud.test.context.db`
      select action from compute.instance_actions where server_id = ${server} and finished_at is null`
    assert.deepEqual([...rows], [])
  }

  stockTests('a stop', {
    steps: ['shut down', 'report SHUTOFF'],
    tell: () => action('os-stop'),
    done: { isOff: isStatus('SHUTOFF', 'shut-down') },
    cleanSlate: { isIdleAndAgreesWithItsGuest, noActionIsOpen },
  })

  stockTests('a start', {
    steps: ['look at what it has', 'bind ports', 'prepare disks', 'power on', 'report ACTIVE'],
    prepare: async () => void (await action('os-stop')),
    tell: () => action('os-start'),
    done: { isOn: isStatus('ACTIVE', 'running') },
    cleanSlate: { isIdleAndAgreesWithItsGuest, noActionIsOpen },
  })

  stockTests('a soft reboot', {
    steps: ['ask the guest to restart', 'report ACTIVE'],
    tell: () => action('reboot', { type: 'SOFT' }),
    done: { isOn: isStatus('ACTIVE', 'running') },
    cleanSlate: {
      async isInErrorWithAReason() {
        const { status, fault } = await shown()
        assert.equal(status, 'ERROR')
        assert.match(fault.message, /the test made/)
      },
      noActionIsOpen,
    },
  })

  stockTests('a hard reboot', {
    steps: ['cut the power', 'look at what it has', 'bind ports', 'prepare disks', 'power on', 'report ACTIVE'],
    tell: () => action('reboot', { type: 'HARD' }),
    done: { isOn: isStatus('ACTIVE', 'running') },
    cleanSlate: {
      async isInErrorWithAReason() {
        assert.equal((await shown()).status, 'ERROR')
      },
      async aHardRebootBringsItBack() {
        await action('reboot', { type: 'HARD' })
        await isStatus('ACTIVE', 'running')()
      },
      noActionIsOpen,
    },
  })

  const attachVolume = () => ask('POST', '/os-volume_attachments', { volumeAttachment: { volumeId: volume } })
  const noVolumeIsAttached = async () => {
    assert.deepEqual((await shown())['os-extended-volumes:volumes_attached'], [])
    assert.equal(await volumeStatus(), 'available')
    assert.deepEqual(exports(), [])
  }
  const volumeIsAttached = async () => {
    assert.deepEqual(
      (await shown())['os-extended-volumes:volumes_attached'].map(({ id }: { id: string }) => id),
      [volume],
    )
    assert.equal(await volumeStatus(), 'in-use')
    assert.equal(exports().length, 1)
  }

  stockTests('an attached volume', {
    steps: ['connect volume', 'plug disk in', 'report attached'],
    prepare: newVolume,
    tell: () => attachVolume(),
    done: { volumeIsAttached, noActionIsOpen },
    cleanSlate: { noVolumeIsAttached, noActionIsOpen },
  })

  stockTests('a detached volume', {
    steps: ['begin detaching', 'unplug disk', 'disconnect volume', 'report detached'],
    prepare: async () => {
      await newVolume()
      await attachVolume()
    },
    tell: () => ask('DELETE', `/os-volume_attachments/${volume}`),
    done: { noVolumeIsAttached, noActionIsOpen },
    recover: async () => void (await detachAgain()),
    cleanSlate: { noVolumeIsAttached, noActionIsOpen },
  })

  /** What failed is asked for once more, and goes through. */
  async function detachAgain() {
    const answer = await cloud.ask('demo', 'DELETE', `/servers/${server}/os-volume_attachments/${volume}`)
    // 404: it had come to its end but for the report.
    assert.ok(answer.status === 202 || answer.status === 404, JSON.stringify(answer.body))
    await lastStory()
  }

  const cards = async () =>
    (await cloud.ask('demo', 'GET', `/servers/${server}/os-interface`)).body.interfaceAttachments
  const plugged = () => agent().snapshot().taps.length

  stockTests('an attached interface', {
    steps: ['bind port', 'plug card in', 'report attached'],
    tell: async () => {
      const body = { interfaceAttachment: { net_id: cloud.publicId } }
      await cloud.ask('demo', 'POST', `/servers/${server}/os-interface`, body, 'latest')
      return await lastStory()
    },
    done: {
      async hasTwoCards() {
        assert.equal((await cards()).length, 2)
        assert.equal(plugged(), 2)
      },
    },
    cleanSlate: {
      async hasOneCard() {
        assert.equal((await cards()).length, 1)
        assert.equal(plugged(), 1)
      },
      noActionIsOpen,
    },
  })

  stockTests('a detached interface', {
    steps: ['unplug card', 'unbind port', 'report detached'],
    tell: async () => {
      const [card] = await cards()
      return await ask('DELETE', `/os-interface/${card.port_id}`)
    },
    done: {
      async hasNoCard() {
        assert.equal((await cards()).length, 0)
        assert.equal(plugged(), 0)
      },
    },
    recover: async () => {
      const [card] = await cards()
      if (card !== undefined) await ask('DELETE', `/os-interface/${card.port_id}`)
    },
    cleanSlate: {
      async hasNoCard() {
        assert.equal((await cards()).length, 0)
        assert.equal(plugged(), 0)
      },
      noActionIsOpen,
    },
  })

  const slate = cleanSlate(
    () => cloud,
    () => server,
  )
  stockTests('a delete', {
    steps: [
      'wait for what is under way',
      'look at what it has',
      'cut the power',
      'disconnect volumes',
      'unbind ports',
      'remove disks',
      'report DELETED',
    ],
    prepare: async () => {
      await newVolume()
      await attachVolume()
    },
    tell: () => ask('DELETE', ''),
    done: { ...slate },
    recover: async () => {
      // What failed half way shows as ERROR and is deleted once more.
      const answer = await cloud.ask('admin', 'GET', `/servers/${server}`)
      if (answer.status === 404) return
      assert.equal(answer.body.server.status, 'ERROR')
      await ask('DELETE', '')
    },
    cleanSlate: {
      ...slate,
      async volumeIsFree() {
        assert.equal(await volumeStatus(), 'available')
      },
    },
  })

  it('gives way to a delete that comes while it is under way', async () => {
    await newVolume()
    let asked = false
    probeSagas({
      async around({ name, phase }, run) {
        const result = await run()
        if (name === 'connect volume' && phase === 'do' && !asked) {
          asked = true
          assert.equal((await cloud.ask('demo', 'DELETE', `/servers/${server}`)).status, 204)
        }
        return result
      },
    })
    await cloud.ask('demo', 'POST', `/servers/${server}/os-volume_attachments`, {
      volumeAttachment: { volumeId: volume },
    })
    await cloud.gone(server)
    probeSagas(undefined)
    assert.equal(await volumeStatus(), 'available')
    for (const check of Object.values(slate)) await check()
  })

  it('sets a volume aside before it answers, so that a second server is refused at once', async () => {
    const other = await cloud.boot()
    await cloud.settled(other)
    await newVolume()
    const wish = { volumeAttachment: { volumeId: volume } }
    const answers = await Promise.all(
      [server, other].map((id) => cloud.ask('demo', 'POST', `/servers/${id}/os-volume_attachments`, wish)),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400])
    const refused = answers.find(({ status }) => status === 400)!
    assert.match(refused.body.badRequest.message, /^Invalid volume: .*(reserved|in-use)/)
    const boot = await cloud.ask('demo', 'POST', '/servers', {
      server: {
        name: 'third',
        flavorRef: 'tiny',
        networks: [{ uuid: cloud.publicId }],
        block_device_mapping_v2: [{ source_type: 'volume', destination_type: 'volume', uuid: volume, boot_index: 0 }],
      },
    })
    assert.equal(boot.status, 400, JSON.stringify(boot.body))
    assert.match(boot.body.badRequest.message, /volume/)
    const listed = (await cloud.ask('demo', 'GET', '/servers')).body.servers
    assert.equal(listed.length, 2)
  })

  it('cuts the power of a guest that does not listen, and reboots it hard', async () => {
    agent().guests.ignoreShutdown(server, true)
    agent().faults.failNext('hypervisor.reboot', ignored())
    await action('reboot', { type: 'SOFT' })
    await isStatus('ACTIVE', 'running')()
    agent().faults.failNext('hypervisor.shutdown', ignored())
    await action('os-stop')
    await isStatus('SHUTOFF', 'shut-down')()
  })

  it('leaves a port that the user made to the user, and removes one that it made', async () => {
    const made = await cloud.test.ask('demo', 'POST', '/network/v2.0/ports', { port: { network_id: cloud.publicId } })
    const mine = made.body.port.id as PortId
    await ask('POST', '/os-interface', { interfaceAttachment: { port_id: mine } })
    assert.equal((await cards()).length, 2)
    await ask('DELETE', `/os-interface/${mine}`)
    const left = await cloud.test.ask('demo', 'GET', `/network/v2.0/ports/${mine}`)
    assert.equal(left.status, 200)
    assert.equal(left.body.port.device_id, '')
  })
})

function ignored() {
  return Object.assign(new Error('the guest does not listen'), {
    name: 'DomainError',
    reason: 'unavailable',
    code: 'agent.guest.ignored-shutdown',
    details: {},
  })
}
