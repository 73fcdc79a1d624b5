import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { isDomainError } from '../../domain-error.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'

describe('quotas', () => {
  let compute: ResourcesUnderTest
  const demo = person('demo').projectId!
  const demoUser = person('demo').userId
  before(async () => {
    compute = await resourcesUnderTest()
  })
  after(() => compute[Symbol.asyncDispose]())

  const url = `/os-quota-sets/${demo}`
  const set = (quota_set: object, query = '', version = '2.57') =>
    compute.at(version).ask('admin', 'PUT', `${url}${query}`, { quota_set })

  it('begin with upstream’s defaults', async () => {
    const { body } = await compute.at('2.57').ask('demo', 'GET', url)
    assert.deepEqual(body.quota_set, {
      id: demo,
      instances: 10,
      cores: 20,
      ram: 51_200,
      metadata_items: 128,
      key_pairs: 100,
      server_groups: 10,
      server_group_members: 10,
    })
  })

  it('show what their microversion knows', async () => {
    const keys = async (version: string) =>
      Object.keys((await compute.at(version).ask('demo', 'GET', url)).body.quota_set).length
    assert.deepEqual([await keys('2.35'), await keys('2.36'), await keys('2.56'), await keys('2.57')], [15, 11, 11, 8])
  })

  it('of a project are its readers’ and admins’ to see, and admins’ to change', async () => {
    assert.equal((await compute.ask('reader', 'GET', url)).status, 200)
    assert.equal((await compute.ask('alt', 'GET', url)).status, 403)
    assert.equal((await compute.ask('demo', 'PUT', url, { quota_set: { cores: 1 } })).status, 403)
    assert.equal((await compute.ask('alt', 'GET', `${url}/defaults`)).status, 200)
  })

  it('are changed, shown and reset', async () => {
    const changed = await set({ cores: 30, ram: '-1' })
    assert.deepEqual([changed.body.quota_set.cores, changed.body.quota_set.ram], [30, -1])
    assert.equal('id' in changed.body.quota_set, false)
    assert.equal((await compute.ask('admin', 'GET', `${url}/defaults`)).body.quota_set.cores, 20)
    assert.equal((await compute.ask('admin', 'DELETE', url)).status, 202)
    assert.equal((await compute.ask('admin', 'GET', url)).body.quota_set.cores, 20)
  })

  it('of a user lie within those of the project', async () => {
    assert.equal((await set({ cores: 25 }, `?user_id=${demoUser}`)).status, 400)
    assert.equal((await set({ cores: 15 }, `?user_id=${demoUser}`)).body.quota_set.cores, 15)
    assert.equal((await compute.ask('admin', 'GET', `${url}?user_id=${demoUser}`)).body.quota_set.cores, 15)
    assert.equal((await compute.ask('admin', 'GET', url)).body.quota_set.cores, 20)
    await compute.ask('admin', 'DELETE', `${url}?user_id=${demoUser}`)
  })

  it('are refused with wrong names and values', async () => {
    for (const quota_set of [
      { cores: -2 },
      { cores: 'many' },
      { cores: 2 ** 31 },
      { cores: '99999999999' },
      { colours: 1 },
      { cores: null },
      { fixed_ips: 1 },
      { injected_files: 1 },
    ]) {
      assert.equal((await set(quota_set)).status, 400, JSON.stringify(quota_set))
    }
    assert.equal((await set({ fixed_ips: 1 }, '', '2.35')).status, 200)
    assert.equal((await compute.at('2.75').ask('admin', 'GET', `${url}?colour=red`)).status, 400)
    await compute.ask('admin', 'DELETE', url)
  })

  it('of classes show groups from 2.50 on, and `default` changes everybody’s', async () => {
    const at = (version: string) => compute.at(version)
    assert.equal(
      'server_groups' in (await at('2.49').ask('admin', 'GET', '/os-quota-class-sets/x')).body.quota_class_set,
      false,
    )
    const shown = (await at('2.50').ask('admin', 'GET', '/os-quota-class-sets/x')).body.quota_class_set
    assert.deepEqual([shown.id, shown.server_groups, 'fixed_ips' in shown], ['x', 10, false])
    const body = { quota_class_set: { instances: 11 } }
    assert.equal(
      (await at('2.57').ask('admin', 'PUT', '/os-quota-class-sets/default', body)).body.quota_class_set.instances,
      11,
    )
    assert.equal((await compute.ask('demo', 'GET', url)).body.quota_set.instances, 11)
    assert.equal((await compute.ask('demo', 'GET', '/os-quota-class-sets/x')).status, 403)
    await at('2.57').ask('admin', 'PUT', '/os-quota-class-sets/default', { quota_class_set: { instances: 10 } })
  })

  describe('with servers', () => {
    before(async () => {
      await compute.server({ projectId: demo, userId: demoUser, vcpus: 2, ramMiB: 1024 })
      await compute.server({ projectId: demo, userId: 'somebody', vcpus: 4, ramMiB: 2048 })
    })

    it('count what is used', async () => {
      const { body } = await compute.ask('demo', 'GET', `${url}/detail`)
      assert.deepEqual(body.quota_set.cores, { limit: 20, in_use: 6, reserved: 0 })
      assert.deepEqual(body.quota_set.ram, { limit: 51_200, in_use: 3072, reserved: 0 })
      const mine = await compute.ask('demo', 'GET', `${url}/detail?user_id=${demoUser}`)
      assert.equal(mine.body.quota_set.cores.in_use, 2)
    })

    it('are shown as limits, with what each version knows', async () => {
      const limits = async (version: string) => (await compute.at(version).ask('demo', 'GET', '/limits')).body.limits
      const newest = await limits('2.57')
      assert.deepEqual(newest.rate, [])
      assert.deepEqual(newest.absolute, {
        maxTotalRAMSize: 51_200,
        maxTotalInstances: 10,
        maxTotalCores: 20,
        maxTotalKeypairs: 100,
        maxServerMeta: 128,
        maxServerGroups: 10,
        maxServerGroupMembers: 10,
        totalRAMUsed: 3072,
        totalCoresUsed: 6,
        totalInstancesUsed: 2,
        totalServerGroupsUsed: 0,
      })
      assert.equal('maxImageMeta' in (await limits('2.38')).absolute, true)
      assert.equal('maxImageMeta' in (await limits('2.39')).absolute, false)
      assert.equal('maxSecurityGroups' in (await limits('2.35')).absolute, true)
      assert.equal('maxSecurityGroups' in (await limits('2.36')).absolute, false)
    })

    it('of another project are an admin’s to ask for', async () => {
      const asked = await compute.ask('admin', 'GET', `/limits?tenant_id=${demo}`)
      assert.equal(asked.body.limits.absolute.totalCoresUsed, 6)
      assert.equal((await compute.ask('alt', 'GET', `/limits?tenant_id=${demo}`)).status, 403)
    })

    it('cannot be set below what is used, unless by force', async () => {
      assert.equal((await set({ cores: 5 })).status, 400)
      assert.equal((await set({ cores: 5, force: true })).body.quota_set.cores, 5)
      await compute.ask('admin', 'DELETE', url)
    })

    const room = (min: number, max: number, vcpus = 1, ramMiB = 512) =>
      compute.test.context.db.begin((tx) =>
        compute.resources.quotas.roomForServers(tx, { projectId: demo, userId: demoUser, min, max, vcpus, ramMiB }),
      )

    it('leave room for as many servers as fit, and no fewer than were asked for', async () => {
      assert.equal(await room(1, 3), 3)
      assert.equal(await room(1, 20), 8)
      assert.equal(await room(1, 20, 4), 3)
      await assert.rejects(
        room(4, 4, 4),
        (error) =>
          isDomainError(error, 'compute.quota.exceeded') &&
          error.message === 'Quota exceeded for cores: Requested 16, but already used 6 of 20 cores',
      )
    })

    it('of a user count only what is the user’s', async () => {
      await set({ instances: 2 }, `?user_id=${demoUser}`)
      assert.equal(await room(1, 5), 1)
      await assert.rejects(room(2, 2), (error) => isDomainError(error, 'compute.quota.exceeded'))
      await compute.ask('admin', 'DELETE', url)
    })

    it('do not give the same room to two requests at once', async () => {
      await compute.resources.quotas.set(demo, { instances: 4 }, { force: true })
      const make = () =>
        compute.test.context.db.begin(async (tx) => {
          await compute.resources.quotas.roomForServers(tx, {
            projectId: demo,
            userId: demoUser,
            min: 1,
            max: 1,
            vcpus: 1,
            ramMiB: 1,
          })
          await tx`
            insert into compute.servers
                   (id, project_id, user_id, name, hostname, vm_state, story_id, flavor_id, flavor_name, vcpus, ram_mib,
                    root_gib, ephemeral_gib, swap_mib, reservation_id, random_seed)
            values (gen_random_uuid(), ${demo}, ${demoUser}, 'a', 'a', 'active', gen_random_uuid(), '1', 'f', 1, 1, 1, 0,
                    0, 'r', '')`
        })
      const made = await Promise.allSettled(Array.from({ length: 6 }, make))
      assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 2)
    })
  })
})
