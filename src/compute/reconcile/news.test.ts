import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { VolumeId } from '../../ids.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('news from neighbours', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud({ hosts: 1 })
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('takes the card out when somebody deletes the port of a server', async () => {
    cloud.network.onPortRemoved((event) => cloud.compute.portRemoved(event))
    const id = await cloud.boot()
    await cloud.settled(id)
    const [port] = (await cloud.network.portsOf([id])).get(id)!
    const removed = await cloud.test.ask('demo', 'DELETE', `/network/v2.0/ports/${port!.portId}`)
    assert.equal(removed.status, 204)
    assert.deepEqual((await cloud.ask('demo', 'GET', `/servers/${id}/os-interface`)).body, { interfaceAttachments: [] })
    // A hard reboot makes everything anew, and the card does not come back.
    await cloud.ask('demo', 'POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } })
    assert.equal((await cloud.settled(id)).status, 'ACTIVE')
    assert.deepEqual(cloud.agents.all()[0]!.snapshot().taps, [])
  })

  it('tells a guest that its volume has grown', async () => {
    const id = await cloud.boot()
    await cloud.settled(id)
    const version = { 'openstack-api-version': 'volume 3.70' }
    const made = await cloud.test.ask('demo', 'POST', '/volume/v3/volumes', { volume: { size: 1 } }, version)
    const volume = made.body.volume.id as VolumeId
    const becomes = async (status: string) => {
      for (let tries = 0; tries < 200; tries++) {
        if ((await cloud.volumes.find([volume])).get(volume)?.status === status) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.fail(`volume is not ${status}`)
    }
    await becomes('available')
    await cloud.ask('demo', 'POST', `/servers/${id}/os-volume_attachments`, { volumeAttachment: { volumeId: volume } })
    await becomes('in-use')
    const told: unknown[] = []
    const agent = cloud.agents.all()[0]!
    const resize = agent.hypervisor.resizeDisk.bind(agent.hypervisor)
    agent.hypervisor.resizeDisk = async (...args) => {
      told.push(args)
      return await resize(...args)
    }
    const extend = { 'os-extend': { new_size: 3 } }
    const asked = await cloud.test.ask('demo', 'POST', `/volume/v3/volumes/${volume}/action`, extend, version)
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    for (let tries = 0; told.length === 0 && tries < 200; tries++) await new Promise((r) => setTimeout(r, 10))
    assert.deepEqual(told, [[id, 'vdb', 3 * 2 ** 30]])
  })
})
