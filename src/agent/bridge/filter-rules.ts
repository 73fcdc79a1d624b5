/** A port's security rules as lines of nft: pure. What is unknown or out of range is refused, not left out. */
import { createHash } from 'node:crypto'
import { DomainError } from '../../domain-error.ts'
import type { FilterRule } from '../contract.ts'
import { formatNetwork, outermost, parseNetwork } from './ip-address.ts'

/** A named set of addresses, called after what is in it, so that the many ports with the same remote group share one. */
export interface AddressSet {
  readonly name: string
  readonly ipVersion: 4 | 6
  readonly addresses: readonly string[]
}

export interface RenderedRules {
  readonly lines: readonly string[]
  readonly sets: readonly AddressSet[]
}

/** Names that the network API knows, by number (IANA); upstream: neutron-lib constants, `IP_PROTOCOL_MAP`. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  'ipv6-encap': 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  ospf: 89,
  vrrp: 112,
  pgm: 113,
  sctp: 132,
  udplite: 136,
}
const WITH_PORTS = new Set([6, 17, 33, 132, 136])

/** The rules of one direction, in the order given. @throws DomainError invalid `agent.network.invalid` */
export function renderRules(rules: readonly FilterRule[], direction: FilterRule['direction']): RenderedRules {
  const lines: string[] = []
  const sets = new Map<string, AddressSet>()
  for (const rule of rules) {
    if (rule.direction !== direction) continue
    const remote = renderRemotes(rule)
    if (remote === 'nobody') continue
    if (remote.set !== undefined) sets.set(remote.set.name, remote.set)
    // `meta nfproto` would say `bridge` in the bridge family.
    lines.push(
      [`meta protocol ${rule.ipVersion === 4 ? 'ip' : 'ip6'}`, ...remote.match, ...renderProtocol(rule), 'accept'].join(
        ' ',
      ),
    )
  }
  return { lines: [...new Set(lines)], sets: [...sets.values()] }
}

function renderRemotes(rule: FilterRule): { match: string[]; set?: AddressSet } | 'nobody' {
  if (rule.remotes === undefined) return { match: [] }
  const remotes = outermost(rule.remotes.map(parseNetwork))
  if (remotes.some((remote) => remote.version !== rule.ipVersion))
    throw invalid(`A rule for IPv${rule.ipVersion} names remotes of another version: ${rule.remotes.join(', ')}.`)
  const [only] = remotes
  if (only === undefined) return 'nobody'
  const field = `${rule.ipVersion === 4 ? 'ip' : 'ip6'} ${rule.direction === 'ingress' ? 'saddr' : 'daddr'}`
  if (remotes.length === 1) return { match: only.prefix === 0 ? [] : [`${field} ${formatNetwork(only)}`] }
  const addresses = remotes.map(formatNetwork).sort()
  const name = `r${rule.ipVersion}_${createHash('sha256').update(addresses.join()).digest('hex').slice(0, 16)}`
  return { match: [`${field} @${name}`], set: { name, ipVersion: rule.ipVersion, addresses } }
}

function renderProtocol({ protocol, ipVersion, portMin, portMax }: FilterRule): string[] {
  const number = protocolNumber(protocol, ipVersion)
  if (number === undefined) {
    if (portMin !== undefined || portMax !== undefined) throw invalid('A rule with ports names no protocol.')
    return []
  }
  const match = [`meta l4proto ${number}`]
  if (portMin === undefined) {
    if (portMax !== undefined) throw invalid('A rule has a last port and no first one.')
    return match
  }
  if (number === 1 || number === 58) {
    const family = number === 1 ? 'icmp' : 'icmpv6'
    match.push(`${family} type ${inRange(portMin, 255)}`)
    if (portMax !== undefined) match.push(`${family} code ${inRange(portMax, 255)}`)
    return match
  }
  if (!WITH_PORTS.has(number)) throw invalid(`The protocol ${protocol} has no ports.`)
  const [first, last] = [inRange(portMin, 65_535), inRange(portMax ?? portMin, 65_535)]
  if (first > last) throw invalid(`The ports ${first} to ${last} are no range.`)
  return [...match, `th dport ${first === last ? first : `${first}-${last}`}`]
}

/** Undefined is any. `icmp` on IPv6 is ICMPv6, as upstream takes it. */
function protocolNumber(protocol: string | undefined, ipVersion: 4 | 6): number | undefined {
  if (protocol === undefined || protocol === 'any' || protocol === '0') return undefined
  const number = /^\d{1,3}$/.test(protocol) ? Number(protocol) : PROTOCOLS[protocol.toLowerCase()]
  if (number === undefined || number > 255) throw invalid(`${JSON.stringify(protocol)} is not a protocol.`)
  return number === 1 && ipVersion === 6 ? 58 : number
}

function inRange(value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) throw invalid(`${value} is not between 0 and ${max}.`)
  return value
}

const invalid = (message: string) => new DomainError('invalid', 'agent.network.invalid', message)
