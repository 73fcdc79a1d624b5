import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type TestCloud, testCloud } from '../testing/cloud.ts'

describe('a server', () => {
  let cloud: TestCloud
  before(async () => {
    cloud = await testCloud()
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('boots from an image and is ACTIVE with an address', async () => {
    const id = await cloud.boot({ name: 'first' })
    const server = await cloud.settled(id)
    assert.equal(server.status, 'ACTIVE', JSON.stringify(server.fault))
    assert.equal(server['OS-EXT-STS:power_state'], 1)
    assert.equal(server.addresses.private.length, 1)
    assert.match(server['OS-EXT-SRV-ATTR:host'], /^host-/)
  })

  it('is gone after a delete, with everything that it had', async () => {
    const id = await cloud.boot()
    const { 'OS-EXT-SRV-ATTR:host': host } = await cloud.settled(id)
    assert.equal((await cloud.ask('demo', 'DELETE', `/servers/${id}`)).status, 204)
    await cloud.gone(id)
    const snapshot = cloud.agents.on(host).snapshot()
    assert.equal(
      snapshot.domains.some((domain) => domain.id === id),
      false,
    )
    assert.equal(
      snapshot.disks.some((path) => path.includes(id)),
      false,
    )
    assert.equal((await cloud.network.portsOf([id])).size, 0)
  })
})
