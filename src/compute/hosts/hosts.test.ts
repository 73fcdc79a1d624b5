import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { HostName } from '../../ids.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'
import { rankHosts } from '../scheduler/index.ts'

describe('hosts', () => {
  let compute: ResourcesUnderTest
  const host = (name: string) => name as HostName
  before(async () => {
    compute = await resourcesUnderTest()
    await compute.host('h1')
    await compute.host('h2', { vcpus: 2, traits: [] })
  })
  after(() => compute[Symbol.asyncDispose]())

  const generation = async (name: string) =>
    (await compute.test.context.db`select generation from placement.providers where name = ${name}`)[0]!.generation
  const silence = (name: string) =>
    compute.test.context.db`update compute.hosts set last_seen_at = now() - interval '2 minutes' where name = ${name}`

  it('come with what they can give, as the scheduler needs it', async () => {
    const [first] = await compute.resources.hosts.forScheduling()
    assert.deepEqual(
      [first!.host, first!.up, first!.enabled, first!.availabilityZone, first!.traits],
      ['h1', true, true, 'nova', ['COMPUTE_VOLUME_EXTEND']],
    )
    assert.deepEqual(first!.inventories.VCPU, {
      total: 8,
      reserved: 0,
      used: 0,
      allocationRatio: 4,
      minUnit: 1,
      maxUnit: 8,
      stepSize: 1,
    })
    assert.deepEqual([first!.inventories.MEMORY_MB!.reserved, first!.inventories.DISK_GB!.total], [512, 100])
    const { ranked } = rankHosts({ resources: { VCPU: 4 } }, await compute.resources.hosts.forScheduling())
    assert.deepEqual(ranked, ['h1'])
  })

  it('keep their ids over heartbeats, which change placement only when facts change', async () => {
    const before = await compute.resources.hosts.find('h1')
    const generationBefore = await generation('h1')
    await compute.host('h1')
    const again = await compute.resources.hosts.find('h1')
    assert.deepEqual([again!.serviceId, again!.providerId], [before!.serviceId, before!.providerId])
    assert.equal(await generation('h1'), generationBefore)
    await compute.host('h1', { vcpus: 16 })
    assert.equal(await generation('h1'), generationBefore + 1)
    await compute.host('h1')
  })

  it('that are silent for a minute are down until they are heard of again', async () => {
    await silence('h1')
    assert.equal((await compute.resources.hosts.find('h1'))!.up, false)
    await compute.host('h1')
    assert.equal((await compute.resources.hosts.find('h1'))!.up, true)
  })

  it('that are disabled say so in placement', async () => {
    await compute.resources.hosts.change(host('h2'), { enabled: false, disabledReason: 'fans' })
    const found = (await compute.resources.hosts.forScheduling()).find((each) => each.host === 'h2')!
    assert.deepEqual([found.enabled, found.disabledReason, found.traits], [false, 'fans', ['COMPUTE_STATUS_DISABLED']])
    await compute.resources.hosts.change(host('h2'), { enabled: true, disabledReason: null })
    const again = (await compute.resources.hosts.forScheduling()).find((each) => each.host === 'h2')!
    assert.deepEqual([again.enabled, again.disabledReason, again.traits], [true, undefined, []])
  })

  it('count their servers, and those with a task under way', async () => {
    const id = await compute.server({ projectId: 'p', host: 'h2' })
    await compute.server({ projectId: 'p', host: 'h2' })
    await compute.test.context.db`update compute.servers set task_state = 'spawning' where id = ${id}`
    const found = (await compute.resources.hosts.forScheduling()).find((each) => each.host === 'h2')!
    assert.deepEqual([found.servers, found.busyServers], [2, 1])
  })

  describe('as services', () => {
    const list = (version: string, query = '') => compute.at(version).ask('admin', 'GET', `/os-services${query}`)

    it('are shown to admins, with a number for an id up to 2.52 and a UUID after', async () => {
      assert.equal((await compute.ask('demo', 'GET', '/os-services')).status, 403)
      const old = (await list('2.10')).body.services[0]
      assert.deepEqual(Object.keys(old).sort(), [
        'binary',
        'disabled_reason',
        'host',
        'id',
        'state',
        'status',
        'updated_at',
        'zone',
      ])
      assert.equal(typeof old.id, 'number')
      const { id, updated_at, ...rest } = (await list('2.53')).body.services[0]
      assert.match(id, /^[0-9a-f-]{36}$/)
      assert.match(updated_at, /^\d{4}-\d\d-\d\dT[\d:.]+$/)
      assert.deepEqual(rest, {
        binary: 'nova-compute',
        host: 'h1',
        zone: 'nova',
        status: 'enabled',
        state: 'up',
        disabled_reason: null,
        forced_down: false,
      })
    })

    it('are filtered by host and binary', async () => {
      assert.equal((await list('2.1', '?host=h2')).body.services.length, 1)
      assert.equal((await list('2.1', '?binary=nova-compute')).body.services.length, 2)
      assert.equal((await list('2.1', '?binary=nova-scheduler')).body.services.length, 0)
      assert.equal((await list('2.75', '?colour=red')).status, 400)
    })

    it('are disabled, enabled and forced down by the deeds of old up to 2.52', async () => {
      const put = (deed: string, body: object, version = '2.11') =>
        compute.at(version).ask('admin', 'PUT', `/os-services/${deed}`, body)
      const body = { host: 'h1', binary: 'nova-compute' }
      assert.deepEqual((await put('disable', body)).body.service, { ...body, status: 'disabled' })
      const why = await put('disable-log-reason', { ...body, disabled_reason: 'fans' })
      assert.deepEqual(why.body.service, { ...body, status: 'disabled', disabled_reason: 'fans' })
      assert.equal((await put('disable-log-reason', body)).status, 400)
      assert.deepEqual((await put('enable', body)).body.service, { ...body, status: 'enabled' })
      assert.equal((await put('force-down', { ...body, forced_down: true })).body.service.forced_down, true)
      assert.equal((await list('2.11', '?host=h1')).body.services[0].state, 'down')
      await put('force-down', { ...body, forced_down: 'false' })
      assert.equal((await put('force-down', body, '2.10')).status, 404)
      assert.equal((await put('disable', body, '2.53')).status, 404)
      assert.equal((await put('disable', { ...body, host: 'nowhere' })).status, 404)
      assert.equal((await put('disable', { ...body, binary: 'nova-scheduler' })).status, 400)
      assert.equal((await put('paint', body)).status, 404)
    })

    it('are updated by their id from 2.53 on', async () => {
      const [{ id }] = (await list('2.53', '?host=h1')).body.services
      const put = (body: object, at = id) => compute.at('2.53').ask('admin', 'PUT', `/os-services/${at}`, body)
      const off = await put({ status: 'disabled', disabled_reason: 'fans', forced_down: true })
      assert.deepEqual(
        [off.body.service.status, off.body.service.disabled_reason, off.body.service.forced_down],
        ['disabled', 'fans', true],
      )
      assert.equal((await put({ status: 'enabled', disabled_reason: 'fans' })).status, 400)
      assert.equal((await put({})).status, 400)
      assert.equal((await put({ disabled_reason: 'fans' })).status, 400)
      assert.equal((await put({ status: 'off' })).status, 400)
      assert.equal((await put({ status: 'enabled' }, 'x')).status, 400)
      assert.equal((await put({ status: 'enabled' }, '70a599e0-31e7-49b7-b260-868f441e862b')).status, 404)
      const on = await put({ status: 'enabled', forced_down: false })
      assert.deepEqual([on.body.service.disabled_reason, on.body.service.state], [null, 'up'])
    })

    it('are deleted with their provider once no server is there', async () => {
      await compute.host('h3')
      const [{ id }] = (await list('2.53', '?host=h3')).body.services
      const server = await compute.server({ projectId: 'p', host: 'h3' })
      const remove = () => compute.at('2.53').ask('admin', 'DELETE', `/os-services/${id}`)
      assert.equal((await remove()).status, 409)
      await compute.test.context.db`update compute.servers set deleted_at = now() where id = ${server}`
      assert.equal((await remove()).status, 204)
      assert.equal((await remove()).status, 404)
      assert.equal((await compute.test.context.db`select from placement.providers where name = 'h3'`).count, 0)
      assert.equal((await compute.ask('admin', 'DELETE', '/os-services/x')).status, 400)
    })
  })

  describe('as hypervisors', () => {
    const get = (version: string, path: string) => compute.at(version).ask('admin', 'GET', `/os-hypervisors${path}`)
    const names = (answer: { body: { hypervisors: { hypervisor_hostname: string }[] } }) =>
      answer.body.hypervisors.map((each) => each.hypervisor_hostname)

    it('show usage up to 2.87 and uptime after', async () => {
      const { service, id, cpu_info, ...old } = (await get('2.1', '/detail')).body.hypervisors[0]
      assert.deepEqual([typeof id, typeof service.id, service.host], ['number', 'number', 'h1'])
      assert.equal(JSON.parse(cpu_info).arch, 'x86_64')
      assert.deepEqual(old, {
        hypervisor_hostname: 'h1',
        state: 'up',
        status: 'enabled',
        hypervisor_type: 'QEMU',
        hypervisor_version: 7_002_001,
        host_ip: '192.0.2.1',
        vcpus: 8,
        memory_mb: 16_384,
        local_gb: 100,
        vcpus_used: 0,
        memory_mb_used: 512,
        local_gb_used: 0,
        free_ram_mb: 15_872,
        free_disk_gb: 100,
        current_workload: 0,
        running_vms: 0,
        disk_available_least: 100,
      })
      assert.equal((await get('2.28', '/detail')).body.hypervisors[0].cpu_info.model, 'Skylake-Client')
      const newest = (await get('2.88', '/detail')).body.hypervisors[0]
      assert.equal('vcpus' in newest, false)
      assert.match(newest.uptime, / up 1 day, 1:01, 0 users, {2}load average: 0\.25, 0\.50, 0\.75$/)
    })

    it('are shown one at a time by number, or by UUID from 2.53 on', async () => {
      const { id } = (await get('2.53', '')).body.hypervisors[0]
      const number = (await get('2.52', '')).body.hypervisors[0].id
      assert.equal((await get('2.53', `/${id}`)).body.hypervisor.hypervisor_hostname, 'h1')
      assert.equal((await get('2.52', `/${number}`)).body.hypervisor.hypervisor_hostname, 'h1')
      assert.equal((await get('2.53', `/${number}`)).status, 400)
      assert.equal((await get('2.52', `/${id}`)).status, 404)
      assert.equal((await get('2.1', '/99')).status, 404)
      assert.match((await get('2.87', `/${id}/uptime`)).body.hypervisor.uptime, /load average/)
      assert.equal((await get('2.88', `/${id}/uptime`)).status, 404)
    })

    it('come in pages from 2.33 on', async () => {
      const first = await get('2.33', '?limit=1')
      assert.deepEqual(names(first), ['h1'])
      const { search } = new URL(first.body.hypervisors_links[0].href)
      assert.deepEqual(names(await get('2.33', search)), ['h2'])
      assert.equal((await get('2.33', '?marker=99')).status, 400)
      assert.deepEqual(names(await get('2.32', '?limit=1')), ['h1', 'h2'])
    })

    it('are found by name, with their servers where asked', async () => {
      assert.deepEqual(names(await get('2.52', '/h1/search')), ['h1'])
      assert.equal((await get('2.52', '/nowhere/search')).status, 404)
      assert.equal((await get('2.53', '/h1/search')).status, 404)
      assert.equal((await get('2.52', '/h2/servers')).body.hypervisors[0].servers.length, 2)
      assert.equal('servers' in (await get('2.52', '/h1/servers')).body.hypervisors[0], false)
      const both = await get('2.75', '?hypervisor_hostname_pattern=h&with_servers=true')
      assert.deepEqual(
        both.body.hypervisors.map((each: { servers: object[] }) => each.servers.length),
        [0, 2],
      )
      assert.equal((await get('2.53', '?hypervisor_hostname_pattern=zzz')).status, 404)
      assert.equal((await get('2.53', '?hypervisor_hostname_pattern=h&limit=1')).status, 400)
      assert.equal((await get('2.53', '?with_servers=perhaps')).status, 400)
      assert.equal((await get('2.53', '?colour=red')).status, 400)
    })

    it('add up, until 2.87', async () => {
      const { body } = await get('2.87', '/statistics')
      assert.deepEqual(
        [body.hypervisor_statistics.count, body.hypervisor_statistics.vcpus, body.hypervisor_statistics.running_vms],
        [2, 10, 2],
      )
      assert.equal((await get('2.88', '/statistics')).status, 404)
    })
  })

  describe('as os-hosts, up to 2.42', () => {
    const get = (path: string, version = '2.42') => compute.at(version).ask('admin', 'GET', `/os-hosts${path}`)
    const put = (body: object) => compute.at('2.42').ask('admin', 'PUT', '/os-hosts/h2', body)

    it('are listed, by zone too, while they are enabled', async () => {
      assert.deepEqual((await get('')).body.hosts, [
        { host_name: 'h1', service: 'compute', zone: 'nova' },
        { host_name: 'h2', service: 'compute', zone: 'nova' },
      ])
      assert.deepEqual((await get('?zone=nowhere')).body.hosts, [])
      assert.deepEqual((await put({ status: 'disable' })).body, { host: 'h2', status: 'disabled' })
      assert.equal((await get('')).body.hosts.length, 1)
      assert.deepEqual((await put({ status: 'Enable' })).body, { host: 'h2', status: 'enabled' })
      assert.equal((await get('', '2.43')).status, 404)
    })

    it('show what is there and what each project takes', async () => {
      const rows = (await get('/h2')).body.host.map(({ resource }: { resource: object }) => Object.values(resource))
      assert.deepEqual(rows, [
        ['h2', '(total)', 2, 16_384, 100],
        ['h2', '(used_now)', 0, 512, 0],
        ['h2', '(used_max)', 2, 1024, 2],
        ['h2', 'p', 2, 1024, 2],
      ])
      assert.equal((await get('/nowhere')).status, 404)
    })

    it('refuse by name what is not offered', async () => {
      for (const deed of ['reboot', 'shutdown', 'startup']) {
        assert.equal((await get(`/h1/${deed}`)).status, 501, deed)
        assert.equal((await get(`/nowhere/${deed}`)).status, 404, deed)
      }
      assert.equal((await put({ maintenance_mode: 'enable' })).status, 501)
      for (const bad of [{}, { status: 'off' }, { colour: 'red' }]) assert.equal((await put(bad)).status, 400)
    })
  })

  it('make zones, which everybody sees by name and admins with their hosts', async () => {
    const plain = await compute.ask('demo', 'GET', '/os-availability-zone')
    assert.deepEqual(plain.body, {
      availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true }, hosts: null }],
    })
    assert.equal((await compute.ask('demo', 'GET', '/os-availability-zone/detail')).status, 403)
    const detail = await compute.ask('admin', 'GET', '/os-availability-zone/detail')
    assert.equal(detail.body.availabilityZoneInfo[0].hosts.h1['nova-compute'].available, true)
  })

  it('are no extensions, but a list of those is there too', async () => {
    const all = await compute.ask('demo', 'GET', '/extensions')
    assert.equal(all.body.extensions.length, 99)
    const one = await compute.ask('demo', 'GET', '/extensions/os-keypairs')
    assert.deepEqual([one.status, one.body.extension.alias], [200, 'os-keypairs'])
    assert.equal((await compute.ask('demo', 'GET', '/extensions/nothing')).status, 404)
  })
})
