/**
 * Which addresses an image may be fetched from: those of the public internet. Everything else is this cloud's own
 * neighbourhood, which a user must not see through our eyes: loopback, private networks, the metadata service, guests,
 * and this machine itself, whatever addresses it has.
 */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

export interface AllowedNetworks {
  /** Networks that are allowed though they are not public, as `10.1.0.0/16`. */
  readonly allowedNetworks: readonly string[]
}

/** Of IPv6, all that was ever given out to the public internet. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** @param address an IP address in text */
export function isAllowedAddress(address: string, { allowedNetworks }: AllowedNetworks): boolean {
  const plain = unwrapped(address)
  if (plain === undefined) return false
  if (allowedNetworks.some((network) => isWithin(plain, network))) return true
  if (plain instanceof ipaddr.IPv6 && !plain.match(...GLOBAL_UNICAST)) return false
  return plain.range() === 'unicast' && !ownAddresses().has(plain.toNormalizedString())
}

/**
 * The address that is reached in the end: an IPv4 one may be wrapped in an IPv6 one (mapped, or by the well-known prefix
 * of NAT64), and counts as what it wraps. Nothing for what is no address.
 */
function unwrapped(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIP(address.split('%')[0]!) === 0) return undefined
  const parsed = ipaddr.parse(address)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address()
  if (parsed.range() === 'rfc6052') return new ipaddr.IPv4(parsed.toByteArray().slice(12))
  return parsed
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, network: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(network)
  return address.kind() === base.kind() && (address as ipaddr.IPv4).match(base as ipaddr.IPv4, bits)
}

function ownAddresses(): ReadonlySet<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return new Set(addresses.map(({ address }) => ipaddr.parse(address.split('%')[0]!).toNormalizedString()))
}
