import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answer, configDriveFiles, type GuestFacts, openMetadataListener } from './index.ts'
import { aGuest, aPort } from './testing.ts'

const read = (path: string, facts: GuestFacts = aGuest()) => Buffer.from(answer(path, facts).body).toString()
const readJson = (path: string, facts?: GuestFacts) => JSON.parse(read(path, facts))
const key = { name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA mine' } as const

describe('the OpenStack layout', () => {
  it('lists its versions, and the files of a version', () => {
    assert.deepEqual(read('/openstack').split('\n').slice(-3), ['2020-10-14', '2025-04-04', 'latest'])
    assert.deepEqual(read('/openstack/latest', aGuest({ userDataBase64: 'aGk=' })).split('\n'), [
      'meta_data.json',
      'user_data',
      'vendor_data.json',
      'network_data.json',
      'vendor_data2.json',
      'password',
    ])
  })

  it('shows a file or a key from the version on that brought it', () => {
    assert.equal(answer('/openstack/2013-04-04/vendor_data.json', aGuest()).status, 404)
    assert.equal(answer('/openstack/2013-10-17/vendor_data.json', aGuest()).status, 200)
    assert.equal(answer('/openstack/2013-10-17/network_data.json', aGuest()).status, 404)
    assert.equal(answer('/openstack/2015-10-15/network_data.json', aGuest()).status, 200)
    assert.equal(answer('/openstack/2016-06-30/vendor_data2.json', aGuest()).status, 404)
    assert.deepEqual(readJson('/openstack/2016-10-06/vendor_data2.json', aGuest({ vendorData: { a: 1 } })), {
      static: { a: 1 },
    })
    assert.equal('project_id' in readJson('/openstack/2013-10-17/meta_data.json'), false)
    assert.equal('project_id' in readJson('/openstack/2015-10-15/meta_data.json'), true)
    assert.equal(answer('/openstack/1999-01-01/meta_data.json', aGuest()).status, 404)
  })

  it('has keys, metadata and user data only where there are any', () => {
    const bare = readJson('/openstack/latest/meta_data.json')
    for (const absent of ['meta', 'keys', 'public_keys', 'files', 'admin_pass']) assert.equal(absent in bare, false)
    assert.equal(answer('/openstack/latest/user_data', aGuest()).status, 404)

    const full = aGuest({ meta: { role: 'db' }, publicKeys: [key], userDataBase64: 'IyEvYmluL3No' })
    const shown = readJson('/openstack/latest/meta_data.json', full)
    assert.deepEqual(shown.meta, { role: 'db' })
    assert.deepEqual(shown.public_keys, { mine: key.data })
    assert.deepEqual(shown.keys, [key])
    assert.equal(read('/openstack/latest/user_data', full), '#!/bin/sh')
  })

  it('shows a tagged card with its address, and its trust from the version that knows of it', () => {
    const tagged = aGuest({ devices: [{ type: 'nic', tags: ['lan'], bus: 'pci', mac: 'fa:16:3e:00:00:01' }] })
    assert.deepEqual(readJson('/openstack/2018-08-27/meta_data.json', tagged).devices, [
      { vf_trusted: false, type: 'nic', mac: 'fa:16:3e:00:00:01', bus: 'pci', address: 'none', tags: ['lan'] },
    ])
    assert.equal('vf_trusted' in readJson('/openstack/2016-06-30/meta_data.json', tagged).devices[0], false)
  })

  it('never shows the password or the injected files over HTTP', () => {
    const secret = aGuest({ adminPassword: 'hush', files: [{ path: '/etc/motd', contentsBase64: 'aGk=' }] })
    assert.equal(read('/openstack/latest/meta_data.json', secret).includes('hush'), false)
    assert.equal(answer('/openstack/content/0000', secret).status, 404)
  })
})

describe('network_data.json', () => {
  it('has a link for each plugged card and leaves its settings to DHCP where there is DHCP', () => {
    const data = readJson('/openstack/latest/network_data.json')
    assert.deepEqual(data.links, [
      {
        id: 'tapaaaaaaaa-00',
        vif_id: 'aaaaaaaa-0000-4000-8000-000000000001',
        type: 'phy',
        mtu: null,
        ethernet_mac_address: 'fa:16:3e:00:00:01',
      },
    ])
    assert.deepEqual(data.networks, [
      {
        id: 'network0',
        link: 'tapaaaaaaaa-00',
        network_id: 'bbbbbbbb-0000-4000-8000-000000000001',
        type: 'ipv4_dhcp',
      },
    ])
    assert.deepEqual(data.services, [{ type: 'dns', address: '9.9.9.9' }])
  })

  it('spells out address, mask and routes where there is none', () => {
    const [address] = aPort().fixedIps
    const fixed = {
      ...address!,
      enableDhcp: false,
      hostRoutes: [{ destination: '192.168.9.0/24', nexthop: '10.0.0.9' }],
    }
    const data = readJson('/openstack/latest/network_data.json', aGuest({ ports: [aPort({ fixedIps: [fixed] })] }))
    assert.equal(data.links[0].mtu, 1450)
    assert.equal(data.networks[0].type, 'ipv4')
    assert.equal(data.networks[0].netmask, '255.255.255.0')
    assert.deepEqual(data.networks[0].routes, [
      { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
      { network: '192.168.9.0', netmask: '255.255.255.0', gateway: '10.0.0.9' },
    ])
  })

  it('names how an IPv6 address comes to the guest', () => {
    const address = {
      ...aPort().fixedIps[0]!,
      ipAddress: '2001:db8::5',
      cidr: '2001:db8::/64',
      ipVersion: 6 as const,
      gatewayIp: '2001:db8::1',
      ipv6AddressMode: 'slaac' as const,
    }
    const data = readJson('/openstack/latest/network_data.json', aGuest({ ports: [aPort({ fixedIps: [address] })] }))
    assert.equal(data.networks[0].type, 'ipv6_slaac')
    assert.equal(data.networks[0].netmask, 'ffff:ffff:ffff:ffff::')
  })

  it('says nothing of a port without an address, and of a server without ports', () => {
    const none = { links: [], networks: [], services: [] }
    assert.deepEqual(
      readJson('/openstack/latest/network_data.json', aGuest({ ports: [aPort({ fixedIps: [] })] })),
      none,
    )
    assert.deepEqual(readJson('/openstack/latest/network_data.json', aGuest({ ports: [] })), none)
  })
})

describe('the EC2 layout', () => {
  it('is a tree of names, branches ending in a slash', () => {
    assert.deepEqual(read('/latest', aGuest({ userDataBase64: 'aGk=' })).split('\n'), ['meta-data/', 'user-data'])
    const names = read('/latest/meta-data/').split('\n')
    assert.ok(names.includes('placement/') && names.includes('instance-id'))
    assert.equal(read('/2009-04-04/meta-data/placement/availability-zone'), 'nova')
    assert.equal(read('/latest/meta-data/instance-id'), 'i-0000002a')
    assert.equal(read('/latest/meta-data/local-ipv4'), '10.0.0.5')
    assert.equal(read('/latest/meta-data/block-device-mapping/root'), '/dev/vda')
    assert.equal(answer('/latest/meta-data/nothing', aGuest()).status, 404)
    assert.equal(answer('/latest/meta-data/__proto__', aGuest()).status, 404)
  })

  it('lists keys by number and name, and has none where there is none', () => {
    const keyed = aGuest({ publicKeys: [key] })
    assert.equal(read('/latest/meta-data/public-keys/', keyed), '0=mine')
    assert.equal(read('/latest/meta-data/public-keys/0/', keyed), 'openssh-key')
    assert.equal(read('/latest/meta-data/public-keys/0/openssh-key', keyed), key.data)
    assert.equal(answer('/latest/meta-data/public-keys/', aGuest()).status, 404)
  })

  it('answers what older versions had', () => {
    assert.equal(answer('/1.0/meta-data/local-hostname', aGuest()).status, 404)
    assert.equal(answer('/2007-01-19/meta-data/local-hostname', aGuest()).status, 200)
    assert.equal(answer('/2008-02-01/meta-data/instance-action', aGuest()).status, 404)
    assert.equal(answer('/', aGuest()).body.toString().split('\n')[0], '1.0')
  })
})

describe('the config drive', () => {
  const facts = aGuest({
    adminPassword: 'hush',
    userDataBase64: 'aGk=',
    publicKeys: [key],
    files: [
      { path: '/etc/motd', contentsBase64: 'Zmlyc3Q=' },
      { path: '/etc/issue', contentsBase64: 'c2Vjb25k' },
    ],
  })
  const files = configDriveFiles(facts)
  const text = (path: string) => Buffer.from(files.get(path) ?? assert.fail(`no ${path}`)).toString()

  it('has every version of both layouts', () => {
    for (const path of [
      'openstack/2012-08-10/meta_data.json',
      'openstack/latest/vendor_data2.json',
      'openstack/2018-08-27/network_data.json',
      'openstack/latest/user_data',
      'ec2/latest/meta-data.json',
      'ec2/2009-04-04/user-data',
    ])
      assert.ok(files.has(path), path)
  })

  it('has each injected file that meta_data.json points to', () => {
    const metaData = JSON.parse(text('openstack/latest/meta_data.json'))
    assert.deepEqual(metaData.files, [
      { path: '/etc/motd', content_path: '/content/0000' },
      { path: '/etc/issue', content_path: '/content/0001' },
    ])
    assert.equal(text('openstack/content/0001'), 'second')
    assert.equal(metaData.admin_pass, 'hush')
  })

  it('names no network_config, whose missing content would cost the guest the whole drive', () => {
    assert.equal('network_config' in JSON.parse(text('openstack/latest/meta_data.json')), false)
  })

  it('shows EC2 keys without the name that only listings have', () => {
    assert.deepEqual(JSON.parse(text('ec2/latest/meta-data.json'))['public-keys'], { 0: { 'openssh-key': key.data } })
  })
})

describe('the metadata listener', () => {
  it('tells guests apart by their address, and knows no others', async () => {
    const asked: string[] = []
    let known = true
    await using listener = await openMetadataListener({
      host: '127.0.0.1',
      port: 0,
      facts: async (peer) => {
        asked.push(peer)
        return known ? aGuest() : undefined
      },
    })
    const at = `http://127.0.0.1:${listener.port}`
    const found = await fetch(`${at}/openstack/latest/meta_data.json`)
    assert.equal(found.headers.get('content-type'), 'application/json; charset=UTF-8')
    assert.equal(((await found.json()) as { name: string }).name, 'web')
    assert.deepEqual(asked, ['127.0.0.1'])
    assert.equal((await fetch(`${at}/openstack/latest/%zz`)).status, 404)
    assert.equal((await fetch(`${at}/openstack/latest/password`, { method: 'POST', body: 'x' })).status, 405)
    known = false
    assert.equal((await fetch(`${at}/latest/meta-data/`)).status, 404)
  })
})
