import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'
import { type UsedServer, usageByProject } from './usage.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour))
const used = (rest: Partial<UsedServer> = {}) =>
  ({
    id: 's',
    name: 'web',
    projectId: 'p',
    flavorId: 'f',
    flavorName: 'small',
    vcpus: 2,
    ramMiB: 512,
    rootGiB: 10,
    ephemeralGiB: 5,
    vmState: 'active',
    launchedAt: at(2),
    terminatedAt: null,
    ...rest,
  }) as UsedServer

describe('the usage of a project', () => {
  const of = (servers: UsedServer[], from: number, to: number) =>
    usageByProject(servers, { start: at(from), stop: at(to) }, at(20))

  it('counts hours within the span alone, times what the flavor has', () => {
    const [usage] = of([used()], 0, 6)
    assert.equal(usage!.hours, 4)
    assert.equal(usage!.vcpuHours, 8)
    assert.equal(usage!.ramMiBHours, 2048)
    assert.equal(usage!.diskGiBHours, 60)
    assert.equal(of([used()], 3, 4)[0]!.hours, 1)
  })

  it('ends with the server', () => {
    const [usage] = of([used({ terminatedAt: at(5) })], 0, 10)
    assert.equal(usage!.hours, 3)
    assert.equal(usage!.servers[0]!.uptimeSeconds, 3 * 3600)
  })

  it('is summed up by project', () => {
    const usages = of([used(), used({ id: 't' as never }), used({ projectId: 'q' as never })], 0, 4)
    assert.deepEqual(
      usages.map(({ projectId, hours }) => [projectId, hours]),
      [
        ['p', 4],
        ['q', 2],
      ],
    )
  })
})

describe('asking for usage', () => {
  let cloud: TestCloud
  const project = person('demo').projectId!
  before(async () => {
    cloud = await testCloud({ hosts: 1 })
    for (const name of ['one', 'two']) await cloud.settled(await cloud.boot({ name }))
  })
  after(() => cloud[Symbol.asyncDispose]())
  const ask = (path: string, who: 'admin' | 'demo' | 'alt' = 'demo', version = 'latest') =>
    cloud.ask(who, 'GET', `/os-simple-tenant-usage${path}`, undefined, version)
  const span = 'start=2020-01-01T00:00:00&end=2100-01-01T00:00:00'

  it('answers a project with its servers, and one that used nothing with nothing', async () => {
    const { tenant_usage: usage } = (await ask(`/${project}?${span}`)).body
    assert.equal(usage.tenant_id, project)
    assert.deepEqual(usage.server_usages.map(({ name }: { name: string }) => name).sort(), ['one', 'two'])
    assert.ok(usage.total_hours > 0)
    const alt = person('alt').projectId!
    assert.deepEqual((await ask(`/${alt}?${span}`, 'alt')).body, { tenant_usage: {} })
  })

  it('answers admins with all projects, in detail where they ask for it', async () => {
    const [brief] = (await ask(`?${span}`, 'admin')).body.tenant_usages
    assert.equal('server_usages' in brief, false)
    const [whole] = (await ask(`?${span}&detailed=1`, 'admin')).body.tenant_usages
    assert.equal(whole.server_usages.length, 2)
  })

  it('pages by server from 2.40 on', async () => {
    const first = (await ask(`/${project}?${span}&limit=1`)).body
    assert.equal(first.tenant_usage.server_usages.length, 1)
    const href: string = first.tenant_usage_links[0].href
    const second = (await ask(`/${project}${href.slice(href.indexOf('?'))}`)).body
    assert.equal(second.tenant_usage.server_usages.length, 1)
    assert.equal('tenant_usage_links' in second, false)
    assert.equal((await ask(`/${project}?${span}&limit=1`, 'demo', '2.39')).body.tenant_usage.server_usages.length, 2)
  })

  it('refuses other projects, times that are none, and unknown words from 2.75 on', async () => {
    assert.equal((await ask(`/${project}?${span}`, 'alt')).status, 403)
    assert.equal((await ask(`?${span}`)).status, 403)
    assert.equal((await ask(`/${project}?start=yesterday`)).status, 400)
    assert.equal((await ask(`/${project}?start=2026-13-45T00:00:00`)).status, 400)
    assert.equal((await ask(`/${project}?start=2100-01-01T00:00:00&end=2099-01-01T00:00:00`)).status, 400)
    assert.equal((await ask(`/${project}?${span}&marker=x`)).status, 400)
    assert.equal((await ask(`/${project}?${span}&colour=red`)).status, 400)
    assert.equal((await ask(`/${project}?${span}&colour=red`, 'demo', '2.74')).status, 200)
  })
})
