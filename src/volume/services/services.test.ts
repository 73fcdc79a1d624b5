import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type VolumeServiceUnderTest, volumeServiceUnderTest } from '../volume-service-under-test.ts'

describe('block storage as a service', () => {
  let test: VolumeServiceUnderTest
  before(async () => {
    test = await volumeServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  it('says its versions to anyone, at the root with 300', async () => {
    const root = await test.ask(undefined, 'GET', '/volume/')
    assert.equal(root.status, 300)
    const [version] = root.body.versions
    assert.deepEqual(
      [version.id, version.version, version.min_version, version.status],
      ['v3.0', '3.71', '3.0', 'CURRENT'],
    )
    assert.ok(
      version.links.some((link: { rel: string; href: string }) => link.rel === 'self' && link.href.endsWith('/v3/')),
    )
    for (const path of ['/volume/v3/', '/volume/v3']) {
      const { status, body } = await test.ask(undefined, 'GET', path)
      assert.deepEqual([status, body], [200, root.body])
    }
  })

  it('speaks every microversion by every name that clients have for it', async () => {
    const echo = async (header: string) => {
      const { status, headers } = await test.ask('demo', 'GET', '/volume/v3/volumes', undefined, {
        'openstack-api-version': header,
      })
      return status === 200 ? headers['openstack-api-version'] : status
    }
    assert.equal(await echo('volume 3.27'), 'volume 3.27')
    assert.equal(await echo('volumev3 3.50'), 'volume 3.50')
    assert.equal(await echo('block-storage 3.60'), 'volume 3.60')
    assert.equal(await echo('compute 2.1, volume latest'), 'volume 3.71')
    assert.equal(await echo('volume 3.72'), 406)
    assert.equal(await echo('volume 2.0'), 406)
    assert.equal(await echo('volume three'), 400)
    const { headers } = await test.ask('demo', 'GET', '/volume/v3/volumes')
    assert.equal(headers['openstack-api-version'], 'volume 3.0')
    assert.equal(headers.vary, 'OpenStack-API-Version')
  })

  it('wants a token for all else, and gives every answer a number', async () => {
    const { status, headers } = await test.ask(undefined, 'GET', '/volume/v3/volumes')
    assert.equal(status, 401)
    assert.match(String(headers['www-authenticate']), /^Keystone uri=/)
    const answered = await test.demo('GET', '/volumes')
    assert.match(String(answered.headers['x-openstack-request-id']), /^req-/)
    assert.equal(answered.headers['x-compute-request-id'], answered.headers['x-openstack-request-id'])
  })

  it('does not know a path that is none, nor one of a project that is another', async () => {
    const { status, body } = await test.demo('GET', '/cows')
    assert.deepEqual([status, body.itemNotFound.code], [404, 404])
  })

  it('takes JSON and refuses what is none', async () => {
    const raw = async (payload: string, type = 'application/json') =>
      (
        await test.app.inject({
          method: 'POST',
          url: '/volume/v3/volumes',
          headers: { 'x-auth-token': 'demo', 'content-type': type },
          payload,
        })
      ).statusCode
    assert.equal(await raw('{"volume": '), 400)
    assert.equal(await raw(''), 400)
    assert.equal(await raw('[]'), 400)
    assert.equal(await raw('null'), 400)
    assert.equal(await raw('"volume"'), 400)
    assert.ok([400, 415].includes(await raw('volume', 'text/plain')))
  })

  it('lists extensions, filters and zones', async () => {
    const extensions = (await test.demo('GET', '/extensions')).body.extensions
    assert.ok(extensions.some((each: { alias: string }) => each.alias === 'os-volume-type-access'))
    const filters = (await test.demo('GET', '/resource_filters?resource=volume')).body.resource_filters
    assert.equal(filters.length, 1)
    assert.ok(filters[0].filters.includes('name~'))
    const old = (await test.demo('GET', '/resource_filters?resource=volume', undefined, '3.33')).body.resource_filters
    assert.equal(old[0].filters.includes('name~'), false)
    assert.equal((await test.demo('GET', '/resource_filters', undefined, '3.32')).status, 404)
    assert.deepEqual((await test.demo('GET', '/os-availability-zone')).body, {
      availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }],
    })
  })

  it('shows its services to admins', async () => {
    const { body } = await test.admin('GET', '/os-services')
    const brief = body.services.map(({ binary, host, state, status }: Record<string, string>) => [
      binary,
      host,
      state,
      status,
    ])
    assert.deepEqual(brief, [
      ['cinder-scheduler', 'host-1', 'up', 'enabled'],
      ['cinder-volume', 'host-1@simulated', 'up', 'enabled'],
    ])
    assert.equal(body.services[1].backend_state, 'up')
    assert.equal((await test.demo('GET', '/os-services')).status, 403)
    const one = await test.admin('GET', '/os-services?binary=cinder-volume')
    assert.equal(one.body.services.length, 1)
  })

  it('shows a back end that does not answer as down', async () => {
    test.backends[0]!.faults.failNext('backend.stats', new Error('gone'))
    const { body } = await test.admin('GET', '/os-services?binary=cinder-volume')
    assert.deepEqual([body.services[0].state, body.services[0].backend_state], ['down', 'down'])
  })

  it('disables and enables a service, with a reason', async () => {
    const at = { binary: 'cinder-volume', host: 'host-1@simulated' }
    const put = (verb: string, body: object) => test.admin('PUT', `/os-services/${verb}`, body)
    const disabled = await put('disable-log-reason', { ...at, disabled_reason: 'new disks' })
    assert.deepEqual(
      [disabled.status, disabled.body.status, disabled.body.disabled_reason],
      [200, 'disabled', 'new disks'],
    )
    const shown = (await test.admin('GET', '/os-services?binary=cinder-volume')).body.services[0]
    assert.deepEqual([shown.status, shown.disabled_reason], ['disabled', 'new disks'])
    assert.equal((await put('enable', at)).body.status, 'enabled')
    assert.equal((await put('disable', { ...at, host: 'nowhere' })).status, 404)
    assert.equal((await put('disable', { host: at.host })).status, 400)
    assert.equal((await put('disable-log-reason', at)).status, 400)
    assert.equal((await test.demo('PUT', '/os-services/disable', at)).status, 403)
  })

  it('shows its pools to admins, in detail where asked', async () => {
    assert.deepEqual((await test.admin('GET', '/scheduler-stats/get_pools')).body, {
      pools: [{ name: 'host-1@simulated#simulated' }],
    })
    const { body } = await test.admin('GET', '/scheduler-stats/get_pools?detail=true')
    const { capabilities } = body.pools[0]
    assert.equal(capabilities.total_capacity_gb, 1000)
    assert.equal(capabilities.volume_backend_name, 'simulated')
    assert.equal(capabilities.thin_provisioning_support, true)
    assert.equal((await test.demo('GET', '/scheduler-stats/get_pools')).status, 403)
    assert.deepEqual((await test.admin('GET', '/scheduler-stats/get_pools?name=other')).body, { pools: [] })
    assert.equal((await test.admin('GET', '/scheduler-stats/get_pools?colour=red')).status, 400)
  })

  it('keeps messages for their project, from 3.3', async () => {
    test.backends[0]!.faults.failNext('backend.create', new Error('no'))
    const { id } = await test.aVolume()
    const { body } = await test.demo('GET', `/messages?resource_uuid=${id}`)
    const [message] = body.messages
    assert.equal(message.resource_type, 'VOLUME')
    assert.equal(message.message_level, 'ERROR')
    assert.match(message.request_id, /^req-/)
    const headers = { 'openstack-api-version': 'volume 3.3' }
    assert.equal((await test.ask('alt', 'GET', `/volume/v3/messages/${message.id}`, undefined, headers)).status, 404)
    assert.equal((await test.demo('GET', `/messages?event_id=${message.event_id}`)).body.messages.length, 1)
    assert.equal((await test.demo('GET', '/messages?event_id=VOLUME_VOLUME_001_001')).body.messages.length, 0)
    assert.equal((await test.demo('GET', `/messages/${message.id}`)).body.message.id, message.id)
    assert.equal((await test.demo('DELETE', `/messages/${message.id}`)).status, 204)
    assert.equal((await test.demo('GET', `/messages/${message.id}`)).status, 404)
    assert.equal((await test.demo('GET', '/messages', undefined, '3.2')).status, 404)
  })
})
