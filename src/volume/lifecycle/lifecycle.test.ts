/** The stories of volumes, in the three stock ways. */
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { Answer } from '../../../test/support/service.ts'
import { stockTests } from '../../durable/stock-tests.ts'
import type { StoryId } from '../../ids.ts'
import { TINY_IMAGE, type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

let test: VolumeServiceUnderTest
let latest: string

before(async () => {
  test = await volumeServiceUnderTest()
  const { body } = await test.demo('GET', '/limits')
  assert.ok(body.limits)
  const made = await test.aVolume()
  const project = (await test.demo('GET', `/volumes/${made.id}`)).body.volume['os-vol-tenant-attr:tenant_id']
  await test.admin('PUT', `/os-quota-sets/${project}`, {
    quota_set: { volumes: -1, gigabytes: -1, snapshots: -1 },
  })
  await test.demo('DELETE', `/volumes/${made.id}`)
  await test.settled(made.id)
})
after(() => test[Symbol.asyncDispose]())

const accepted = ({ status, body }: Answer) => assert.equal(status, 202, JSON.stringify(body))

/** The newest story that was asked for: the one of the request just made. */
async function newestStory(): Promise<StoryId> {
  const [row] = await test.context.db<{ id: StoryId }[]>`
    select id from durable.story_requests order by requested_at desc limit 1`
  return row!.id
}

const statusIs = (status: string) => async () => assert.equal((await test.settled(latest)).status, status)
const held = () => test.backends[0]!.snapshot().volumes.find((volume) => volume.id === latest)

stockTests('volume.create-volume', {
  steps: ['report creating', 'rank back ends', 'allocate', 'fill from image', 'report available'],
  async tell() {
    const made = await test.demo('POST', '/volumes', { volume: { size: 2, imageRef: TINY_IMAGE.id } })
    accepted(made)
    latest = made.body.volume.id
    await test.context.stories.ended(latest as StoryId)
    return latest as StoryId
  },
  done: {
    theVolumeIsAvailable: statusIs('available'),
    itsDataIsThere: async () => assert.equal(held()?.imageId, TINY_IMAGE.id),
  },
  cleanSlate: {
    theVolumeIsInError: statusIs('error'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
})

const heldCopy = () => test.backends[0]!.snapshot().volumes.find((volume) => volume.id === latest)?.copyOf
const snapshotStatus = async () => {
  for (let tries = 0; tries < 300; tries++) {
    const { status, body } = await test.demo('GET', `/snapshots/${latest}`)
    if (status === 404) return 'gone'
    if (!['creating', 'deleting'].includes(body.snapshot.status)) return body.snapshot.status as string
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('the snapshot does not settle')
}

stockTests('volume.create-snapshot', {
  steps: ['find volume', 'copy data', 'report snapshot available'],
  async tell() {
    const { id } = await test.aVolume()
    const made = await test.demo('POST', '/snapshots', { snapshot: { volume_id: id } })
    accepted(made)
    latest = made.body.snapshot.id
    await test.context.stories.ended(latest as StoryId)
    return latest as StoryId
  },
  done: {
    theSnapshotIsAvailable: async () => assert.equal(await snapshotStatus(), 'available'),
    itsDataIsThere: async () => assert.ok(heldCopy()),
  },
  cleanSlate: {
    theSnapshotIsInError: async () => assert.equal(await snapshotStatus(), 'error'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
})

stockTests('volume.delete-snapshot', {
  steps: ['find back end', 'remove data', 'forget snapshot'],
  async tell() {
    const { id } = await test.aVolume()
    const made = await test.demo('POST', '/snapshots', { snapshot: { volume_id: id } })
    latest = made.body.snapshot.id
    assert.equal(await snapshotStatus(), 'available')
    accepted(await test.demo('DELETE', `/snapshots/${latest}`))
    const story = await newestStory()
    await test.context.stories.ended(story)
    return story
  },
  done: {
    theSnapshotIsGone: async () => assert.equal(await snapshotStatus(), 'gone'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
  async recover() {
    const status = await snapshotStatus()
    if (status === 'gone') return
    assert.equal(status, 'error_deleting')
    accepted(await test.admin('POST', `/snapshots/${latest}/action`, { 'os-force_delete': {} }))
  },
  cleanSlate: {
    theSnapshotIsGone: async () => assert.equal(await snapshotStatus(), 'gone'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
})

stockTests('volume.delete-volume', {
  steps: ['find back end', 'remove export', 'remove snapshots', 'remove data', 'forget volume'],
  async tell() {
    latest = (await test.aVolume()).id
    accepted(await test.demo('DELETE', `/volumes/${latest}`))
    const id = await newestStory()
    await test.context.stories.ended(id)
    return id
  },
  done: {
    theVolumeIsGone: statusIs('gone'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
  // What is half deleted is asked to be deleted again.
  async recover() {
    const { status } = await test.settled(latest)
    if (status === 'gone') return
    assert.equal(status, 'error_deleting')
    accepted(await test.admin('POST', `/volumes/${latest}/action`, { 'os-force_delete': {} }))
  },
  cleanSlate: {
    theVolumeIsGone: statusIs('gone'),
    nothingIsOnTheBackEnd: async () => assert.equal(held(), undefined),
  },
})

stockTests('volume.extend-volume', {
  steps: ['grow on back end', 'report new size', 'tell servers'],
  async tell() {
    latest = (await test.aVolume()).id
    accepted(await test.demo('POST', `/volumes/${latest}/action`, { 'os-extend': { new_size: 3 } }))
    const id = await newestStory()
    await test.context.stories.ended(id)
    return id
  },
  done: {
    theVolumeIsAvailable: statusIs('available'),
    theNewSizeIsOnRecord: async () => assert.equal((await test.settled(latest)).size, 3),
    itIsOnTheBackEnd: async () => assert.equal(held()?.sizeGiB, 3),
  },
  // Growth is not taken back: an operator puts the volume right and asks again.
  async recover() {
    const { status, size } = await test.settled(latest)
    if (status === 'available') return assert.equal(size, 3)
    assert.deepEqual([status, size], ['error_extending', 1])
    const reset = { 'os-reset_status': { status: 'available' } }
    accepted(await test.admin('POST', `/volumes/${latest}/action`, reset))
    accepted(await test.demo('POST', `/volumes/${latest}/action`, { 'os-extend': { new_size: 3 } }))
  },
  cleanSlate: {
    theVolumeIsAvailable: statusIs('available'),
    noRoomIsHeldForGrowth: async () => {
      const [row] = await test.context.db`select extending_to_gib from volume.volumes where id = ${latest}`
      assert.equal(row?.extendingToGib, null)
    },
    recordAndBackEndAgree: async () => assert.equal((await test.settled(latest)).size, held()?.sizeGiB),
  },
})
