/**
 * What dnsmasq is told about a network: pure. Its files know no quoting that covers everything, so each name and value
 * from outside is checked against what it may be, and refused otherwise.
 */
import { join } from 'node:path'
import { DomainError } from '../../domain-error.ts'
import type { NetworkSpec, PortSpec, SubnetSpec } from '../contract.ts'
import { contains, formatAddress, parseAddress, parseMac, parseNetwork } from './ip-address.ts'
import { METADATA_ADDRESS } from './metadata-nat.ts'
import { bridgeOf, checkedId, DHCP_LEG } from './names.ts'

/** Where a server runs: in the network's namespace, or, for IPv6 of a network whose gateway is the host, on the host. */
export type ServerPlace = 'namespace' | 'host'

export interface DnsmasqFiles {
  readonly conf: string
  readonly hosts: string
  readonly options: string
  readonly names: string
}

const LEASE_SECONDS = 86_400
const ROUTER_ADVERTISEMENT_SECONDS = 30

export interface ServerSetting {
  /** Where the files will lie. */
  readonly dir: string
  /** The DNS domain of guests. */
  readonly domain: string
  /** Whom it becomes when its sockets are open. */
  readonly user: string
  readonly group: string
  /** Nameservers to ask for names outside the cloud: only a network whose gateway is the host leads to them. */
  readonly forwarders: readonly string[]
}

/**
 * Undefined when nothing is to be served there.
 * @throws DomainError invalid `agent.network.invalid`
 */
export function dnsmasqFiles(
  place: ServerPlace,
  network: NetworkSpec,
  ports: readonly PortSpec[],
  { dir, domain, user, group, forwarders }: ServerSetting,
): DnsmasqFiles | undefined {
  const subnets = network.subnets.filter((subnet) => isServed(place, network, subnet))
  if (subnets.length === 0) return undefined
  const zone = checkedName(domain)
  const leg = place === 'namespace' ? DHCP_LEG : bridgeOf(network.id)
  const server = (network.dhcp?.addresses ?? []).map(parseAddress)
  return {
    conf: lines([
      'no-hosts',
      'no-resolv',
      `pid-file=${join(dir, 'pid')}`,
      `dhcp-leasefile=${join(dir, 'leases')}`,
      `dhcp-hostsfile=${join(dir, 'hosts')}`,
      `dhcp-optsfile=${join(dir, 'options')}`,
      `log-facility=${join(dir, 'log')}`,
      `user=${user}`,
      `group=${group}`,
      // A guest that asks all day long does not fill the disk.
      'quiet-dhcp',
      'quiet-dhcp6',
      'quiet-ra',
      `interface=${leg}`,
      'except-interface=lo',
      'bind-dynamic',
      ...(place === 'host'
        ? ['port=0']
        : [
            `addn-hosts=${join(dir, 'names')}`,
            `domain=${zone}`,
            `local=/${zone}/`,
            'domain-needed',
            'bogus-priv',
            ...(network.hostIsGateway ? forwarders : []).map(
              (address) => `server=${formatAddress(parseAddress(address))}`,
            ),
          ]),
      'dhcp-authoritative',
      'dhcp-lease-max=65536',
      ...subnets.map((subnet) => `dhcp-range=${rangeOf(subnet)}`),
      ...(subnets.some((subnet) => subnet.ipv6RaMode !== undefined)
        ? [
            'enable-ra',
            // A lifetime of 0 says: addresses, and no router here.
            `ra-param=${leg},mtu:${network.mtu},${ROUTER_ADVERTISEMENT_SECONDS},${place === 'host' ? 3 * ROUTER_ADVERTISEMENT_SECONDS : 0}`,
          ]
        : []),
    ]),
    hosts: lines(ports.flatMap((port) => hostLines(port, subnets, zone))),
    options: lines([
      ...subnets.flatMap((subnet) =>
        subnet.ipVersion === 4
          ? optionsV4(
              subnet,
              network.mtu,
              server.find((address) => contains(parseNetwork(subnet.cidr), address)),
            )
          : optionsV6(subnet),
      ),
      ...ports.flatMap(portOptions),
    ]),
    names:
      place === 'host'
        ? ''
        : lines(
            ports.flatMap((port) => {
              const name = port.hostname === '' ? undefined : checkedName(port.hostname)
              return port.fixedIps.flatMap(({ ipAddress }) =>
                name === undefined ? [] : [`${formatAddress(parseAddress(ipAddress))} ${name}.${zone} ${name}`],
              )
            }),
          ),
  }
}

function isServed(place: ServerPlace, network: NetworkSpec, subnet: SubnetSpec): boolean {
  if (!subnet.enableDhcp) return false
  const onHost = subnet.ipVersion === 6 && network.hostIsGateway
  if (onHost !== (place === 'host')) return false
  // An IPv6 subnet without an advertisement mode is announced by somebody else; without DHCPv6 it needs nothing of us.
  return subnet.ipVersion === 4 || subnet.ipv6RaMode !== undefined || (subnet.ipv6AddressMode ?? 'slaac') !== 'slaac'
}

const tagOf = (subnet: SubnetSpec) => `subnet-${checkedId(subnet.id)}`
const portTagOf = (port: PortSpec) => `port-${checkedId(port.id)}`

function rangeOf(subnet: SubnetSpec): string {
  const network = parseNetwork(subnet.cidr)
  const start = formatAddress(network)
  if (subnet.ipVersion === 4) return `set:${tagOf(subnet)},${start},static,${netmask(network.prefix)},${LEASE_SECONDS}s`
  // `ra-…` makes dnsmasq advertise even where nothing else says so.
  const kind =
    subnet.ipv6RaMode === 'slaac' ? 'ra-only' : subnet.ipv6RaMode === 'dhcpv6-stateless' ? 'ra-stateless' : 'static'
  return `set:${tagOf(subnet)},${start},${kind},${network.prefix},${LEASE_SECONDS}s`
}

function netmask(prefix: number): string {
  return formatAddress({ version: 4, value: (0xffff_ffffn << BigInt(32 - prefix)) & 0xffff_ffffn })
}

/** Its own line for each address, in the subnets served here; only known cards get one. */
function hostLines(port: PortSpec, subnets: readonly SubnetSpec[], zone: string): string[] {
  const mac = parseMac(port.macAddress)
  const name = port.hostname === '' ? [] : [`${checkedName(port.hostname)}.${zone}`]
  return port.fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const subnet = subnets.find(({ id }) => id === subnetId)
    if (subnet === undefined || (subnet.ipVersion === 6 && subnet.ipv6AddressMode !== 'dhcpv6-stateful')) return []
    const address = formatAddress(parseAddress(ipAddress))
    const own = port.extraDhcpOptions.some(({ ipVersion }) => ipVersion === subnet.ipVersion)
    return [
      [
        mac,
        ...(own ? [`set:${portTagOf(port)}`] : []),
        ...name,
        subnet.ipVersion === 4 ? address : `[${address}]`,
      ].join(','),
    ]
  })
}

function optionsV4(subnet: SubnetSpec, mtu: number, server: ReturnType<typeof parseAddress> | undefined): string[] {
  const option = (name: string, ...values: string[]) => [`tag:${tagOf(subnet)}`, name, ...values].join(',')
  const gateway = subnet.gatewayIp === undefined ? undefined : formatAddress(parseAddress(subnet.gatewayIp))
  const nameservers = subnet.dnsNameservers.map((text) => formatAddress(parseAddress(text)))
  const routes = subnet.hostRoutes.map(({ destination, nexthop }) => ({
    destination: cidrOf(destination),
    nexthop: formatAddress(parseAddress(nexthop)),
  }))
  if (server !== undefined) routes.unshift({ destination: `${METADATA_ADDRESS}/32`, nexthop: formatAddress(server) })
  // Clients that read classless routes do not read the router option: the default route stands in both.
  if (gateway !== undefined && !routes.some(({ destination }) => destination === '0.0.0.0/0'))
    routes.push({ destination: '0.0.0.0/0', nexthop: gateway })
  const classless = routes.flatMap(({ destination, nexthop }) => [destination, nexthop])
  return [
    // An option without a value keeps dnsmasq from naming itself.
    option('option:router', ...(gateway === undefined ? [] : [gateway])),
    // No option at all names dnsmasq; 0.0.0.0 is how the network API says none.
    ...(nameservers.length === 0
      ? []
      : [option('option:dns-server', ...nameservers.filter((address) => address !== '0.0.0.0'))]),
    option('option:mtu', `${mtu}`),
    // 249 is the same for older Windows.
    ...(classless.length === 0
      ? []
      : [option('option:classless-static-route', ...classless), option('249', ...classless)]),
  ]
}

function optionsV6(subnet: SubnetSpec): string[] {
  const nameservers = subnet.dnsNameservers.map((text) => formatAddress(parseAddress(text)))
  if (nameservers.length === 0) return []
  const named = nameservers.filter((address) => address !== '::').map((address) => `[${address}]`)
  return [[`tag:${tagOf(subnet)}`, 'option6:dns-server', ...named].join(',')]
}

/** `10.0.0.0/8`, with its prefix also for a single address, as option 121 wants it. */
function cidrOf(text: string): string {
  const network = parseNetwork(text)
  return `${formatAddress(network)}/${network.prefix}`
}

/** The option names that dnsmasq 2.90 knows (`dnsmasq --help dhcp`, `dhcp6`); it skips lines with others. */
const OPTION_NAMES = {
  4: new Set(
    `netmask time-offset router dns-server log-server lpr-server boot-file-size domain-name swap-server root-path
    extension-path ip-forward-enable non-local-source-routing policy-filter max-datagram-reassembly default-ttl mtu
    all-subnets-local router-discovery router-solicitation static-route trailer-encapsulation arp-timeout ethernet-encap
    tcp-ttl tcp-keepalive nis-domain nis-server ntp-server netbios-ns netbios-dd netbios-nodetype netbios-scope
    x-windows-fs x-windows-dm T1 T2 vendor-class nis+-domain nis+-server tftp-server bootfile-name mobile-ip-home
    smtp-server pop3-server nntp-server irc-server user-class rapid-commit client-arch client-interface-id
    client-machine-id posix-timezone tzdb-timezone ipv6-only domain-search sip-server classless-static-route
    vendor-id-encap tftp-server-address server-ip-address`.split(/\s+/),
  ),
  6: new Set(
    `sip-server-domain sip-server dns-server domain-search nis-server nis+-server nis-domain nis+-domain sntp-server
    information-refresh-time posix-timezone tzdb-timezone ntp-server bootfile-url bootfile-param`.split(/\s+/),
  ),
}

function portOptions(port: PortSpec): string[] {
  return port.extraDhcpOptions.map(({ name, value, ipVersion }) => {
    const numbered = /^\d{1,3}$/.test(name) && Number(name) >= 1 && Number(name) <= 254
    if (!numbered && !OPTION_NAMES[ipVersion].has(name))
      throw invalid(`${JSON.stringify(name)} is no DHCP option of IPv${ipVersion}.`)
    if (!/^[\x20-\x7e]{0,255}$/.test(value) || value.includes('"'))
      throw invalid(`${JSON.stringify(value)} cannot be the value of a DHCP option.`)
    const prefix = ipVersion === 6 ? `option6:${name}` : numbered ? name : `option:${name}`
    return [`tag:${portTagOf(port)}`, prefix, ...(value === '' ? [] : [value])].join(',')
  })
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i

/** A DNS name, or a part of one, relative. @throws DomainError invalid `agent.network.invalid` */
function checkedName(name: string): string {
  const relative = name.replace(/\.$/, '')
  if (relative.length > 253 || !relative.split('.').every((label) => LABEL.test(label)))
    throw invalid(`${JSON.stringify(name)} is no DNS name.`)
  return relative
}

const invalid = (message: string) => new DomainError('invalid', 'agent.network.invalid', message)

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')
