/** IP addresses as numbers, which is how pools and gateways are reckoned. Parsing and writing is ipaddr.js's. */
import ipaddr from 'ipaddr.js'

export type IpVersion = 4 | 6

export interface Address {
  readonly version: IpVersion
  readonly value: bigint
}

export interface Cidr {
  readonly version: IpVersion
  readonly prefixLength: number
  /** The network's own address. */
  readonly first: bigint
  /** The broadcast address in IPv4. */
  readonly last: bigint
}

const BITS = { 4: 32, 6: 128 } as const

/** Strictly one address in the usual notation: four decimal parts without leading zeros, or IPv6 without a zone. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    const bytes = ipaddr.IPv4.parse(text).toByteArray()
    return bytes.join('.') === text ? { version: 4, value: fromBytes(bytes) } : undefined
  }
  if (text.includes('%') || !text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined
  return { version: 6, value: fromBytes(ipaddr.IPv6.parse(text).toByteArray()) }
}

/** The canonical text: IPv6 as RFC 5952 has it. */
export function showAddress({ version, value }: Address): string {
  const bytes: number[] = []
  for (let shift = BITS[version] - 8; shift >= 0; shift -= 8) bytes.push(Number((value >> BigInt(shift)) & 0xffn))
  return ipaddr.fromByteArray(bytes).toString()
}

/** `address/length`; bits behind the prefix are dropped. A bare address is a network of one. */
export function parseCidr(text: string): Cidr | undefined {
  const [left, right, ...rest] = text.split('/')
  const address = parseAddress(left!)
  if (address === undefined || rest.length > 0) return undefined
  const bits = BITS[address.version]
  if (right !== undefined && !/^(0|[1-9]\d{0,2})$/.test(right)) return undefined
  const prefixLength = right === undefined ? bits : Number(right)
  if (prefixLength > bits) return undefined
  const hosts = (1n << BigInt(bits - prefixLength)) - 1n
  const first = address.value & ~hosts
  return { version: address.version, prefixLength, first, last: first | hosts }
}

export function showCidr({ version, prefixLength, first }: Cidr): string {
  return `${showAddress({ version, value: first })}/${prefixLength}`
}

export function contains(cidr: Cidr, address: Address): boolean {
  return cidr.version === address.version && address.value >= cidr.first && address.value <= cidr.last
}

/**
 * Whether a port may have the address: not the network's own, nor the broadcast address in IPv4. IPv6 lets routers have
 * the first address (subnet-router anycast), and ports whose owner is not known yet.
 * Source: neutron/ipam/utils.py check_subnet_ip.
 */
export function usableBy(cidr: Cidr, address: Address, deviceOwner: string): boolean {
  if (!contains(cidr, address)) return false
  if (cidr.version === 4) return address.value !== cidr.first && address.value !== cidr.last
  return address.value !== cidr.first || deviceOwner === '' || deviceOwner.startsWith('network:router_')
}

const MULTICAST = { 4: parseCidr('224.0.0.0/4')!, 6: parseCidr('ff00::/8')! } as const
const LOOPBACK = { 4: parseCidr('127.0.0.0/8')!, 6: parseCidr('::1/128')! } as const

export function isMulticast({ version, first }: Cidr): boolean {
  return contains(MULTICAST[version], { version, value: first })
}

export function isLoopback({ version, first }: Cidr): boolean {
  return contains(LOOPBACK[version], { version, value: first })
}

/** Whether two networks share an address. */
export function overlap(one: Cidr, other: Cidr): boolean {
  return one.version === other.version && one.first <= other.last && other.first <= one.last
}

export const ALL_MULTICAST = MULTICAST

/**
 * The address that a guest derives from its MAC address in a /64 (SLAAC with EUI-64).
 * @param mac `fa:16:3e:…`
 */
export function eui64(cidr: Cidr, mac: string): Address {
  const bytes = mac.split(':').map((part) => Number.parseInt(part, 16))
  bytes[0]! ^= 0x02
  const host = [...bytes.slice(0, 3), 0xff, 0xfe, ...bytes.slice(3)]
  return { version: 6, value: cidr.first | fromBytes(host) }
}

function fromBytes(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
