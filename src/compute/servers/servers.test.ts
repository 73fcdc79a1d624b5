import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId, type ServerId, type VolumeId } from '../../ids.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('a server', () => {
  let cloud: TestCloud
  let id: ServerId
  before(async () => {
    cloud = await testCloud()
    id = await cloud.boot({ name: 'alpha', description: 'the first', tags: ['one', 'two'], metadata: { role: 'db' } })
    assert.equal((await cloud.settled(id)).status, 'ACTIVE')
  })
  after(() => cloud[Symbol.asyncDispose]())

  const ask = (method: string, path: string, body?: unknown, version = 'latest') =>
    cloud.ask('demo', method, path, body, version)
  const show = async (version: string, who: 'demo' | 'admin' = 'demo') =>
    (await cloud.ask(who, 'GET', `/servers/${id}`, undefined, version)).body.server
  const refused = async (method: string, path: string, status: number, body?: unknown, version = 'latest') => {
    const answer = await ask(method, path, body, version)
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`)
    return (Object.values(answer.body)[0] as { message: string }).message
  }

  describe('is shown', () => {
    /** What every server shows at 2.1, by shapes/server.tsv. */
    const FIRST = [
      'OS-DCF:diskConfig',
      'OS-EXT-AZ:availability_zone',
      'OS-EXT-STS:power_state',
      'OS-EXT-STS:task_state',
      'OS-EXT-STS:vm_state',
      'OS-SRV-USG:launched_at',
      'OS-SRV-USG:terminated_at',
      'accessIPv4',
      'accessIPv6',
      'addresses',
      'config_drive',
      'created',
      'flavor',
      'hostId',
      'id',
      'image',
      'key_name',
      'links',
      'metadata',
      'name',
      'os-extended-volumes:volumes_attached',
      'progress',
      'security_groups',
      'status',
      'tenant_id',
      'updated',
      'user_id',
    ]
    /** Version that brings them, and what it brings to a user's view. */
    const LATER: [string, string[]][] = [
      ['2.9', ['locked']],
      ['2.19', ['description']],
      ['2.26', ['tags']],
      ['2.63', ['trusted_image_certificates']],
      ['2.71', ['server_groups']],
      ['2.73', ['locked_reason']],
      ['2.90', ['OS-EXT-SRV-ATTR:hostname']],
      ['2.96', ['pinned_availability_zone']],
      ['2.100', ['scheduler_hints']],
    ]
    const before = (version: string) => version.replace(/\d+$/, (minor) => String(Number(minor) - 1))

    it('with exactly the keys of its microversion, on both sides of each border', async () => {
      assert.deepEqual(Object.keys(await show('2.1')).sort(), FIRST.toSorted())
      const keys = [...FIRST]
      for (const [version, added] of LATER) {
        assert.deepEqual(Object.keys(await show(before(version))).sort(), keys.toSorted(), `before ${version}`)
        keys.push(...added)
        assert.deepEqual(Object.keys(await show(version)).sort(), keys.toSorted(), version)
      }
      assert.deepEqual(Object.keys(await show('latest')).sort(), keys.toSorted())
    })

    it('to admins with where it is, and from 2.3 on with how it was made', async () => {
      const own = new Set(Object.keys(await show('2.1')))
      const more = async (version: string) =>
        Object.keys(await show(version, 'admin'))
          .filter((key) => !own.has(key) && key.startsWith('OS-EXT-SRV-ATTR'))
          .map((key) => key.replace('OS-EXT-SRV-ATTR:', ''))
          .sort()
      const first = ['host', 'hypervisor_hostname', 'instance_name']
      assert.deepEqual(await more('2.1'), first)
      assert.deepEqual(
        await more('2.3'),
        [
          ...first,
          'hostname',
          'kernel_id',
          'launch_index',
          'ramdisk_id',
          'reservation_id',
          'root_device_name',
          'user_data',
        ].sort(),
      )
      assert.equal('host_status' in (await show('2.15', 'admin')), false)
      assert.equal((await show('2.16', 'admin')).host_status, 'UP')
      assert.equal('host_status' in (await show('2.16')), false)
    })

    it('with a flavor by reference up to 2.46 and in full after it', async () => {
      assert.deepEqual((await show('2.46')).flavor.id, 'tiny')
      assert.deepEqual((await show('2.47')).flavor, {
        vcpus: 1,
        ram: 128,
        disk: 1,
        ephemeral: 0,
        swap: 0,
        original_name: 'tiny',
        extra_specs: {},
      })
    })

    it('with its image, from 2.98 on with the properties that it had', async () => {
      assert.deepEqual(Object.keys((await show('2.97')).image), ['id', 'links'])
      assert.deepEqual((await show('2.98')).image.properties, {})
    })

    it('with values as the reference has them', async () => {
      const server = await show('latest')
      assert.equal(server.status, 'ACTIVE')
      assert.equal(server.progress, 100)
      assert.match(server.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      assert.match(server['OS-SRV-USG:launched_at'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
      assert.match(server.hostId, /^[0-9a-f]{56}$/)
      assert.deepEqual(server.security_groups, [{ name: 'default' }])
      assert.equal(server.config_drive, '')
      const [address] = server.addresses.private
      assert.deepEqual(Object.keys(address).sort(), ['OS-EXT-IPS-MAC:mac_addr', 'OS-EXT-IPS:type', 'addr', 'version'])
      assert.deepEqual(server.links, [
        { rel: 'self', href: `http://127.0.0.1:5000/compute/v2.1/servers/${id}` },
        { rel: 'bookmark', href: `http://127.0.0.1:5000/compute/servers/${id}` },
      ])
    })

    it('not at all to another project, and never with a query from 2.102 on', async () => {
      assert.equal((await cloud.ask('alt', 'GET', `/servers/${id}`)).status, 404)
      assert.match(await refused('GET', `/servers/${newId()}`, 404), /could not be found/)
      await refused('GET', '/servers/x', 404)
      await refused('GET', `/servers/${id}?x=1`, 400)
      assert.equal((await ask('GET', `/servers/${id}?x=1`, undefined, '2.101')).status, 200)
    })
  })

  describe('is changed', () => {
    it('in name, description and addresses, and answers the short form up to 2.74', async () => {
      const change = { name: 'beta', description: null, accessIPv4: '192.0.2.9' }
      const { status, body } = await ask('PUT', `/servers/${id}`, { server: change }, '2.74')
      assert.equal(status, 200)
      assert.equal(body.server.name, 'beta')
      assert.equal(body.server.description, null)
      assert.equal(body.server.accessIPv4, '192.0.2.9')
      assert.equal('key_name' in body.server, false)
      assert.equal('key_name' in (await ask('PUT', `/servers/${id}`, { server: {} }, '2.75')).body.server, true)
    })

    it('in its host name from 2.90 on, and in its pinned zone from 2.104 on', async () => {
      assert.equal((await ask('PUT', `/servers/${id}`, { server: { hostname: 'b2' } })).status, 200)
      await refused('PUT', `/servers/${id}`, 400, { server: { hostname: 'b2' } }, '2.89')
      await refused('PUT', `/servers/${id}`, 400, { server: { pinned_availability_zone: null } }, '2.103')
      await refused('PUT', `/servers/${id}`, 409, { server: { pinned_availability_zone: 'mars' } })
      const { body } = await ask('PUT', `/servers/${id}`, { server: { pinned_availability_zone: 'nova' } })
      assert.equal(body.server.pinned_availability_zone, 'nova')
    })

    it('in nothing else', async () => {
      await refused('PUT', `/servers/${id}`, 400, { server: { status: 'ACTIVE' } })
      await refused('PUT', `/servers/${id}`, 400, { server: { name: '' } })
      await refused('PUT', `/servers/${newId()}`, 404, { server: { name: 'x' } })
    })
  })

  it('has metadata that is read, added to, replaced and taken away', async () => {
    const url = `/servers/${id}/metadata`
    assert.deepEqual((await ask('GET', url)).body, { metadata: { role: 'db' } })
    assert.deepEqual((await ask('POST', url, { metadata: { a: '1' } })).body, { metadata: { role: 'db', a: '1' } })
    assert.deepEqual((await ask('PUT', url, { metadata: { b: '2' } })).body, { metadata: { b: '2' } })
    assert.deepEqual((await ask('PUT', `${url}/c`, { meta: { c: '3' } })).body, { meta: { c: '3' } })
    assert.match(await refused('PUT', `${url}/c`, 400, { meta: { d: '3' } }), /URI mismatch/)
    assert.deepEqual((await ask('GET', `${url}/c`)).body, { meta: { c: '3' } })
    assert.equal((await ask('DELETE', `${url}/c`)).status, 204)
    assert.match(await refused('DELETE', `${url}/c`, 404), /Metadata item was not found/)
    await refused('GET', `${url}/c`, 404)
    await refused('POST', url, 400, { metadata: { 'no/slash': '1' } })
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, 'v']))
    assert.match(await refused('PUT', url, 403, { metadata: many }), /exceeds 128/)
    assert.deepEqual((await ask('GET', url)).body, { metadata: { b: '2' } })
  })

  it('has tags since 2.26', async () => {
    const url = `/servers/${id}/tags`
    await refused('GET', url, 404, undefined, '2.25')
    assert.deepEqual((await ask('GET', url)).body, { tags: ['one', 'two'] })
    assert.equal((await ask('GET', `${url}/one`)).status, 204)
    await refused('GET', `${url}/three`, 404)
    const added = await ask('PUT', `${url}/three`)
    assert.equal(added.status, 201)
    assert.match(String(added.headers.location), /\/tags\/three$/)
    assert.equal((await ask('PUT', `${url}/three`)).status, 204)
    await refused('PUT', `${url}/${'x'.repeat(61)}`, 400)
    assert.equal((await ask('DELETE', `${url}/three`)).status, 204)
    await refused('DELETE', `${url}/three`, 404)
    assert.deepEqual((await ask('PUT', url, { tags: ['x', 'x'] })).body, { tags: ['x'] })
    assert.equal((await ask('DELETE', url)).status, 204)
    await refused('PUT', url, 400, { tags: ['a/b'] })
  })

  it('has addresses by network', async () => {
    const { addresses } = (await ask('GET', `/servers/${id}/ips`)).body
    assert.deepEqual(Object.keys(addresses.private[0]).sort(), ['addr', 'version'])
    assert.deepEqual((await ask('GET', `/servers/${id}/ips/private`)).body, { private: addresses.private })
    await refused('GET', `/servers/${id}/ips/nowhere`, 404)
    await refused('GET', `/servers/${id}/ips/__proto__`, 404)
  })

  it('can be locked against its users, but not against admins', async () => {
    const act = (body: object, who: 'demo' | 'admin' = 'demo') =>
      cloud.ask(who, 'POST', `/servers/${id}/action`, body, 'latest')
    assert.equal((await act({ lock: { locked_reason: 'mine' } })).status, 202)
    assert.equal((await show('latest')).locked_reason, 'mine')
    assert.match(await refused('POST', `/servers/${id}/action`, 409, { 'os-stop': null }), /is locked/)
    await refused('DELETE', `/servers/${id}`, 409)
    await refused('PUT', `/servers/${id}/metadata`, 409, { metadata: {} })
    assert.equal((await act({ unlock: null })).status, 202)
    assert.equal((await show('latest')).locked, false)
    assert.equal((await act({ lock: null }, 'admin')).status, 202)
    await refused('POST', `/servers/${id}/action`, 403, { unlock: null })
    assert.equal((await act({ unlock: null }, 'admin')).status, 202)
    await refused('POST', `/servers/${id}/action`, 400, { lock: { reason: 'x' } })
  })

  it('shows the end of its console', async () => {
    const read = (body: object) => ask('POST', `/servers/${id}/action`, { 'os-getConsoleOutput': body })
    const whole = (await read({})).body.output as string
    assert.ok(whole.length > 0)
    const two = (await read({ length: 2 })).body.output as string
    assert.ok(whole.endsWith(two))
    assert.equal(two.trimEnd().split('\n').length, 2)
    assert.equal((await read({ length: '0' })).body.output, '')
    assert.equal((await read({ length: -1 })).body.output, whole)
    await refused('POST', `/servers/${id}/action`, 400, { 'os-getConsoleOutput': { length: 'x' } })
  })

  it('takes one action at a time, of those that there are', async () => {
    const url = `/servers/${id}/action`
    assert.match(await refused('POST', url, 400, { dance: null }), /There is no such action: dance/)
    await refused('POST', url, 400, {})
    await refused('POST', url, 400, { 'os-stop': null, 'os-start': null })
    await refused('POST', url, 400, { reboot: { type: 'GENTLE' } })
    assert.match(
      await refused('POST', url, 409, { 'os-start': null }),
      /Cannot 'start' instance .* while it is in vm_state active/,
    )
    assert.match(await refused('POST', url, 409, { unpause: null }), /Cannot 'unpause'/)
    assert.match(await refused('POST', url, 501, { pause: null }), /^Pausing a server is not offered yet\.$/)
    assert.match(await refused('POST', url, 501, { resize: { flavorRef: '1' } }), /not offered yet/)
    await refused('POST', url, 403, { 'os-resetState': { state: 'error' } })
    await refused('POST', `/servers/${newId()}/action`, 404, { pause: null })
  })

  it('is put back into a state by an admin', async () => {
    const reset = (state: string) => cloud.ask('admin', 'POST', `/servers/${id}/action`, { 'os-resetState': { state } })
    assert.equal((await reset('error')).status, 202)
    assert.equal((await show('latest')).status, 'ERROR')
    assert.equal((await reset('active')).status, 202)
    assert.equal((await show('latest')).status, 'ACTIVE')
    assert.equal((await reset('gone')).status, 400)
  })

  it('takes security groups and gives them back', async () => {
    await cloud.test.ask('demo', 'POST', '/network/v2.0/security-groups', { security_group: { name: 'web' } })
    const act = (action: string, name: string) => ask('POST', `/servers/${id}/action`, { [action]: { name } })
    assert.equal((await act('addSecurityGroup', 'web')).status, 202)
    const names = async () => (await show('latest')).security_groups.map(({ name }: { name: string }) => name).sort()
    assert.deepEqual(await names(), ['default', 'web'])
    assert.equal((await act('removeSecurityGroup', 'web')).status, 202)
    assert.deepEqual(await names(), ['default'])
    assert.equal((await act('addSecurityGroup', 'nobody')).status, 404)
  })

  it('shows its security groups whole, with the rules for what comes in', async () => {
    const { security_groups: groups } = (await ask('GET', `/servers/${id}/os-security-groups`)).body
    assert.equal(groups.length, 1)
    const [group] = groups
    assert.deepEqual(Object.keys(group).sort(), ['description', 'id', 'name', 'rules', 'tenant_id'])
    assert.equal(group.name, 'default')
    assert.deepEqual(group.rules[0].group, { name: 'default', tenant_id: group.tenant_id })
    assert.deepEqual(group.rules[0].ip_range, {})
  })

  it('has its project’s groups found by clients that look for them here, up to 2.35', async () => {
    const list = async (who: 'demo' | 'admin', search = '') =>
      (await cloud.ask(who, 'GET', `/os-security-groups${search}`)).body.security_groups as {
        id: string
        name: string
      }[]
    const names = async (...asked: Parameters<typeof list>) => (await list(...asked)).map(({ name }) => name)
    assert.deepEqual(await names('demo'), ['default', 'web'])
    assert.deepEqual(await names('demo', '?offset=1&limit=5'), ['web'])
    assert.deepEqual(await names('demo', '?all_tenants=1'), ['default', 'web'])
    assert.deepEqual(await names('admin'), ['default'])
    assert.ok((await names('admin', '?all_tenants=1')).includes('web'))
    const web = (await list('demo'))[1]!
    const { body } = await cloud.ask('demo', 'GET', `/os-security-groups/${web.id}`)
    assert.deepEqual(body.security_group, web)
    const [others] = await list('admin')
    await refused('GET', `/os-security-groups/${others!.id}`, 404, undefined, '2.35')
    await refused('GET', '/os-security-groups/web', 400, undefined, '2.35')
    await refused('GET', '/os-security-groups', 404, undefined, '2.36')
  })

  it('says where there is nothing to say, and refuses by name what is not offered', async () => {
    assert.deepEqual((await ask('GET', `/servers/${id}/topology`)).body, { nodes: [], pagesize_kb: null })
    await refused('GET', `/servers/${id}/topology`, 404, undefined, '2.77')
    assert.deepEqual((await ask('GET', `/servers/${id}/os-server-password`)).body, { password: '' })
    assert.equal((await ask('DELETE', `/servers/${id}/os-server-password`)).status, 204)
    assert.deepEqual((await ask('GET', `/servers/${id}/migrations`)).status, 403)
    const asAdmin = await cloud.ask('admin', 'GET', `/servers/${id}/migrations`, undefined, 'latest')
    assert.deepEqual(asAdmin.body, { migrations: [] })
    assert.deepEqual((await cloud.ask('admin', 'GET', '/os-migrations')).body, { migrations: [] })
    assert.equal((await cloud.ask('admin', 'GET', '/os-migrations?colour=red', undefined, '2.59')).status, 400)
    const console = { remote_console: { protocol: 'vnc', type: 'novnc' } }
    assert.match(await refused('POST', `/servers/${id}/remote-consoles`, 501, console), /not offered yet/)
    await refused('GET', `/servers/${id}/os-virtual-interfaces`, 410)
  })

  it('tells what was asked of it, with the steps of each story', async () => {
    const url = `/servers/${id}/os-instance-actions`
    const list = (await ask('GET', url)).body.instanceActions
    const create = list.at(-1)
    assert.equal(create.action, 'create')
    assert.equal(create.instance_uuid, id)
    const one = (await ask('GET', `${url}/${create.request_id}`)).body.instanceAction
    assert.equal(one.events[0].event, 'compute__do_build_and_run_instance')
    assert.equal(one.events[0].result, 'Success')
    assert.ok(one.events.some(({ event }: { event: string }) => event === 'claim host'))
    assert.equal('traceback' in one.events[0], false)
    assert.equal('host' in one.events[0], false)
    assert.match(one.events[0].hostId, /^[0-9a-f]{56}$/)
    const asAdmin = await cloud.ask('admin', 'GET', `${url}/${create.request_id}`, undefined, 'latest')
    assert.match(asAdmin.body.instanceAction.events[0].host, /^host-/)
    assert.equal(asAdmin.body.instanceAction.events[0].details, null)
    assert.equal(
      'events' in (await ask('GET', `${url}/${create.request_id}`, undefined, '2.50')).body.instanceAction,
      false,
    )
    assert.equal('updated_at' in (await ask('GET', url, undefined, '2.57')).body.instanceActions[0], false)
    await refused('GET', `${url}/req-nothing`, 404)
    await refused('GET', `${url}?surprise=1`, 400)
    await refused('GET', `${url}?marker=req-nothing`, 400)
    const paged = await ask('GET', `${url}?limit=1`)
    assert.equal(paged.body.instanceActions.length, 1)
  })

  it('explains why it is where it is, naming hosts to admins alone', async () => {
    const url = `/servers/${id}/os-schedule-info`
    const { schedule_info } = (await ask('GET', url)).body
    assert.equal(schedule_info.hosts.length, 2)
    assert.equal(schedule_info.explanation, null)
    assert.equal('host' in schedule_info.hosts[0], false)
    assert.ok(schedule_info.hosts[0].filters.some(({ filter }: { filter: string }) => filter === 'placement'))
    const asAdmin = (await cloud.ask('admin', 'GET', url)).body.schedule_info
    assert.match(asAdmin.hosts[0].host, /^host-/)
  })

  describe('and its cards', () => {
    const url = () => `/servers/${id}/os-interface`

    it('are listed, with a tag from 2.70 on', async () => {
      const [card] = (await ask('GET', url())).body.interfaceAttachments
      assert.deepEqual(Object.keys(card).sort(), ['fixed_ips', 'mac_addr', 'net_id', 'port_id', 'port_state', 'tag'])
      assert.equal(card.port_state, 'ACTIVE')
      const old = (await ask('GET', `${url()}/${card.port_id}`, undefined, '2.69')).body.interfaceAttachment
      assert.equal('tag' in old, false)
      await refused('GET', `${url()}/${newId()}`, 404)
      await refused('GET', `${url()}/x`, 404)
    })

    it('are plugged in with the answer, and refused where they cannot be', async () => {
      const added = await ask('POST', url(), { interfaceAttachment: { net_id: cloud.publicId, tag: 'out' } })
      assert.equal(added.status, 200, JSON.stringify(added.body))
      assert.equal(added.body.interfaceAttachment.tag, 'out')
      assert.equal((await ask('DELETE', `${url()}/${added.body.interfaceAttachment.port_id}`)).status, 202)
      await refused('POST', url(), 400, { interfaceAttachment: { net_id: newId() } })
      await refused('POST', url(), 400, { interfaceAttachment: { net_id: newId(), port_id: newId() } })
      await refused('POST', url(), 400, { interfaceAttachment: { fixed_ips: [{ ip_address: '10.0.0.9' }] } })
      await refused('POST', url(), 400, { interfaceAttachment: { tag: 'x' } }, '2.48')
      await refused('DELETE', `${url()}/${newId()}`, 404)
    })
  })

  describe('and its volumes', () => {
    const url = () => `/servers/${id}/os-volume_attachments`
    const newVolume = async (): Promise<VolumeId> => {
      const made = await cloud.test.ask(
        'demo',
        'POST',
        '/volume/v3/volumes',
        { volume: { size: 1 } },
        { 'openstack-api-version': 'volume 3.70' },
      )
      const volume = made.body.volume.id
      for (let tries = 0; tries < 100; tries++) {
        if ((await cloud.volumes.find([volume])).get(volume)?.status === 'available') break
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return volume
    }
    const becomes = async (volume: VolumeId, status: string) => {
      for (let tries = 0; tries < 200; tries++) {
        if ((await cloud.volumes.find([volume])).get(volume)?.status === status) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.fail(`volume is ${(await cloud.volumes.find([volume])).get(volume)?.status}, not ${status}`)
    }

    it('are attached, shown at each microversion, and detached', async () => {
      const volume = await newVolume()
      const body = { volumeAttachment: { volumeId: volume, device: '/dev/vdf' } }
      const made = await ask('POST', url(), body, '2.100')
      assert.equal(made.status, 200, JSON.stringify(made.body))
      assert.deepEqual(made.body.volumeAttachment, {
        id: volume,
        volumeId: volume,
        serverId: id,
        device: '/dev/vdf',
        tag: null,
        delete_on_termination: false,
      })
      await becomes(volume, 'in-use')
      const keys = async (version: string) =>
        Object.keys((await ask('GET', `${url()}/${volume}`, undefined, version)).body.volumeAttachment).sort()
      const first = ['device', 'id', 'serverId', 'volumeId']
      assert.deepEqual(await keys('2.69'), first)
      assert.deepEqual(await keys('2.70'), [...first, 'tag'].sort())
      assert.deepEqual(await keys('2.79'), [...first, 'tag', 'delete_on_termination'].sort())
      const last = ['attachment_id', 'bdm_uuid', 'delete_on_termination', 'device', 'serverId', 'tag', 'volumeId']
      assert.deepEqual(await keys('2.89'), last)

      const change = { volumeAttachment: { volumeId: volume, delete_on_termination: true } }
      assert.equal((await ask('PUT', `${url()}/${volume}`, change)).status, 202)
      assert.equal((await ask('GET', `${url()}/${volume}`)).body.volumeAttachment.delete_on_termination, true)
      await refused('PUT', `${url()}/${volume}`, 400, { volumeAttachment: { volumeId: volume, device: '/dev/vdz' } })
      await refused('PUT', `${url()}/${volume}`, 403, { volumeAttachment: { volumeId: newId() } })

      assert.match(await refused('POST', url(), 400, body), /status must be available/)
      assert.equal((await ask('DELETE', `${url()}/${volume}`)).status, 202)
      await becomes(volume, 'available')
      // The volume is free a moment before the server says so.
      for (let tries = 0; (await ask('GET', `${url()}/${volume}`)).status !== 404; tries++) assert.ok(tries < 100)
      await refused('DELETE', `${url()}/${volume}`, 404)
    })

    it('answer with nothing from 2.101 on', async () => {
      const volume = await newVolume()
      const made = await ask('POST', url(), { volumeAttachment: { volumeId: volume } }, '2.101')
      assert.equal(made.status, 202)
      assert.equal(made.body, '')
      await becomes(volume, 'in-use')
    })

    it('are refused where they are not there', async () => {
      await refused('POST', url(), 404, { volumeAttachment: { volumeId: newId() } })
      await refused('POST', url(), 400, { volumeAttachment: { volumeId: 'x' } })
      await refused('POST', url(), 400, { volumeAttachment: { volumeId: newId(), device: 'x y' } })
      await refused('DELETE', `${url()}/${newId()}`, 404)
    })
  })

  it('that is being deleted refuses everything else', async () => {
    const other = await cloud.boot()
    await cloud.settled(other)
    for (const agent of cloud.agents.all()) agent.faults.delay('hypervisor.undefine', 200)
    assert.equal((await ask('DELETE', `/servers/${other}`)).status, 204)
    assert.equal((await ask('DELETE', `/servers/${other}`)).status, 204)
    const message = await refused('POST', `/servers/${other}/action`, 409, { 'os-stop': null })
    assert.match(message, /Cannot 'stop' instance .* while it is in task_state deleting/)
    for (const agent of cloud.agents.all()) agent.faults.delay('hypervisor.undefine', 0)
    await cloud.gone(other)
    await refused('DELETE', `/servers/${other}`, 404)
    // Its actions stay readable.
    assert.equal((await ask('GET', `/servers/${other}/os-instance-actions`)).body.instanceActions[0].action, 'delete')
    await refused('GET', `/servers/${other}/os-instance-actions`, 404, undefined, '2.20')
  })
})
