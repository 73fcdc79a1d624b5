import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('quotas of volumes', () => {
  let test: VolumeServiceUnderTest
  const project = String(person('demo').projectId)
  before(async () => {
    test = await volumeServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())
  beforeEach(async () => {
    const { body } = await test.demo('GET', '/volumes')
    for (const { id } of body.volumes) {
      await test.settled(id)
      await test.admin('POST', `/volumes/${id}/action`, { 'os-force_delete': {} })
      await test.settled(id)
    }
    await test.admin('DELETE', `/os-quota-sets/${project}`)
  })

  const set = (quota_set: object) => test.admin('PUT', `/os-quota-sets/${project}`, { quota_set })
  const ask = (size = 1, fields: object = {}) => test.demo('POST', '/volumes', { volume: { size, ...fields } })

  it('are upstream’s defaults', async () => {
    const { body } = await test.demo('GET', `/os-quota-sets/${project}`)
    const { id, volumes, gigabytes, per_volume_gigabytes, snapshots, backups, backup_gigabytes, groups } =
      body.quota_set
    assert.deepEqual(
      { id, volumes, gigabytes, per_volume_gigabytes, snapshots, backups, backup_gigabytes, groups },
      {
        id: project,
        volumes: 10,
        gigabytes: 1000,
        per_volume_gigabytes: -1,
        snapshots: 10,
        backups: 10,
        backup_gigabytes: 1000,
        groups: 10,
      },
    )
    assert.equal(body.quota_set.volumes___DEFAULT__, -1)
  })

  it('refuse the volume that is too many with a 413 that says which quota', async () => {
    await set({ volumes: 1 })
    assert.equal((await ask()).status, 202)
    const { status, body, headers } = await ask()
    assert.equal(status, 413)
    assert.equal(headers['retry-after'], '0')
    assert.equal(
      body.overLimit.message,
      "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.",
    )
  })

  it('refuse the gigabytes that are too many, in new volumes and in growth', async () => {
    await set({ gigabytes: 5 })
    assert.equal((await ask(6)).status, 413)
    const { id } = await test.aVolume({ size: 3 })
    const { status, body } = await ask(3)
    assert.equal(status, 413)
    assert.match(body.overLimit.message, /Requested 3G, quota is 5G and 3G has been consumed/)
    const extend = (new_size: number) => test.demo('POST', `/volumes/${id}/action`, { 'os-extend': { new_size } })
    assert.equal((await extend(6)).status, 413)
    assert.equal((await test.settled(id)).status, 'available')
    assert.equal((await extend(5)).status, 202)
  })

  it('refuse the volume that is too large', async () => {
    await set({ per_volume_gigabytes: 2 })
    assert.equal((await ask(3)).status, 413)
    const { id } = await test.aVolume({ size: 2 })
    assert.equal((await test.demo('POST', `/volumes/${id}/action`, { 'os-extend': { new_size: 3 } })).status, 413)
  })

  it('may be of one type', async () => {
    await test.admin('POST', '/types', { volume_type: { name: 'scarce' } })
    await set({ volumes_scarce: 1 })
    assert.equal((await ask(1, { volume_type: 'scarce' })).status, 202)
    assert.equal((await ask(1, { volume_type: 'scarce' })).status, 413)
    assert.equal((await ask(1)).status, 202)
  })

  it('hold when many ask at once', async () => {
    await set({ volumes: 3 })
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask()))
    assert.equal(answers.filter(({ status }) => status === 202).length, 3)
    assert.equal(answers.filter(({ status }) => status === 413).length, 9)
  })

  it('are free again when a volume is gone', async () => {
    await set({ volumes: 1 })
    const { id } = await test.aVolume()
    await test.demo('DELETE', `/volumes/${id}`)
    await test.settled(id)
    assert.equal((await ask()).status, 202)
  })

  it('show what is used', async () => {
    await test.aVolume({ size: 3 })
    const { body } = await test.demo('GET', `/os-quota-sets/${project}?usage=True`)
    assert.deepEqual(body.quota_set.volumes, { limit: 10, in_use: 1, reserved: 0, allocated: 0 })
    assert.deepEqual(body.quota_set.gigabytes, { limit: 1000, in_use: 3, reserved: 0, allocated: 0 })
    const { body: shown } = await test.demo('GET', '/limits')
    assert.deepEqual(shown, {
      limits: {
        rate: [],
        absolute: {
          maxTotalVolumes: 10,
          maxTotalSnapshots: 10,
          maxTotalVolumeGigabytes: 1000,
          maxTotalBackups: 10,
          maxTotalBackupGigabytes: 1000,
          totalVolumesUsed: 1,
          totalGigabytesUsed: 3,
          totalSnapshotsUsed: 0,
          totalBackupsUsed: 0,
          totalBackupGigabytesUsed: 0,
        },
      },
    })
  })

  it('show another project’s limits to an admin from 3.39', async () => {
    await test.aVolume()
    const used = async (version: string) =>
      (await test.admin('GET', `/limits?project_id=${project}`, undefined, version)).body.limits.absolute
        .totalVolumesUsed
    assert.deepEqual([await used('3.38'), await used('3.39')], [0, 1])
  })

  it('are set by admins only, to numbers only, of resources that there are', async () => {
    assert.equal((await test.demo('PUT', `/os-quota-sets/${project}`, { quota_set: { volumes: 5 } })).status, 403)
    assert.deepEqual((await set({ volumes: 5, gigabytes: '50' })).body.quota_set.volumes, 5)
    for (const bad of [
      {},
      { cows: 1 },
      { volumes: -2 },
      { volumes: 'many' },
      { volumes: 2 ** 31 },
      { volumes: null },
    ]) {
      assert.equal((await set(bad)).status, 400, JSON.stringify(bad))
    }
  })

  it('do not go below what is used', async () => {
    await test.aVolume()
    assert.equal((await set({ volumes: 0 })).status, 400)
    assert.equal((await set({ volumes: -1 })).status, 200)
  })

  it('are a project’s own to see', async () => {
    const other = String(person('alt').projectId)
    assert.equal((await test.demo('GET', `/os-quota-sets/${other}`)).status, 403)
    assert.equal((await test.admin('GET', `/os-quota-sets/${other}`)).status, 200)
  })

  it('have defaults that an admin changes for all', async () => {
    const url = '/os-quota-class-sets/default'
    assert.equal((await test.admin('GET', url)).body.quota_class_set.id, 'default')
    assert.equal((await test.admin('PUT', url, { quota_class_set: { backups: 77 } })).status, 200)
    assert.equal((await test.demo('GET', `/os-quota-sets/${project}/defaults`)).body.quota_set.backups, 77)
    assert.equal((await test.demo('GET', `/os-quota-sets/${project}`)).body.quota_set.backups, 77)
    assert.equal((await test.admin('PUT', url, { quota_class_set: { cows: 1 } })).status, 400)
    assert.equal((await test.demo('GET', url)).status, 403)
  })

  it('are checked before a server’s boot is accepted', async () => {
    await set({ volumes: 0 })
    const caller = person('demo')
    const order = { projectId: project, userId: String(caller.userId), sizeGiB: 1, name: '' }
    await assert.rejects(test.volumes.checkCreate(caller, order), {
      code: 'volume.quota.volumes',
      reason: 'over-quota',
    })
  })
})
