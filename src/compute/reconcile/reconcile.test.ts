import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type HostName, newId, type ServerId, type StoryId } from '../../ids.ts'
import { POWER } from '../lifecycle/states.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'
import { corrected } from './power-states.ts'

describe('the gardeners of compute', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud({ hosts: 2 })
  })
  after(() => cloud[Symbol.asyncDispose]())

  const booted = async (): Promise<{ id: ServerId; host: HostName }> => {
    const id = await cloud.boot()
    return { id, host: (await cloud.settled(id))['OS-EXT-SRV-ATTR:host'] }
  }
  const statusOf = async (id: ServerId) => (await cloud.ask('admin', 'GET', `/servers/${id}`)).body.server.status
  const becomes = async (id: ServerId, status: string) => {
    for (let tries = 0; tries < 200 && (await statusOf(id)) !== status; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.equal(await statusOf(id), status)
  }
  const db = () => cloud.test.context.db

  it('see at once a guest that shuts down from inside', async () => {
    const { id, host } = await booted()
    cloud.agents.on(host).guests.powerOff(id)
    await becomes(id, 'SHUTOFF')
  })

  it('see at once a guest that dies', async () => {
    const { id, host } = await booted()
    cloud.agents.on(host).guests.crash(id)
    await becomes(id, 'SHUTOFF')
    const { server } = (await cloud.ask('admin', 'GET', `/servers/${id}`)).body
    assert.equal(server['OS-EXT-STS:power_state'], POWER.crashed)
  })

  it('start the guests of a host again that was rebooted, with their devices, but none that was off before', async () => {
    const [running, off] = [await booted(), await booted()]
    await cloud.ask('demo', 'POST', `/servers/${off.id}/action`, { 'os-stop': null })
    await becomes(off.id, 'SHUTOFF')
    await cloud.compute.tend()
    for (const agent of cloud.agents.all()) agent.rebootHost()
    // The clock of a simulated host does not go back by itself.
    await db()`update compute.host_boots set booted_at = booted_at - interval '1 hour'`
    await cloud.compute.tend()
    await cloud.settled(running.id)
    assert.equal(await statusOf(running.id), 'ACTIVE')
    const snapshot = cloud.agents.on(running.host).snapshot()
    assert.equal(snapshot.domains.find(({ id }) => id === running.id)?.state, 'running')
    const [port] = (await cloud.network.portsOf([running.id])).get(running.id)!
    assert.ok(snapshot.taps.includes(port!.tap))
    assert.equal(await statusOf(off.id), 'SHUTOFF')
  })

  it('remove guests and disks of servers that are gone, and never those that they do not know', async () => {
    const { id, host } = await booted()
    const agent = cloud.agents.on(host)
    const stranger = newId<ServerId>()
    await agent.hypervisor.define({
      id: stranger,
      name: 'not ours',
      projectId: '',
      vcpus: 1,
      ramMiB: 1,
      disks: [],
      interfaces: [],
      hardware: {},
    })
    await db()`update compute.servers set deleted_at = now() - interval '1 minute' where id = ${id}`
    await cloud.compute.tend()
    const { domains, disks } = agent.snapshot()
    assert.equal(
      domains.some((domain) => domain.id === id),
      false,
    )
    assert.equal(
      disks.some((path) => path.includes(id)),
      false,
    )
    assert.ok(domains.some((domain) => domain.id === stranger))
    await agent.hypervisor.undefine(stranger)
  })

  it('release claims of servers that are gone, and never those of others', async () => {
    const { id } = await booted()
    const [provider] = await db()`select provider_id from compute.hosts limit 1`
    const other = newId()
    const resources = { VCPU: 1 }
    await cloud.placement.claim({
      consumerId: other,
      providerId: provider!.providerId,
      resources,
      projectId: 'p',
      userId: 'u',
    })
    await db()`update compute.servers set deleted_at = now() - interval '1 minute' where id = ${id}`
    await cloud.compute.tend()
    const rows =
      await db()`select distinct consumer_id from placement.allocations where consumer_id in (${id}, ${other})`
    assert.deepEqual(
      rows.map(({ consumerId }) => consumerId),
      [other],
    )
    await cloud.placement.release(other)
  })

  it('end a BUILD in ERROR whose story is gone, and let it be deleted', async () => {
    const { id } = await booted()
    const gone = newId<StoryId>()
    await db()`
      update compute.servers set vm_state = 'building', task_state = 'spawning', story_id = ${gone},
             updated_at = now() - interval '10 minutes' where id = ${id}`
    await cloud.compute.tend()
    assert.equal(await statusOf(id), 'ERROR')
    await cloud.ask('demo', 'DELETE', `/servers/${id}`)
    await cloud.gone(id)
  })

  it('finish a delete whose story is gone', async () => {
    const { id } = await booted()
    await db()`
      update compute.servers set task_state = 'deleting', story_id = ${newId()}, deletion_requested_at = now(),
             updated_at = now() - interval '10 minutes' where id = ${id}`
    await cloud.compute.tend()
    await cloud.gone(id)
  })
})

describe('what a server becomes by the state of its guest', () => {
  const server = (vmState: 'active' | 'stopped' | 'error', powerState: 0 | 1 | 3 | 4 = 1) => ({ vmState, powerState })

  it('is SHUTOFF when it was active and the guest is off or missing', () => {
    assert.deepEqual(corrected(server('active'), POWER.shutDown), { vmState: 'stopped', power: POWER.shutDown })
    assert.deepEqual(corrected(server('active'), POWER.none), { vmState: 'stopped', power: POWER.shutDown })
    assert.deepEqual(corrected(server('active'), POWER.crashed), { vmState: 'stopped', power: POWER.crashed })
  })

  it('is left as it is when the two agree', () => {
    assert.equal(corrected(server('active'), POWER.running), undefined)
    assert.equal(corrected(server('stopped', 4), POWER.shutDown), undefined)
    assert.equal(corrected(server('stopped', 4), POWER.none), undefined)
  })

  it('stays off when it was stopped and its guest runs nevertheless', () => {
    assert.equal(corrected(server('stopped', 4), POWER.running), 'cut the power')
  })

  it('shows a pause that the hypervisor made, and an error stays an error', () => {
    assert.deepEqual(corrected(server('active'), POWER.paused), { vmState: 'active', power: POWER.paused })
    assert.deepEqual(corrected(server('error', 0), POWER.running), { vmState: 'error', power: POWER.running })
  })
})
