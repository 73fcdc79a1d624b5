/**
 * What every network plane must do, as tests: a plane's own test file calls `networkPlaneContract` with a way to open
 * itself. What needs packets runs where the plane under test can wire a guest, and is skipped by name elsewhere.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDomainError } from '../domain-error.ts'
import { type NetworkId, newId, type PortId } from '../ids.ts'
import type { FilterRule, NetworkPlane, NetworkSpec, PortSpec, SubnetSpec } from './contract.ts'

export interface PlaneUnderTest extends AsyncDisposable {
  /** Another after `reopen`. */
  readonly plane: NetworkPlane
  /** The control plane goes away and comes back. */
  reopen(): Promise<void>
  /** Names of what stands on the host for this plane. */
  standing(): Promise<{ readonly taps: readonly string[]; readonly networks: number }>
  readonly wires?: Wires
}

/** A guest's operating system, as far as these tests ask. Its card is `eth0`. */
export interface Guest {
  /** What a command prints. Rejects when it fails. */
  run(...command: string[]): Promise<string>
  /** Whether a command succeeds. */
  can(...command: string[]): Promise<boolean>
  /** Lines of `ip -batch`. */
  ip(...lines: string[]): Promise<void>
  /** Whether an echo comes back. */
  pings(address: string, wait?: { from?: string; withinMs?: number }): Promise<boolean>
  /** What is answered over HTTP, or undefined when nothing is in time. */
  fetch(host: string, wait?: { withinMs?: number }): Promise<string | undefined>
  /** Asks for an address by DHCP and takes it: what was handed out, by udhcpc's names. */
  dhcp(): Promise<Readonly<Record<string, string>> | undefined>
  /** The first address that a DHCPv6 server offers. */
  solicit(): Promise<string | undefined>
  /** Serves a text over HTTP. */
  serve(port: number, text: string): Promise<void>
  /** A process that runs until the guest is gone; its stdin and stdout are pipes. */
  spawn(...command: string[]): ChildProcess
  close(): Promise<void>
}

export interface Wires {
  /** A guest for a port that is not ensured yet. */
  guest(port: PortSpec): Promise<Guest>
  /** Runs something on the host. */
  onHost(...command: string[]): Promise<string>
  /** Names that the host gives to what belongs to a network. */
  names(networkId: NetworkId): { readonly bridge: string; readonly namespace: string; readonly table: string }
  /** A second plane of another cloud on the same host. */
  another(): Promise<PlaneUnderTest>
  /** What is left of this cloud on the host, one line each. */
  remains(): Promise<readonly string[]>
  removeEverything(): Promise<void>
}

const egress: FilterRule[] = [
  { direction: 'egress', ipVersion: 4 },
  { direction: 'egress', ipVersion: 6 },
]
const ping: FilterRule = { direction: 'ingress', ipVersion: 4, protocol: 'icmp' }
const ping6: FilterRule = { direction: 'ingress', ipVersion: 6, protocol: 'icmp' }
const tcp = (port: number): FilterRule => ({
  direction: 'ingress',
  ipVersion: 4,
  protocol: 'tcp',
  portMin: port,
  portMax: port,
})

let segments = 0
let macs = 0

const aMac = () =>
  `fa:16:3e:7e:${(++macs >> 8).toString(16).padStart(2, '0')}:${(macs & 255).toString(16).padStart(2, '0')}`

function aSubnet(wish: Partial<SubnetSpec> = {}): SubnetSpec {
  return {
    id: newId(),
    cidr: '10.77.0.0/24',
    ipVersion: 4,
    gatewayIp: '10.77.0.1',
    enableDhcp: true,
    dnsNameservers: [],
    hostRoutes: [],
    ...wish,
  }
}

/** 10.77.0.0/24 with DHCP at 10.77.0.2, unless wished otherwise. */
function aNetwork(wish: Partial<NetworkSpec> = {}): NetworkSpec {
  return {
    id: newId<NetworkId>(),
    mtu: 1450,
    segment: ++segments,
    hostIsGateway: false,
    subnets: [aSubnet()],
    dhcp: { portId: newId<PortId>(), macAddress: aMac(), addresses: ['10.77.0.2'] },
    ...wish,
  }
}

/** A port with this last number of its address in the network's first subnet: open outwards, closed inwards. */
function aPort(network: NetworkSpec, last: number, wish: Partial<PortSpec> = {}): PortSpec {
  const [subnet] = network.subnets
  assert.ok(subnet)
  return {
    id: newId<PortId>(),
    networkId: network.id,
    macAddress: aMac(),
    adminStateUp: true,
    fixedIps: [{ subnetId: subnet.id, ipAddress: subnet.cidr.replace(/\d+\/\d+$/, `${last}`) }],
    allowedAddressPairs: [],
    portSecurity: true,
    rules: egress,
    hostname: `host-${last}`,
    extraDhcpOptions: [],
    ...wish,
  }
}

const addressOf = (port: PortSpec) => port.fixedIps[0]!.ipAddress

/** Where no answer is expected. */
const BRIEFLY = { withinMs: 500 }

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `no ${what} within 5 s`)
    await sleep(50)
  }
}

export function networkPlaneContract(
  driver: string,
  open: () => Promise<PlaneUnderTest>,
  { skip = false, carriesPackets }: { skip?: string | false; carriesPackets: boolean },
): void {
  describe(`${driver} as a network plane`, { skip }, () => {
    let test: PlaneUnderTest
    before(async () => {
      test = await open()
    })
    after(() => test?.[Symbol.asyncDispose]())

    it('answers the name of the tap, and the same again', async () => {
      const network = aNetwork()
      const port = aPort(network, 11)
      await test.plane.ensureNetwork(network)
      await test.plane.ensureNetwork(network)
      const { tap } = await test.plane.ensurePort(port)
      assert.deepEqual(await test.plane.ensurePort(port), { tap })
      assert.ok(tap.length <= 15)
      assert.deepEqual(await test.standing(), { taps: [tap], networks: 1 })
      await test.plane.removePort(port.id)
      await test.plane.removeNetwork(network.id)
    })

    it('plugs in ports that come at the same time', async () => {
      const network = aNetwork()
      await test.plane.ensureNetwork(network)
      const ports = Array.from({ length: 10 }, (_, index) => aPort(network, 20 + index))
      const taps = await Promise.all(ports.map((port) => test.plane.ensurePort(port)))
      assert.deepEqual((await test.standing()).taps.toSorted(), taps.map(({ tap }) => tap).toSorted())
      await Promise.all(ports.map((port) => test.plane.removePort(port.id)))
      await test.plane.removeNetwork(network.id)
    })

    it('refuses a port whose network it does not have', async () => {
      await assert.rejects(test.plane.ensurePort(aPort(aNetwork(), 11)), (error) =>
        isDomainError(error, 'agent.network.unknown'),
      )
    })

    it('refuses to remove a network that has ports', async () => {
      const network = aNetwork()
      const port = aPort(network, 11)
      await test.plane.ensureNetwork(network)
      await test.plane.ensurePort(port)
      await assert.rejects(test.plane.removeNetwork(network.id), (error) =>
        isDomainError(error, 'agent.network.in-use'),
      )
      await test.plane.removePort(port.id)
      await test.plane.removeNetwork(network.id)
    })

    it('removes ports and networks, and finding none is fine', async () => {
      const network = aNetwork()
      const port = aPort(network, 11)
      await test.plane.ensureNetwork(network)
      await test.plane.ensurePort(port)
      await test.plane.removePort(port.id)
      await test.plane.removePort(port.id)
      await test.plane.removeNetwork(network.id)
      await test.plane.removeNetwork(network.id)
      assert.deepEqual(await test.standing(), { taps: [], networks: 0 })
    })

    it('reconciles to exactly what is listed', async () => {
      const [kept, stranger] = [aNetwork(), aNetwork()]
      const keptPort = aPort(kept, 11)
      const strangerPort = aPort(stranger, 11)
      const lostPort = aPort(kept, 12)
      for (const network of [kept, stranger]) await test.plane.ensureNetwork(network)
      const { tap: keptTap } = await test.plane.ensurePort(keptPort)
      await test.plane.ensurePort(strangerPort)
      await test.reopen()
      await test.plane.reconcile([kept], [keptPort, lostPort])
      const { tap: lostTap } = await test.plane.ensurePort(lostPort)
      const { taps, networks } = await test.standing()
      assert.deepEqual(taps.toSorted(), [keptTap, lostTap].toSorted())
      assert.equal(networks, 1)
      await test.reopen()
      await test.plane.reconcile([], [])
      assert.deepEqual(await test.standing(), { taps: [], networks: 0 })
    })

    describe('with guests', { skip: carriesPackets ? false : 'this plane carries no packets' }, () => {
      let wires: Wires
      let guests: Guest[] = []
      let networks: NetworkId[] = []
      let ports: PortId[] = []

      before(() => {
        assert.ok(test.wires)
        wires = test.wires
      })
      afterEach(async () => {
        const [theseGuests, thesePorts, theseNetworks] = [guests, ports, networks]
        guests = []
        ports = []
        networks = []
        await Promise.all(thesePorts.map((id) => test.plane.removePort(id)))
        await Promise.all(theseNetworks.map((id) => test.plane.removeNetwork(id)))
        await Promise.all(theseGuests.map((guest) => guest.close()))
      })

      const network = async (wish: Partial<NetworkSpec> = {}) => {
        const spec = aNetwork(wish)
        networks.push(spec.id)
        await test.plane.ensureNetwork(spec)
        return spec
      }
      /** A guest on its port; with its address already, unless it is to ask for it. */
      const guestOn = async (spec: PortSpec, { dhcp = false }: { dhcp?: boolean } = {}) => {
        const guest = await wires.guest(spec)
        guests.push(guest)
        ports.push(spec.id)
        await test.plane.ensurePort(spec)
        if (!dhcp)
          await guest.ip(
            ...spec.fixedIps.map(({ ipAddress }) =>
              ipAddress.includes(':') ? `addr add ${ipAddress}/64 dev eth0 nodad` : `addr add ${ipAddress}/24 dev eth0`,
            ),
          )
        return guest
      }
      const pair = async (one: Partial<PortSpec> = {}, other: Partial<PortSpec> = {}) => {
        const on = await network()
        const [a, b] = [aPort(on, 11, one), aPort(on, 12, other)]
        return { on, a, b, guestA: await guestOn(a), guestB: await guestOn(b) }
      }

      it('a guest gets its address, name, routes and MTU by DHCP, and nobody else’s', async () => {
        const on = await network({
          subnets: [
            aSubnet({
              dnsNameservers: ['192.0.2.53'],
              hostRoutes: [{ destination: '198.51.100.0/24', nexthop: '10.77.0.9' }],
            }),
          ],
        })
        const port = aPort(on, 11, { hostname: 'web-1' })
        const guest = await guestOn(port, { dhcp: true })
        const lease = await guest.dhcp()
        assert.equal(lease?.ip, '10.77.0.11')
        assert.equal(lease.mask, '24')
        assert.equal(lease.router, '10.77.0.1')
        assert.equal(lease.dns, '192.0.2.53')
        assert.equal(lease.hostname, 'web-1')
        assert.equal(lease.mtu, '1450')
        assert.equal(lease.staticroutes, '169.254.169.254/32 10.77.0.2 198.51.100.0/24 10.77.0.9 0.0.0.0/0 10.77.0.1')
      })

      it('a guest gets an address that was another’s before', async () => {
        const on = await network()
        const first = aPort(on, 11)
        assert.equal((await (await guestOn(first, { dhcp: true })).dhcp())?.ip, '10.77.0.11')
        await test.plane.removePort(first.id)
        const second = aPort(on, 11)
        assert.equal((await (await guestOn(second, { dhcp: true })).dhcp())?.ip, '10.77.0.11')
      })

      it('DHCP hands out the options of the port', async () => {
        const on = await network()
        const port = aPort(on, 11, {
          extraDhcpOptions: [{ name: 'bootfile-name', value: 'pxelinux.0', ipVersion: 4 }],
        })
        const guest = await guestOn(port, { dhcp: true })
        const other = await guestOn(aPort(on, 12), { dhcp: true })
        const lease = await guest.dhcp()
        assert.equal(lease?.ip, '10.77.0.11')
        assert.equal(lease.bootfile, 'pxelinux.0')
        const plain = await other.dhcp()
        assert.equal(plain?.ip, '10.77.0.12')
        assert.equal(plain.bootfile, undefined)
      })

      it('names of guests are answered in their network', async () => {
        const on = await network()
        const guest = await guestOn(aPort(on, 11))
        await test.plane.ensurePort(aPort(on, 12, { id: trackPort(), hostname: 'db-1' }))
        const answer = await guest.run('busybox', 'nslookup', 'db-1.openstacklocal', '10.77.0.2')
        assert.match(answer, /10\.77\.0\.12/)
      })
      const trackPort = () => {
        const id = newId<PortId>()
        ports.push(id)
        return id
      }

      it('what the rules allow passes, with its replies, and the rest does not', async () => {
        const { a, b, guestA, guestB } = await pair({}, { rules: [...egress, ping, tcp(80)] })
        await guestB.serve(80, 'allowed')
        await guestB.serve(8080, 'denied')
        await guestA.serve(80, 'denied')
        assert.equal(await guestA.pings(addressOf(b)), true)
        assert.equal(await guestA.fetch(addressOf(b)), 'allowed')
        const denied = await Promise.all([
          guestA.fetch(`${addressOf(b)}:8080`, BRIEFLY),
          guestB.fetch(addressOf(a), BRIEFLY),
          guestB.pings(addressOf(a), BRIEFLY),
        ])
        assert.deepEqual(denied, [undefined, undefined, false])
      })

      it('a guest without rules for the way out sends nothing', async () => {
        const { b, guestA, guestB } = await pair({ rules: [] }, { rules: [...egress, ping] })
        const third = await guestOn(aPort({ ...aNetwork(), id: b.networkId }, 13))
        assert.equal(await third.pings(addressOf(b)), true)
        assert.equal(await guestA.pings(addressOf(b), BRIEFLY), false)
        void guestB
      })

      it('members of a remote group are let in, and no others; a change of members is heeded', async () => {
        const on = await network()
        const one = aPort(on, 11)
        const two = aPort(on, 12)
        const three = aPort(on, 14)
        const members = (addresses: string[]) => ({ rules: [...egress, { ...ping, remotes: addresses }] })
        const guarded = aPort(on, 13, members([addressOf(one), addressOf(three)]))
        const [guestOne, guestTwo] = [await guestOn(one), await guestOn(two)]
        await guestOn(guarded)
        const onlyHears = async (heard: Guest, unheard: Guest) => {
          assert.equal(await heard.pings(addressOf(guarded)), true)
          assert.equal(await unheard.pings(addressOf(guarded), BRIEFLY), false)
        }
        await onlyHears(guestOne, guestTwo)
        await test.plane.ensurePort({ ...guarded, ...members([addressOf(two), addressOf(three)]) })
        await onlyHears(guestTwo, guestOne)
        await test.plane.ensurePort({ ...guarded, ...members([]) })
        assert.equal(await guestTwo.pings(addressOf(guarded), BRIEFLY), false)
      })

      it('a guest cannot speak with another’s address, MAC or name for itself', async () => {
        const { b, guestA, guestB } = await pair({}, { rules: [...egress, ping, ping6] })
        assert.equal(await guestA.pings(addressOf(b)), true)
        await guestA.ip('addr add 10.77.0.99/24 dev eth0', 'addr add fd77::99/64 dev eth0 nodad')
        await guestB.ip('addr add fd77::12/64 dev eth0 nodad')
        assert.deepEqual(
          await Promise.all([
            guestA.pings(addressOf(b), { from: '10.77.0.99', ...BRIEFLY }),
            guestA.pings('fd77::12', { from: 'fd77::99', ...BRIEFLY }),
            // Its answers about such an address are not heard either.
            guestB.can('busybox', 'arping', '-c', '1', '-w', '1', '-I', 'eth0', '10.77.0.99'),
          ]),
          [false, false, false],
        )
        assert.equal(await guestB.can('busybox', 'arping', '-c', '1', '-w', '1', '-I', 'eth0', '10.77.0.11'), true)
        await guestA.ip('link set dev eth0 address fa:16:3e:ff:ff:ff')
        assert.equal(await guestA.pings(addressOf(b), BRIEFLY), false)
      })

      it('an allowed address pair may be used, as a single address and as a network', async () => {
        const macAddress = aMac()
        const { b, guestA } = await pair(
          {
            macAddress,
            allowedAddressPairs: [
              { macAddress, ipAddress: '10.77.0.64/30' },
              { macAddress, ipAddress: '10.77.0.80' },
            ],
          },
          { rules: [...egress, ping] },
        )
        await guestA.ip(...['66', '80', '90'].map((last) => `addr add 10.77.0.${last}/24 dev eth0`))
        assert.equal(await guestA.pings(addressOf(b), { from: '10.77.0.66' }), true)
        assert.equal(await guestA.pings(addressOf(b), { from: '10.77.0.80' }), true)
        assert.equal(await guestA.pings(addressOf(b), { from: '10.77.0.90', ...BRIEFLY }), false)
      })

      it('a port without port security passes everything', async () => {
        const { b, guestA } = await pair({}, { portSecurity: false })
        assert.equal(await guestA.pings(addressOf(b)), true)
        await test.plane.ensurePort({ ...b, portSecurity: true })
        assert.equal(await guestA.pings(addressOf(b), BRIEFLY), false)
      })

      it('a port that is down passes nothing, and works again when it is up', async () => {
        const { b, guestA } = await pair({}, { rules: [...egress, ping] })
        await test.plane.ensurePort({ ...b, adminStateUp: false })
        assert.equal(await guestA.pings(addressOf(b), BRIEFLY), false)
        await test.plane.ensurePort(b)
        await eventually('a ping', () => guestA.pings(addressOf(b)))
      })

      it('networks with the same addresses do not meet', async () => {
        const left = await pair({}, { rules: [...egress, tcp(80)] })
        const right = await pair({}, { rules: [...egress, tcp(80)] })
        await left.guestB.serve(80, 'left')
        await right.guestB.serve(80, 'right')
        assert.equal(await left.guestA.fetch(addressOf(left.b)), 'left')
        assert.equal(await right.guestA.fetch(addressOf(right.b)), 'right')
        const lonely = await guestOn(aPort(left.on, 77, { rules: [...egress, ping] }))
        assert.equal(await left.guestA.pings('10.77.0.77'), true)
        assert.equal(await right.guestA.pings('10.77.0.77', BRIEFLY), false)
        void lonely
      })

      it('taking a rule away stops connections that are open', async () => {
        const { b, guestA, guestB } = await pair({}, { rules: [...egress, tcp(81)] })
        guestB.spawn('busybox', 'nc', '-l', '-p', '81', '-e', 'cat')
        await sleep(100)
        const client = guestA.spawn('busybox', 'nc', addressOf(b), '81')
        let heard = ''
        client.stdout?.on('data', (chunk: Buffer) => {
          heard += chunk.toString()
        })
        client.stdin?.write('before\n')
        while (!heard.includes('before')) await once(client.stdout!, 'data')
        await test.plane.ensurePort({ ...b, rules: egress })
        client.stdin?.write('after\n')
        await sleep(700)
        assert.ok(!heard.includes('after'))
        await test.plane.ensurePort(b)
        // TCP repeats what was not acknowledged: it was the rule that held it up.
        while (!heard.includes('after')) await once(client.stdout!, 'data')
      })

      it('packets larger than a frame pass in pieces', async () => {
        const { b, guestA, guestB } = await pair({}, { rules: [...egress, ping] })
        for (const guest of [guestA, guestB]) await guest.ip('link set dev eth0 mtu 1450')
        assert.equal(await guestA.can('busybox', 'ping', '-c', '1', '-W', '1', '-s', '4000', addressOf(b)), true)
      })

      it('IPv6 guests configure themselves, and are filtered as others', async () => {
        const macAddress = aMac()
        const [, , , d, e, f] = macAddress.split(':')
        const subnet = aSubnet({
          cidr: 'fd77::/64',
          ipVersion: 6,
          ipv6AddressMode: 'slaac',
          ipv6RaMode: 'slaac',
        })
        const { gatewayIp: _, ...v6 } = subnet
        const on = await network({
          subnets: [aSubnet(), v6],
        })
        const ipAddress = `fd77::f816:3eff:fe${d}:${e}${f}`
        const fixedIps = [
          { subnetId: on.subnets[0]!.id, ipAddress: '10.77.0.11' },
          { subnetId: subnet.id, ipAddress },
        ]
        const port = aPort(on, 11, { macAddress, fixedIps, rules: [...egress, ping6] })
        const guest = await guestOn(port, { dhcp: true })
        const others = [{ subnetId: subnet.id, ipAddress: 'fd77::12' }]
        const other = await guestOn(aPort(on, 12, { fixedIps: others }))
        await eventually('an address by router advertisement', async () =>
          (await guest.run('ip', '-6', 'addr', 'show', 'dev', 'eth0')).includes('fd77::'),
        )
        // It may have configured another address as well, which is not its own to send from.
        assert.equal(await other.pings(ipAddress, { from: 'fd77::12' }), true)
        assert.equal(await guest.pings('fd77::12', BRIEFLY), false)
      })

      it('a host that is the gateway reaches guests as the rules say', async () => {
        const on = await network({
          hostIsGateway: true,
          subnets: [aSubnet({ cidr: '198.18.77.0/24', gatewayIp: '198.18.77.1' })],
          dhcp: { portId: newId<PortId>(), macAddress: aMac(), addresses: ['198.18.77.2'] },
        })
        const port = aPort(on, 11, { rules: [...egress, tcp(80)] })
        const guest = await guestOn(port, { dhcp: true })
        assert.equal((await guest.dhcp())?.ip, '198.18.77.11')
        await guest.serve(80, 'hello')
        await guest.serve(8080, 'denied')
        const fetched = (address: string) =>
          wires.onHost('timeout', '1', 'busybox', 'wget', '-qO-', `http://${address}/`).catch(() => undefined)
        assert.equal(await fetched('198.18.77.11'), 'hello')
        assert.equal(await fetched('198.18.77.11:8080'), undefined)
        assert.equal(await guest.pings('198.18.77.1'), true)
        await test.plane.ensurePort({ ...port, portSecurity: false })
        assert.equal(await fetched('198.18.77.11:8080'), 'denied')
      })

      it('a host that is the gateway announces itself to IPv6 guests', async () => {
        const subnet = aSubnet({
          cidr: 'fd78::/64',
          gatewayIp: 'fd78::1',
          ipVersion: 6,
          ipv6AddressMode: 'slaac',
          ipv6RaMode: 'slaac',
        })
        const on = await network({
          hostIsGateway: true,
          subnets: [aSubnet({ cidr: '198.18.78.0/24', gatewayIp: '198.18.78.1' }), subnet],
          dhcp: { portId: newId<PortId>(), macAddress: aMac(), addresses: ['198.18.78.2'] },
        })
        const macAddress = aMac()
        const [, , , d, e, f] = macAddress.split(':')
        const ipAddress = `fd78::f816:3eff:fe${d}:${e}${f}`
        const fixedIps = [{ subnetId: subnet.id, ipAddress }]
        const port = aPort(on, 11, { macAddress, fixedIps, rules: [...egress, ping6] })
        const guest = await guestOn(port, { dhcp: true })
        const onHost = () =>
          wires.onHost('timeout', '0.5', 'busybox', 'ping', '-6', '-c', '1', ipAddress).then(
            () => true,
            () => false,
          )
        await eventually('default route', async () =>
          (await guest.run('ip', '-6', 'route', 'show', 'default')).includes('via fe80'),
        )
        await eventually('ping from the host', onHost)
        assert.equal(await guest.pings('fd78::1'), true)
        await test.plane.ensurePort({ ...port, rules: egress })
        assert.equal(await onHost(), false)
      })

      it('DHCPv6 hands out the address of the port', async () => {
        const subnet = aSubnet({
          cidr: 'fd79::/64',
          ipVersion: 6,
          ipv6AddressMode: 'dhcpv6-stateful',
          ipv6RaMode: 'dhcpv6-stateful',
        })
        const on = await network({
          subnets: [subnet],
          dhcp: { portId: newId<PortId>(), macAddress: aMac(), addresses: ['fd79::2'] },
        })
        const fixedIps = [{ subnetId: subnet.id, ipAddress: 'fd79::1234' }]
        const guest = await guestOn(aPort(on, 11, { fixedIps }), { dhcp: true })
        await eventually('offer', async () => (await guest.solicit()) === 'fd79::1234')
      })

      it('a guest does not reach the host through a network of its own', async () => {
        const { on, guestA } = await pair()
        const { bridge } = wires.names(on.id)
        const bridgeMac = (await wires.onHost('cat', `/sys/class/net/${bridge}/address`)).trim()
        const listener = createServer((_, response) => response.end('host'))
        await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
        listener.close()
        await guestA.ip(
          `neigh replace 10.77.0.1 lladdr ${bridgeMac} dev eth0 nud permanent`,
          'route add default via 10.77.0.1',
        )
        const before = await dropsOfHost()
        const { host } = test.plane.metadataAddress() ?? { host: '127.0.0.1' }
        assert.equal(await guestA.pings(host, BRIEFLY), false)
        assert.ok((await dropsOfHost()) > before)

        async function dropsOfHost() {
          const chain = await wires.onHost('nft', 'list', 'chain', 'bridge', wires.names(on.id).table, 'to_host')
          return Number(/counter packets (\d+)/.exec(chain)?.[1])
        }
      })

      describe('asking for metadata', () => {
        let listener: Server
        before(async () => {
          const at = test.plane.metadataAddress()
          assert.ok(at)
          listener = createServer((request, response) =>
            response.end(test.plane.portOfMetadataPeer(request.socket.remoteAddress ?? '') ?? 'nobody'),
          )
          await new Promise<void>((resolve) => listener.listen(at.port, at.host, resolve))
        })
        after(() => {
          listener?.closeAllConnections()
          listener?.close()
        })

        it('each is known by its port, also with the same address in another network', async () => {
          const [left, right] = [await network(), await network()]
          const [a, b, c] = [aPort(left, 11), aPort(left, 12), aPort(right, 11)]
          for (const port of [a, b, c]) {
            const guest = await guestOn(port)
            await guest.ip('route add 169.254.169.254 via 10.77.0.2')
            assert.equal(await guest.fetch('169.254.169.254'), port.id)
          }
        })

        it('one that came with others at once is known too', async () => {
          const on = await network()
          const many = Array.from({ length: 70 }, (_, index) => aPort(on, 100 + index, { id: trackPort() }))
          const last = many.at(-1)!
          const guest = await wires.guest(last)
          guests.push(guest)
          await Promise.all(many.map((port) => test.plane.ensurePort(port)))
          await guest.ip(`addr add ${addressOf(last)}/24 dev eth0`, 'route add 169.254.169.254 via 10.77.0.2')
          assert.equal(await guest.fetch('169.254.169.254'), last.id)
        })

        it('an address that is no port’s gets no answer, nor does another way to the listener', async () => {
          const on = await network()
          const macAddress = aMac()
          const allowedAddressPairs = [{ macAddress, ipAddress: '10.77.0.66' }]
          const port = aPort(on, 11, { macAddress, allowedAddressPairs })
          const guest = await guestOn(port)
          await guest.ip('route add default via 10.77.0.2')
          assert.equal(await guest.fetch('169.254.169.254'), port.id)
          const { host, port: number } = test.plane.metadataAddress()!
          assert.equal(await guest.fetch(`${host}:${number}`, BRIEFLY), undefined)
          await guest.ip(
            'addr del 10.77.0.11/24 dev eth0',
            'addr add 10.77.0.66/24 dev eth0',
            'route replace default via 10.77.0.2',
          )
          assert.equal(await guest.fetch('169.254.169.254', BRIEFLY), undefined)
        })
      })

      it('what somebody damaged is repaired', async () => {
        const { on, a, b, guestA, guestB } = await pair({}, { rules: [...egress, ping] })
        const { bridge, namespace, table } = wires.names(on.id)
        const damages: [what: string, ...command: string[]][] = [
          ['the rules', 'nft', 'flush', 'chain', 'bridge', table, 'from_guest'],
          ['a table', 'nft', 'delete', 'table', 'inet', table],
          ['the bridge', 'ip', 'link', 'del', bridge],
          ['the namespace', 'ip', 'netns', 'del', namespace],
          ['the card’s place in the bridge', 'ip', 'link', 'set', 'dev', `tap${b.id.slice(0, 11)}`, 'nomaster'],
        ]
        for (const [what, ...command] of damages) {
          await wires.onHost(...command)
          await test.plane.reconcile([on], [a, b])
          assert.equal(await guestA.pings(addressOf(b)), true, what)
          assert.equal(await guestB.pings(addressOf(a), BRIEFLY), false, what)
          assert.equal((await guestA.dhcp())?.ip, addressOf(a), what)
        }
      })

      it('a host that was restarted has everything again before anybody asks', async () => {
        const { on, a, b, guestA, guestB } = await pair({}, { rules: [...egress, ping] })
        const { bridge, namespace, table } = wires.names(on.id)
        const pids = (await wires.onHost('ip', 'netns', 'pids', namespace)).trim().split('\n')
        await wires.onHost('kill', '-KILL', ...pids)
        await wires.onHost('ip', 'netns', 'del', namespace)
        await wires.onHost('ip', 'link', 'del', bridge)
        for (const family of ['bridge', 'inet']) await wires.onHost('nft', 'delete', 'table', family, table)
        await test.reopen()
        assert.equal(await guestA.pings(addressOf(b)), true)
        assert.equal(await guestB.pings(addressOf(a), BRIEFLY), false)
        assert.equal((await guestA.dhcp())?.ip, addressOf(a))
      })

      it('a namespace that somebody removed is there again for the next port', async () => {
        const on = await network()
        await guestOn(aPort(on, 11))
        await wires.onHost('ip', 'netns', 'del', wires.names(on.id).namespace)
        const guest = await guestOn(aPort(on, 12), { dhcp: true })
        assert.equal((await guest.dhcp())?.ip, '10.77.0.12')
      })

      it('a DHCP server that died is started again', async () => {
        const on = await network()
        const guest = await guestOn(aPort(on, 11), { dhcp: true })
        const [pid] = (await wires.onHost('ip', 'netns', 'pids', wires.names(on.id).namespace)).trim().split('\n')
        assert.ok(Number(pid) > 1)
        await wires.onHost('kill', '-KILL', pid!)
        await eventually(
          'a DHCP server',
          async () => (await wires.onHost('ip', 'netns', 'pids', wires.names(on.id).namespace)).trim() !== '',
        )
        assert.equal((await guest.dhcp())?.ip, '10.77.0.11')
      })

      it('running guests do not notice that the control plane goes and comes back', async () => {
        const { on, a, b, guestA } = await pair({}, { rules: [...egress, ping] })
        const stream = guestA.run('busybox', 'ping', '-c', '60', '-i', '0.02', '-W', '1', '-q', addressOf(b))
        await test.reopen()
        await test.plane.reconcile([on], [a, b])
        assert.match(await stream, / 0% packet loss/)
      })

      it('two clouds on one host leave each other alone', async () => {
        const mine = await pair({}, { rules: [...egress, ping] })
        await using other = await wires.another()
        const on = aNetwork()
        await other.plane.ensureNetwork(on)
        const [c, d] = [aPort(on, 11), aPort(on, 12, { rules: [...egress, tcp(80)] })]
        for (const port of [c, d]) {
          const guest = await other.wires!.guest(port)
          guests.push(guest)
          await other.plane.ensurePort(port)
          await guest.ip(`addr add ${addressOf(port)}/24 dev eth0`)
        }
        const [guestC, guestD] = guests.slice(-2) as [Guest, Guest]
        await guestD.serve(80, 'other')
        const works = async () => {
          assert.equal(await mine.guestA.pings(addressOf(mine.b)), true)
          assert.equal(await guestC.fetch(addressOf(d)), 'other')
          assert.deepEqual(
            await Promise.all([mine.guestB.pings(addressOf(mine.a), BRIEFLY), guestC.pings(addressOf(d), BRIEFLY)]),
            [false, false],
          )
        }
        await works()
        await test.reopen()
        await test.plane.reconcile([mine.on], [mine.a, mine.b])
        await works()
        assert.notDeepEqual(other.plane.metadataAddress(), test.plane.metadataAddress())
        await other.wires!.removeEverything()
        assert.equal(await mine.guestA.pings(addressOf(mine.b)), true)
      })

      it('removing everything leaves nothing', async () => {
        await using other = await wires.another()
        const on = aNetwork()
        await other.plane.ensureNetwork(on)
        await other.plane.ensurePort(aPort(on, 11))
        assert.notDeepEqual(await other.wires!.remains(), [])
        await other.wires!.removeEverything()
        assert.deepEqual(await other.wires!.remains(), [])
      })
    })
  })
}
