/** What guests may do with the host that is their gateway: the settings, and with packets, on this machine. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { needsRootAnd } from '../../../test/support/needs-root.ts'
import { NamespaceGuest } from '../../../test/support/namespace-guest.ts'
import { isDomainError } from '../../domain-error.ts'
import { type NetworkId, newId, type PortId } from '../../ids.ts'
import type { NetworkSpec, PortSpec } from '../contract.ts'
import { run } from './command.ts'
import { confOf, dnsmasqUser } from './dnsmasq.ts'
import { forwardersOf, type GuestAccess, hostPortLines, parseHostPorts, uplinksOf } from './guest-access.ts'
import { type BridgeNetworkPlane, openBridgePlane } from './index.ts'
import { tapOf } from './names.ts'

describe('ports of the host for guests', () => {
  it('are none, all, or a list of ports and ranges of one protocol or both', () => {
    assert.deepEqual(parseHostPorts('none'), [])
    assert.equal(parseHostPorts('all'), 'all')
    assert.deepEqual(parseHostPorts('53, tcp/8080,udp/6000-6010'), [
      { first: 53, last: 53 },
      { protocol: 'tcp', first: 8080, last: 8080 },
      { protocol: 'udp', first: 6000, last: 6010 },
    ])
    for (const text of ['0', '65536', 'icmp/1', '10-9', '22;accept', 'tcp/', '22,,23'])
      assert.throws(
        () => parseHostPorts(text),
        (error) => isDomainError(error, 'agent.network.invalid'),
        text,
      )
  })

  it('are accepted by a line each', () => {
    assert.deepEqual(hostPortLines(parseHostPorts('53,tcp/80-81')), [
      'meta l4proto { tcp, udp } th dport 53 accept',
      'tcp dport 80-81 accept',
    ])
    assert.deepEqual(hostPortLines('all'), ['accept'])
    assert.deepEqual(hostPortLines([]), [])
  })
})

describe('the way out', () => {
  it('is by the devices of the default routes', () => {
    const routes = [
      { dst: 'default', dev: 'eth1' },
      { dst: 'default', dev: 'eth0', metric: 100 },
      { dst: 'default', nexthops: [{ dev: 'eth0' }, { dev: 'wlan0' }] },
    ]
    assert.deepEqual(uplinksOf(JSON.stringify(routes)), ['eth0', 'eth1', 'wlan0'])
    assert.deepEqual(uplinksOf(''), [])
  })

  it('asks the nameservers of the host, those behind a stub on loopback too, but none on the host itself', () => {
    const stub = 'nameserver 127.0.0.53\noptions edns0\n'
    const real = '# by systemd-resolved\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2 # second\n'
    assert.deepEqual(forwardersOf([stub, real], new Set()), ['192.0.2.1', '192.0.2.2'])
    assert.deepEqual(forwardersOf([stub, real], new Set(['192.0.2.1'])), ['192.0.2.2'])
    assert.deepEqual(forwardersOf([stub], new Set()), [])
  })
})

describe('guests whose gateway is the host', {
  skip: needsRootAnd('ip', 'nft', 'dnsmasq', 'sysctl', 'busybox', 'timeout'),
}, () => {
  const BRIEFLY = { withinMs: 700 }
  /** Which of 198.18.0.0/16 the networks of this run are. */
  const third = 128 + (randomBytes(1)[0]! & 0x3e)
  const inside = `198.18.${third}`
  const outside = `198.18.${third + 1}`
  const uplink = `up${randomBytes(4).toString('hex')}`
  let dir: string
  let beyond: NamespaceGuest
  let service: Server
  let port: number
  let plane: BridgeNetworkPlane | undefined
  let guest: NamespaceGuest | undefined

  /** Beyond the host, on a device with a default route, is a machine that knows of no guests. */
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-access-'))
    beyond = await NamespaceGuest.open(`sb-${uplink}`, uplink, 'fa:16:3e:7f:00:01')
    const lines = [
      `addr add ${outside}.1/24 dev ${uplink}`,
      `link set dev ${uplink} up`,
      `route add default via ${outside}.2 dev ${uplink} metric 5000`,
    ]
    await run('ip', ['-batch', '-'], `${lines.join('\n')}\n`)
    await beyond.ip(`addr add ${outside}.2/24 dev eth0`)
    await beyond.serve(80, 'beyond')
    service = createServer((_, response) => response.end('host'))
    service.listen(0, '0.0.0.0')
    await once(service, 'listening')
    port = (service.address() as AddressInfo).port
  })
  after(async () => {
    service?.closeAllConnections()
    service?.close()
    await beyond?.close()
    await rm(dir, { recursive: true, force: true })
  })
  afterEach(async () => {
    await guest?.close()
    await plane?.removeEverything()
    guest = plane = undefined
  })

  const open = async (guestAccess?: GuestAccess) => {
    const log = pino({ level: 'silent' })
    const cloudId = randomBytes(4).toString('hex')
    plane = await openBridgePlane({ cloudId, dir, log, ...(guestAccess !== undefined && { guestAccess }) })
    const subnet = {
      id: newId(),
      cidr: `${inside}.0/24`,
      ipVersion: 4 as const,
      gatewayIp: `${inside}.1`,
      enableDhcp: true,
      dnsNameservers: [],
      hostRoutes: [],
    }
    const network: NetworkSpec = {
      id: newId<NetworkId>(),
      mtu: 1400,
      segment: 1,
      hostIsGateway: true,
      subnets: [subnet],
      dhcp: { portId: newId<PortId>(), macAddress: 'fa:16:3e:7f:00:02', addresses: [`${inside}.2`] },
    }
    await plane.ensureNetwork(network)
    const spec: PortSpec = {
      id: newId<PortId>(),
      networkId: network.id,
      macAddress: 'fa:16:3e:7f:00:03',
      adminStateUp: true,
      fixedIps: [{ subnetId: subnet.id, ipAddress: `${inside}.11` }],
      allowedAddressPairs: [],
      portSecurity: true,
      rules: [
        { direction: 'egress', ipVersion: 4 },
        { direction: 'ingress', ipVersion: 4, protocol: 'tcp', portMin: 8080, portMax: 8080 },
      ],
      hostname: 'guest',
      extraDhcpOptions: [],
    }
    guest = await NamespaceGuest.open(`sg-${uplink}`, tapOf(spec.id), spec.macAddress)
    await plane.ensurePort(spec)
    assert.equal((await guest.dhcp())?.ip, `${inside}.11`)
    await guest.ip(`route add default via ${inside}.1`)
    return { guest, plane, network }
  }
  const forwards = () => readFileSync(`/proc/sys/net/ipv4/conf/${uplink}/forwarding`, 'utf8').trim()
  const fetchOnHost = (address: string) =>
    run('timeout', ['1', 'busybox', 'wget', '-qO-', `http://${address}/`]).catch(() => undefined)

  it('reach none of its services, at none of its addresses, but are answered when the host asks', async () => {
    const { guest } = await open()
    assert.equal(await fetchOnHost(`${inside}.1:${port}`), 'host')
    for (const address of [`${inside}.1`, `${outside}.1`])
      assert.equal(await guest.fetch(`${address}:${port}`, BRIEFLY), undefined, address)
    assert.equal(await guest.pings(`${inside}.1`), true)
    await guest.serve(8080, 'guest')
    assert.equal(await fetchOnHost(`${inside}.11:8080`), 'guest')
  })

  it('reach the ports that were opened, and no others', async () => {
    const { guest } = await open({ hostPorts: parseHostPorts(`tcp/${port}`), outbound: true })
    assert.equal(await guest.fetch(`${inside}.1:${port}`), 'host')
    const other = createServer((_, response) => response.end('other')).listen(0, '0.0.0.0')
    await once(other, 'listening')
    assert.equal(await guest.fetch(`${inside}.1:${(other.address() as AddressInfo).port}`, BRIEFLY), undefined)
    other.close()
  })

  it('reach beyond the host with its address, and are reached from there as their rules say', async () => {
    const { guest } = await open()
    // Nobody there knows a way back to the guest's own address.
    assert.equal(await guest.fetch(`${outside}.2`), 'beyond')
    await beyond.ip(`route add ${inside}.0/24 via ${outside}.1`)
    await guest.serve(8080, 'guest')
    await guest.serve(8081, 'closed')
    assert.equal(await beyond.fetch(`${inside}.11:8080`), 'guest')
    assert.equal(await beyond.fetch(`${inside}.11:8081`, BRIEFLY), undefined)
    await beyond.ip(`route del ${inside}.0/24`)
  })

  it('are all that a host forwards for which was no router before, and it stops when they go', async (test) => {
    if (readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1') return test.skip('this host is a router')
    const { plane } = await open()
    assert.equal(forwards(), '1')
    // A machine behind another device of the host, which the host may reach and others through it may not.
    const other = await NamespaceGuest.open(`so-${uplink}`, `x${uplink.slice(1)}`, 'fa:16:3e:7f:00:04')
    try {
      const device = `x${uplink.slice(1)}`
      await run('ip', ['-batch', '-'], `addr add 198.19.${third}.1/24 dev ${device}\nlink set dev ${device} up\n`)
      await other.ip(`addr add 198.19.${third}.2/24 dev eth0`, `route add default via 198.19.${third}.1`)
      await run('sysctl', ['-qw', `net.ipv4.conf.${device}.forwarding=1`])
      await beyond.ip(`route add 198.19.${third}.0/24 via ${outside}.1`)
      assert.equal(await beyond.pings(`198.19.${third}.2`, BRIEFLY), false)
      await plane.removeEverything()
      // Another cloud on this host still needs it.
      const isAlone = !(await run('nft', ['list', 'tables'])).includes('stratolith_')
      if (isAlone) assert.equal(forwards(), '0')
    } finally {
      await other.close()
    }
  })

  it('do not reach beyond the host where that is switched off, whatever the host forwards', async () => {
    const { guest } = await open({ hostPorts: [], outbound: false })
    await run('sysctl', ['-qw', `net.ipv4.conf.${uplink}.forwarding=1`])
    const bridge = (await run('ip', ['-j', '-4', 'addr', 'show', 'to', `${inside}.1`])).match(/brq[0-9a-f-]{11}/)?.[0]
    await run('sysctl', ['-qw', `net.ipv4.conf.${bridge}.forwarding=1`])
    await beyond.ip(`route add ${inside}.0/24 via ${outside}.1`)
    await guest.serve(8080, 'guest')
    assert.equal(await guest.fetch(`${outside}.2`, BRIEFLY), undefined)
    assert.equal(await beyond.fetch(`${inside}.11:8080`), 'guest')
    await beyond.ip(`route del ${inside}.0/24`)
    await run('sysctl', ['-qw', `net.ipv4.conf.${uplink}.forwarding=0`])
  })

  it('are served by a dnsmasq that is not root, reads what it needs and owns nothing', async () => {
    const { network } = await open()
    const pids = (await readdir('/proc')).map(Number).filter((pid) => confOf(pid)?.startsWith(`${dir}/`) === true)
    assert.equal(pids.length, 1)
    const status = readFileSync(`/proc/${pids[0]}/status`, 'utf8')
    const { user, gid } = dnsmasqUser()
    const uid = Number(new RegExp(`^${user}:[^:]*:(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))?.[1])
    assert.deepEqual(
      [/^Uid:\s+(\d+)/m, /^Gid:\s+(\d+)/m].map((line) => Number(line.exec(status)?.[1])),
      [uid, gid],
    )
    const folder = join(dir, 'networks', network.id, 'dnsmasq-namespace')
    for (const name of ['', 'conf', 'hosts', 'options', 'names']) {
      const { uid: owner, gid: group, mode } = statSync(join(folder, name))
      assert.deepEqual([owner, group, mode & 0o007], [0, gid, 0], name)
    }
    assert.equal(statSync(join(dir, 'networks', network.id, 'network.json')).mode & 0o077, 0)
  })
})
