import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type NetworkUnderTest, networkUnderTest } from '../testing/network-under-test.ts'

describe('lists', () => {
  let cloud: NetworkUnderTest
  const ids = new Map<string, string>()

  before(async () => {
    cloud = await networkUnderTest()
    for (const name of ['delta', 'alpha', 'charlie', 'bravo', 'echo']) {
      const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', {
        network: { name, admin_state_up: name !== 'echo', description: name < 'c' ? 'early' : '' },
      })
      ids.set(name, network.id)
    }
    await cloud.expect(200, 'demo', 'PUT', `/networks/${ids.get('alpha')}/tags`, { tags: ['red', 'blue'] })
    await cloud.expect(200, 'demo', 'PUT', `/networks/${ids.get('bravo')}/tags`, { tags: ['red'] })
  })
  after(() => cloud[Symbol.asyncDispose]())

  const list = async (query: string) => await cloud.expect(200, 'demo', 'GET', `/networks?${query}`)
  const names = async (query: string): Promise<string[]> =>
    (await list(query)).networks.map((network: { name: string }) => network.name)
  const sorted = 'sort_key=name&sort_dir=asc'

  it('are filtered: several values of one parameter are alternatives, several parameters must all hold', async () => {
    assert.deepEqual(await names(`name=alpha&name=echo&name=nobody&${sorted}`), ['alpha', 'echo'])
    assert.deepEqual(await names(`name=alpha&name=echo&admin_state_up=False`), ['echo'])
    assert.deepEqual(await names(`id=${ids.get('bravo')}&id=nonsense`), ['bravo'])
    assert.deepEqual(await names(`description=&${sorted}`), ['charlie', 'delta', 'echo'])
    assert.deepEqual(await names(`project_id=nobody`), [])
    assert.equal((await names('status=ACTIVE')).length, 5)
    assert.equal((await names('status=DOWN')).length, 0)
    assert.equal((await names('shared=true')).length, 0)
    assert.equal((await names('mtu=1450&mtu=9000')).length, 5)
  })

  it('are sorted by each key once, however often it comes', async () => {
    const again = '&sort_key=name&sort_dir=desc'.repeat(400)
    assert.deepEqual(await names(`${sorted}${again}&limit=2&marker=${ids.get('bravo')}`), ['charlie', 'delta'])
  })

  it('are filtered by tags in four ways', async () => {
    assert.deepEqual(await names(`tags=red,blue`), ['alpha'])
    assert.deepEqual(await names(`tags-any=blue,green`), ['alpha'])
    assert.deepEqual(await names(`tags-any=red&${sorted}`), ['alpha', 'bravo'])
    assert.deepEqual(await names(`not-tags=red,blue&${sorted}`), ['bravo', 'charlie', 'delta', 'echo'])
    assert.deepEqual(await names(`not-tags-any=red&${sorted}`), ['charlie', 'delta', 'echo'])
  })

  it('refuse filters and sort keys that there are not', async () => {
    const refused = async (query: string) => {
      const { status, body } = await cloud.ask('demo', 'GET', `/networks?${query}`)
      return [status, body.NeutronError?.type]
    }
    assert.deepEqual(await refused('colour=blue'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('subnets=x'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('toString=x'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('sort_key=colour&sort_dir=asc'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('sort_key=name'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('sort_key=name&sort_dir=up'), [400, 'HTTPBadRequest'])
    assert.deepEqual(await refused('limit=-1'), [400, 'BadRequest'])
    assert.deepEqual(await refused('limit=x'), [400, 'BadRequest'])
    assert.deepEqual(await refused('limit=1&marker=x'), [400, 'BadRequest'])
    assert.deepEqual(await refused('limit=1&marker=11111111-1111-1111-1111-111111111111'), [400, 'BadRequest'])
    assert.deepEqual(await refused('mtu=x'), [400, 'InvalidInput'])
    assert.deepEqual(await refused('name=a%00b'), [400, 'HTTPBadRequest'])
  })

  it('are sorted by several keys', async () => {
    assert.deepEqual(await names('sort_key=admin_state_up&sort_dir=asc&sort_key=name&sort_dir=desc'), [
      'echo',
      'delta',
      'charlie',
      'bravo',
      'alpha',
    ])
  })

  it('come in pages that are linked to and fro', async () => {
    const first = await list(`${sorted}&limit=2`)
    assert.deepEqual(
      first.networks.map((network: { name: string }) => network.name),
      ['alpha', 'bravo'],
    )
    const [next, previous] = first.networks_links
    assert.equal(next.rel, 'next')
    assert.equal(previous.rel, 'previous')
    const url = new URL(next.href)
    assert.equal(url.href.split('?')[0], 'http://127.0.0.1:5000/network/v2.0/networks')
    assert.equal(url.searchParams.get('marker'), ids.get('bravo'))
    const second = await list(url.search.slice(1))
    assert.deepEqual(
      second.networks.map((network: { name: string }) => network.name),
      ['charlie', 'delta'],
    )
    const third = await list(new URL(second.networks_links[0].href).search.slice(1))
    assert.deepEqual(
      third.networks.map((network: { name: string }) => network.name),
      ['echo'],
    )
    assert.deepEqual(
      third.networks_links.map((link: { rel: string }) => link.rel),
      ['previous'],
    )
    const back = await list(new URL(third.networks_links[0].href).search.slice(1))
    assert.deepEqual(
      back.networks.map((network: { name: string }) => network.name),
      ['charlie', 'delta'],
    )
    assert.equal('networks_links' in (await list(sorted)), false)
  })

  it('are paged completely whatever they are sorted by', async () => {
    for (const order of [
      '',
      'sort_key=admin_state_up&sort_dir=desc',
      'sort_key=id&sort_dir=desc&sort_key=name&sort_dir=asc',
      'sort_key=mtu&sort_dir=asc',
    ]) {
      const seen: string[] = []
      let query = `${order}&limit=2`
      for (let pages = 0; pages < 10; pages++) {
        const page = await list(query)
        seen.push(...page.networks.map((network: { name: string }) => network.name))
        const next = (page.networks_links ?? []).find((link: { rel: string }) => link.rel === 'next')
        if (next === undefined) break
        query = new URL(next.href).search.slice(1)
      }
      assert.deepEqual([...seen].sort(), ['alpha', 'bravo', 'charlie', 'delta', 'echo'], order)
      const backwards = (await list(`${order}&limit=3&page_reverse=true`)).networks.map(
        (network: { name: string }) => network.name,
      )
      assert.deepEqual(backwards, seen.slice(-3), order)
    }
  })

  it('show only the fields that are asked for', async () => {
    const { networks } = await list('name=alpha&fields=id&fields=name&fields=nonsense')
    assert.deepEqual(networks, [{ id: ids.get('alpha'), name: 'alpha' }])
    const { network } = await cloud.expect(200, 'demo', 'GET', `/networks/${ids.get('alpha')}?fields=mtu`)
    assert.deepEqual(network, { mtu: 1450 })
  })
})

describe('tags', () => {
  let cloud: NetworkUnderTest
  const paths: string[] = []

  before(async () => {
    cloud = await networkUnderTest()
    const { network } = await cloud.expect(201, 'demo', 'POST', '/networks', { network: {} })
    const { subnet } = await cloud.expect(201, 'demo', 'POST', '/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' },
    })
    const { port } = await cloud.expect(201, 'demo', 'POST', '/ports', { port: { network_id: network.id } })
    const { security_group: group } = await cloud.expect(201, 'demo', 'POST', '/security-groups', {
      security_group: {},
    })
    paths.push(`/networks/${network.id}`, `/subnets/${subnet.id}`, `/ports/${port.id}`, `/security-groups/${group.id}`)
    paths.push(`/security-group-rules/${group.security_group_rules[0].id}`)
  })
  after(() => cloud[Symbol.asyncDispose]())

  it('of every kind of resource are set, added, looked for and taken away', async () => {
    for (const path of paths) {
      assert.deepEqual(await cloud.expect(200, 'demo', 'PUT', `${path}/tags`, { tags: ['a', 'b'] }), {
        tags: ['a', 'b'],
      })
      await cloud.expect(201, 'demo', 'PUT', `${path}/tags/c%2Fd`)
      assert.deepEqual(await cloud.expect(200, 'demo', 'GET', `${path}/tags`), { tags: ['a', 'b', 'c/d'] })
      await cloud.expect(204, 'demo', 'GET', `${path}/tags/c%2Fd`)
      await cloud.expect(200, 'demo', 'POST', `${path}/tags`, { tags: ['b', 'e'] })
      await cloud.expect(204, 'demo', 'DELETE', `${path}/tags/a`)
      assert.deepEqual(await cloud.expect(200, 'reader', 'GET', `${path}/tags`), { tags: ['b', 'c/d', 'e'] })
      assert.equal((await cloud.ask('demo', 'GET', `${path}/tags/a`)).body.NeutronError.type, 'TagNotFound')
      assert.equal((await cloud.ask('demo', 'DELETE', `${path}/tags/a`)).body.NeutronError.type, 'TagNotFound')
      assert.equal((await cloud.ask('reader', 'PUT', `${path}/tags/a`)).status, 403)
      assert.equal((await cloud.ask('alt', 'GET', `${path}/tags`)).status, 404)
      await cloud.expect(204, 'demo', 'DELETE', `${path}/tags`)
      assert.deepEqual(await cloud.expect(200, 'demo', 'GET', `${path}/tags`), { tags: [] })
    }
  })

  it('are refused when they are none', async () => {
    const [path] = paths
    for (const body of [
      { tags: 'a' },
      { tags: [1] },
      { tags: ['x'.repeat(256)] },
      { tags: ['a', 'a'] },
      { tags: ['a\u0000'] },
      {},
      { tags: [], more: 1 },
    ]) {
      const { status, body: answer } = await cloud.ask('demo', 'PUT', `${path}/tags`, body)
      assert.deepEqual([status, answer.NeutronError.type], [400, 'InvalidInput'], JSON.stringify(body))
    }
    const many = { tags: Array.from({ length: 51 }, (_, index) => `t${index}`) }
    assert.equal((await cloud.ask('demo', 'PUT', `${path}/tags`, many)).body.NeutronError.type, 'BadRequest')
  })

  it('added at once by many are all kept', async () => {
    const [path] = paths
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => cloud.expect(201, 'demo', 'PUT', `${path}/tags/t${index}`)),
    )
    assert.equal((await cloud.expect(200, 'demo', 'GET', `${path}/tags`)).tags.length, 10)
  })
})
