/**
 * What one network and one port add to the host's rule set: pure. The tables that these pieces go into, and why they
 * are two, stand in rule-set.ts.
 */
import type { NetworkSpec, PortSpec } from '../contract.ts'
import { renderRules } from './filter-rules.ts'
import {
  eui64,
  formatAddress,
  formatNetwork,
  type IpNetwork,
  isSingle,
  lastOf,
  LINK_LOCAL,
  outermost,
  parseAddress,
  parseMac,
  parseNetwork,
} from './ip-address.ts'
import { bridgeOf, dhcpLegOf, tapOf } from './names.ts'
import type { Element, Fragment } from './rule-set.ts'

/** `zone` keeps the connections of networks with the same addresses apart; unused where the host is the gateway. */
export function networkRules(network: Pick<NetworkSpec, 'id' | 'hostIsGateway'>, zone: number): Fragment {
  const bridge = `"${bridgeOf(network.id)}"`
  const elements: Element[] = [
    ['bridges', bridge],
    ['bridged', `${bridge} . ${bridge}`],
  ]
  // The host speaks for itself in zone 0, and must find its own connections there.
  if (network.hostIsGateway) elements.push(['gateways', bridge], ['upward', `"${dhcpLegOf(network.id)}"`])
  else elements.push(['zone', `${bridge} : ${zone}`])
  return { elements, chains: [], sets: [] }
}

/** Devices that forward for our guests alone. */
export function uplinkRules(devices: readonly string[]): Fragment {
  return { elements: devices.map((name): Element => ['ours_only', `"${name}"`]), chains: [], sets: [] }
}

/** `number` is the port's mark: not 0, and its alone on this host. @throws DomainError invalid `agent.network.invalid` */
export function portRules(port: PortSpec, number: number, hostIsGateway: boolean): Fragment {
  const tap = `"${tapOf(port.id)}"`
  const mac = parseMac(port.macAddress)
  const ingress = renderRules(port.rules, 'ingress')
  const egress = renderRules(port.rules, 'egress')
  // A tap that no set names is closed.
  if (!port.adminStateUp) return { elements: [], chains: [], sets: [] }
  const upward: Element[] = hostIsGateway ? [['upward', tap]] : []
  if (!port.portSecurity) return { elements: [['open', tap], ...upward], chains: [], sets: [] }

  const elements: Element[] = [
    ['portid', `${tap} : ${number}`],
    ...upward,
    ['from', `${number} : jump from_${number}`],
    ['to', `${number} : jump to_${number}`],
    ...(hostIsGateway ? [['host_to', `${tap} : jump to_${number}`] as const] : []),
  ]
  const bySource = addressesOf(port, mac)
  for (const [source, networks] of bySource) {
    elements.push(['mac', `${tap} . ${source}`])
    for (const network of outermost(networks)) {
      const kind = isSingle(network) ? '' : '_pairs'
      const element = `${tap} . ${source} . ${formatNetwork(network)}`
      if (network.version === 4) elements.push([`v4src${kind}`, element], [`arpsrc${kind}`, element])
      else elements.push([`v6src${kind}`, element])
    }
  }
  for (const network of outermost([...bySource.values()].flat()))
    if (network.version === 6)
      elements.push([isSingle(network) ? 'natgt' : 'natgt_pairs', `${tap} . ${hexOf(network)}`])
  const to = { name: `to_${number}`, rules: ingress.lines }
  return {
    elements,
    chains: [
      { family: 'inet', name: `from_${number}`, rules: egress.lines },
      { family: 'inet', ...to },
      ...(hostIsGateway ? [{ family: 'bridge' as const, ...to }] : []),
    ],
    sets: [
      ...[...ingress.sets, ...egress.sets].map((set) => ({ family: 'inet' as const, ...set })),
      ...(hostIsGateway ? ingress.sets.map((set) => ({ family: 'bridge' as const, ...set })) : []),
    ],
  }
}

/** What the guest may call itself, by MAC address: its own with its fixed addresses and the link-local one; its pairs. */
function addressesOf(port: PortSpec, mac: string): Map<string, IpNetwork[]> {
  const own = [
    single(formatAddress(eui64(LINK_LOCAL, mac))),
    ...port.fixedIps.map(({ ipAddress }) => single(ipAddress)),
  ]
  const bySource = new Map([[mac, own]])
  for (const pair of port.allowedAddressPairs) {
    const source = parseMac(pair.macAddress)
    bySource.set(source, [...(bySource.get(source) ?? []), parseNetwork(pair.ipAddress)])
  }
  return bySource
}

/** A CIDR where an address belongs would open the port to a whole network, and is refused. */
const single = (address: string): IpNetwork => parseNetwork(formatAddress(parseAddress(address)))

/** As nft writes 128 raw bits: one number, or a range of them. */
function hexOf(network: IpNetwork): string {
  const hex = (value: bigint) => `0x${value.toString(16).padStart(32, '0')}`
  return isSingle(network) ? hex(network.value) : `${hex(network.value)}-${hex(lastOf(network).value)}`
}
