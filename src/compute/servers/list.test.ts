import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ServerId } from '../../ids.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('listing servers', () => {
  let cloud: TestCloud
  const ids: ServerId[] = []
  let started: string
  before(async () => {
    cloud = await testCloud()
    started = new Date().toISOString()
    for (const [index, name] of ['a1', 'a2', 'b1'].entries()) {
      ids.push(await cloud.boot({ name, tags: [name, 'all'], metadata: { index: String(index) } }))
    }
    for (const id of ids) assert.equal((await cloud.settled(id)).status, 'ACTIVE')
    await cloud.ask('demo', 'POST', `/servers/${ids[2]}/action`, { 'os-stop': null })
    assert.equal((await cloud.settled(ids[2]!)).status, 'SHUTOFF')
  })
  after(() => cloud[Symbol.asyncDispose]())

  const list = (
    query: string,
    { who = 'demo', version = 'latest' }: { who?: 'demo' | 'admin' | 'alt'; version?: string } = {},
  ) => cloud.ask(who, 'GET', `/servers${query}`, undefined, version)
  const names = async (query: string, options = {}) => {
    const answer = await list(query, options)
    assert.equal(answer.status, 200, `${query}: ${JSON.stringify(answer.body)}`)
    return answer.body.servers.map(({ name }: { name: string }) => name)
  }

  it('shows the newest first, briefly or in detail', async () => {
    assert.deepEqual(await names(''), ['b1', 'a2', 'a1'])
    assert.deepEqual(Object.keys((await list('')).body.servers[0]).sort(), ['id', 'links', 'name'])
    const [detail] = (await list('/detail')).body.servers
    assert.equal(detail.status, 'SHUTOFF')
    assert.equal('server_groups' in detail, false)
  })

  it('shows each project its own, and admins all when they ask for all', async () => {
    assert.deepEqual(await names('', { who: 'alt' }), [])
    assert.deepEqual(await names('', { who: 'admin' }), [])
    assert.equal((await names('?all_tenants=1', { who: 'admin' })).length, 3)
    assert.equal((await list('?all_tenants=1')).status, 403)
    assert.equal((await list('?all_tenants=maybe', { who: 'admin' })).status, 400)
  })

  it('pages by marker and limit, in any order, without losing or repeating one', async () => {
    for (const sort of ['', '&sort_key=display_name&sort_dir=asc', '&sort_key=vm_state&sort_key=uuid&sort_dir=desc']) {
      const whole = await names(`?limit=10${sort}`)
      const paged: string[] = []
      let url: string | undefined = `?limit=1${sort}`
      while (url !== undefined) {
        const { body } = await list(url)
        paged.push(...body.servers.map(({ name }: { name: string }) => name))
        const next: string | undefined = body.servers_links?.[0].href
        url = next === undefined ? undefined : next.slice(next.indexOf('?'))
      }
      assert.deepEqual(paged, whole, sort)
    }
    assert.equal((await list('?marker=nothing')).status, 400)
    assert.equal((await list('?limit=-1')).status, 400)
    assert.equal('servers_links' in (await list('?limit=3')).body, false)
  })

  it('sorts by the keys that there are', async () => {
    assert.deepEqual(await names('?sort_key=display_name&sort_dir=asc'), ['a1', 'a2', 'b1'])
    assert.equal((await list('?sort_key=colour')).status, 400)
    assert.equal((await list('?sort_key=display_name&sort_dir=sideways')).status, 400)
    assert.equal((await list('?sort_key=vcpus', { version: '2.74' })).status, 200)
    assert.equal((await list('?sort_key=vcpus', { version: '2.75' })).status, 400)
  })

  it('sorts by each key once, however often it comes', async () => {
    const again = '?sort_key=display_name&sort_dir=asc'.concat('&sort_key=display_name&sort_dir=desc'.repeat(400))
    const { body } = await list(`${again}&limit=1`)
    const next: string = body.servers_links[0].href
    assert.deepEqual(await names(next.slice(next.indexOf('?'))), ['a2'])
  })

  it('filters by name as a pattern, by status, image, flavor and address', async () => {
    assert.deepEqual(await names('?name=^a'), ['a2', 'a1'])
    assert.deepEqual(await names('?status=SHUTOFF'), ['b1'])
    assert.deepEqual(await names('?status=ACTIVE&status=shutoff'), ['b1', 'a2', 'a1'])
    assert.deepEqual(await names(`?image=${cloud.imageId}&flavor=tiny`), ['b1', 'a2', 'a1'])
    assert.deepEqual(await names('?flavor=1'), [])
    const { body } = await list('/detail?name=a1')
    const address = body.servers[0].addresses.private[0].addr
    assert.deepEqual(await names(`?ip=${address}$`), ['a1'])
    assert.equal((await list('?name=(')).status, 400)
    assert.equal((await list('?ip=(')).status, 400)
  })

  it('answers an unknown status with nothing, and from 2.38 on with 400', async () => {
    assert.deepEqual(await names('?status=DANCING', { version: '2.37' }), [])
    assert.equal((await list('?status=DANCING', { version: '2.38' })).status, 400)
    assert.equal((await list('?status=DELETED')).status, 403)
  })

  it('filters by tags from 2.26 on', async () => {
    assert.deepEqual(await names('?tags=all,a1'), ['a1'])
    assert.deepEqual(await names('?tags-any=a1,b1'), ['b1', 'a1'])
    assert.deepEqual(await names('?not-tags=a1,all'), ['b1', 'a2'])
    assert.deepEqual(await names('?not-tags-any=a1,b1'), ['a2'])
  })

  it('filters by lock from 2.73 on', async () => {
    await cloud.ask('demo', 'POST', `/servers/${ids[0]}/action`, { lock: null })
    assert.deepEqual(await names('?locked=true'), ['a1'])
    assert.deepEqual(await names('?locked=false'), ['b1', 'a2'])
    await cloud.ask('demo', 'POST', `/servers/${ids[0]}/action`, { unlock: null })
  })

  it('drops filters of admins from users, and refuses unknown ones from 2.75 on', async () => {
    assert.equal((await names('?host=nowhere')).length, 3)
    assert.deepEqual(await names('?all_tenants=1&host=nowhere', { who: 'admin' }), [])
    assert.equal((await list('?colour=red', { version: '2.74' })).status, 200)
    assert.equal((await list('?colour=red', { version: '2.75' })).status, 400)
    assert.equal((await list('?metadata=x', { who: 'admin' })).status, 400)
    assert.equal((await names('?vm_state=stopped', { version: '2.82' })).length, 3)
    assert.deepEqual(await names('?vm_state=stopped', { version: '2.83' }), ['b1'])
  })

  it('shows deleted ones to admins, and to those who ask for changes', async () => {
    const id = await cloud.boot({ name: 'past' })
    await cloud.settled(id)
    await cloud.ask('demo', 'DELETE', `/servers/${id}`)
    await cloud.gone(id)
    assert.deepEqual(await names('?deleted=true&all_tenants=1', { who: 'admin' }), ['past'])
    assert.equal((await names('?deleted=true')).length, 3)
    const changed = await list(`/detail?changes-since=${started}`)
    const past = changed.body.servers.find(({ name }: { name: string }) => name === 'past')
    assert.equal(past.status, 'DELETED')
    assert.notEqual(past['OS-SRV-USG:terminated_at'], null)
    const earlier = new Date(Date.parse(started) - 1000).toISOString()
    assert.deepEqual(await names(`?changes-before=${earlier}`), [])
    const { servers } = (await list('/detail')).body
    assert.ok((await names(`?changes-before=${servers[0].updated}`)).includes(servers[0].name), 'within its second')
    assert.equal((await list('?changes-since=yesterday')).status, 400)
    assert.equal((await list(`?changes-since=2030-01-01T00:00:00Z&changes-before=${started}`)).status, 400)
  })
})
