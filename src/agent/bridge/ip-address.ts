/**
 * IP addresses and networks as numbers, and back in one canonical spelling. Whatever comes from outside passes through
 * here before it is written into a rule set, a batch or a file, so that nothing but an address can get there.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { DomainError } from '../../domain-error.ts'

export interface IpAddress {
  readonly version: 4 | 6
  readonly value: bigint
}

export interface IpNetwork extends IpAddress {
  readonly prefix: number
}

const bitsOf = (version: 4 | 6) => (version === 4 ? 32 : 128)

const invalid = (what: string, text: string) =>
  new DomainError('invalid', 'agent.network.invalid', `${JSON.stringify(text)} is not ${what}.`)

/** @throws DomainError invalid `agent.network.invalid` */
export function parseAddress(text: string): IpAddress {
  if (isIPv4(text)) return { version: 4, value: bigOf(text.split('.').map(Number), 8) }
  // Zones (`fe80::1%eth0`) name a device, and are no part of an address.
  if (isIPv6(text) && !text.includes('%')) return { version: 6, value: bigOf(groupsOf(text), 16) }
  throw invalid('an IP address', text)
}

/** A CIDR, its host bits cleared; a lone address is the network of itself. @throws DomainError invalid `agent.network.invalid` */
export function parseNetwork(text: string): IpNetwork {
  const [address = '', prefixText, ...rest] = text.split('/')
  const { version, value } = parseAddress(address)
  const bits = bitsOf(version)
  if (prefixText === undefined) return { version, value, prefix: bits }
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN
  if (rest.length > 0 || !(prefix <= bits)) throw invalid('a network in CIDR form', text)
  const hostBits = BigInt(bits - prefix)
  return { version, value: (value >> hostBits) << hostBits, prefix }
}

export function formatAddress({ version, value }: IpAddress): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  // The longest run of zero groups is written `::`, the first of equals.
  let [start, length] = [0, 0]
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && groups[to] === '0') to++
    if (to - from > length) [start, length] = [from, to - from]
  }
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

/** `10.0.0.0/24`; a network of one address is written without its prefix. */
export function formatNetwork(network: IpNetwork): string {
  return isSingle(network) ? formatAddress(network) : `${formatAddress(network)}/${network.prefix}`
}

export const isSingle = (network: IpNetwork) => network.prefix === bitsOf(network.version)

export function contains(network: IpNetwork, other: IpAddress | IpNetwork): boolean {
  if (network.version !== other.version) return false
  if ('prefix' in other && other.prefix < network.prefix) return false
  const hostBits = BigInt(bitsOf(network.version) - network.prefix)
  return network.value >> hostBits === other.value >> hostBits
}

export function overlaps(one: IpNetwork, other: IpNetwork): boolean {
  return contains(one, other) || contains(other, one)
}

/** Without those that lie inside others: what is left is pairwise apart, for CIDRs nest or do not meet. */
export function outermost(networks: readonly IpNetwork[]): IpNetwork[] {
  const kept: IpNetwork[] = []
  for (const network of networks.toSorted((a, b) => a.prefix - b.prefix))
    if (!kept.some((outer) => contains(outer, network))) kept.push(network)
  return kept
}

/** The last address of a network. */
export function lastOf({ version, value, prefix }: IpNetwork): IpAddress {
  return { version, value: value | ((1n << BigInt(bitsOf(version) - prefix)) - 1n) }
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** In lower case with colons. @throws DomainError invalid `agent.network.invalid` */
export function parseMac(text: string): string {
  const mac = text.toLowerCase()
  if (!MAC.test(mac)) throw invalid('a MAC address', text)
  return mac
}

/** The address that a card gives itself in a /64 by its MAC address (RFC 4291, appendix A). */
export function eui64(network: IpNetwork, mac: string): IpAddress {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  return { version: 6, value: network.value | bigOf([a ^ 2, b, c, 0xff, 0xfe, d, e, f], 8) }
}

export const LINK_LOCAL = parseNetwork('fe80::/64')

function bigOf(parts: readonly number[], bits: number): bigint {
  return parts.reduce((value, part) => (value << BigInt(bits)) | BigInt(part), 0n)
}

function groupsOf(text: string): number[] {
  const dotted = text.lastIndexOf('.') >= 0 ? text.slice(text.lastIndexOf(':') + 1) : undefined
  const v4 = dotted?.split('.').map(Number)
  const pure =
    dotted === undefined || v4 === undefined
      ? text
      : text.slice(0, -dotted.length) +
        [v4[0]! * 256 + v4[1]!, v4[2]! * 256 + v4[3]!].map((group) => group.toString(16)).join(':')
  const [head = '', tail] = pure.split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  if (tail === undefined) return parse(head)
  const [left, right] = [parse(head), parse(tail)]
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}
