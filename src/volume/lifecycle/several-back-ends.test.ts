import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openSimulatedBackend } from '../../agent/simulated/index.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('a volume with several back ends to choose from', () => {
  const [first, second] = ['first', 'second'].map((name, index) =>
    openSimulatedBackend({ host: 'host-1', name, totalGiB: 1000 - index }),
  )
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest({ backends: [first!, second!] })
    for (const name of ['first', 'second']) {
      await test.admin('POST', '/types', { volume_type: { name, extra_specs: { volume_backend_name: name } } })
    }
  })
  after(() => test[Symbol.asyncDispose]())
  beforeEach(async () => {
    const { body } = await test.demo('GET', '/volumes')
    for (const { id } of body.volumes) {
      await test.admin('POST', `/volumes/${id}/action`, { 'os-force_delete': {} })
      await test.settled(id)
    }
  })
  const held = (backend: typeof first) => backend!.snapshot().volumes.map((volume) => volume.id as string)

  it('is made where there is the most room', async () => {
    const { id } = await test.aVolume()
    assert.deepEqual([held(first), held(second)], [[id], []])
  })

  it('is made where its type says', async () => {
    const { id } = await test.aVolume({ volume_type: 'second' })
    assert.deepEqual([held(first), held(second)], [[], [id]])
  })

  it('is made on the next one when the best fails, and leaves nothing on the first', async () => {
    first!.faults.failNext('backend.create', new Error('no'), { afterwards: true })
    const { id, status } = await test.aVolume()
    assert.equal(status, 'available')
    assert.deepEqual([held(first), held(second)], [[], [id]])
  })

  it('is in error when all fail, and on none of them', async () => {
    for (const backend of [first!, second!])
      backend.faults.failNext('backend.create', new Error('no'), { afterwards: true })
    const { status } = await test.aVolume()
    assert.equal(status, 'error')
    assert.deepEqual([held(first), held(second)], [[], []])
  })

  it('is copied where its source is', async () => {
    const source = await test.aVolume({ volume_type: 'second' })
    const copy = await test.aVolume({ source_volid: source.id })
    assert.deepEqual(new Set(held(second)), new Set([source.id, copy.id]))
  })

  it('follows the hints same_host and different_host', async () => {
    const near = await test.aVolume({ volume_type: 'second' })
    const made = async (hints: object) => {
      const { body } = await test.demo('POST', '/volumes', { volume: { size: 1 }, 'OS-SCH-HNT:scheduler_hints': hints })
      return await test.settled(body.volume.id)
    }
    const same = await made({ same_host: [near.id] })
    assert.ok(held(second).includes(same.id))
    const other = await made({ different_host: near.id })
    assert.ok(held(first).includes(other.id))
  })

  it('is not made where an operator has disabled the service', async () => {
    const service = { host: 'host-1@first', binary: 'cinder-volume' }
    assert.equal((await test.admin('PUT', '/os-services/disable', service)).status, 200)
    const { id } = await test.aVolume()
    assert.deepEqual([held(first), held(second)], [[], [id]])
    await test.admin('PUT', '/os-services/enable', service)
  })

  it('passes over one that does not answer', async () => {
    first!.faults.failNext('backend.stats', new Error('down'))
    const { id } = await test.aVolume()
    assert.deepEqual(held(second), [id])
  })

  it('changes its type only where the data may stay', async () => {
    const { id } = await test.aVolume({ volume_type: 'first' })
    const retype = { 'os-retype': { new_type: 'second', migration_policy: 'never' } }
    assert.equal((await test.demo('POST', `/volumes/${id}/action`, retype)).status, 400)
  })
})
