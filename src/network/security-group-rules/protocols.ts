/**
 * Protocols as rules name them.
 * Source: neutron-lib neutron_lib/constants.py IP_PROTOCOL_MAP, neutron/common/_constants.py.
 */

/** Names and their numbers. `icmpv6` is an older name of `ipv6-icmp`, `ip` another of `hopopt`. */
export const PROTOCOLS: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ip: 0,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  icmpv6: 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
}

export const ICMP = 1
export const ICMPV6 = 58
const WITH_PORTS: readonly number[] = [
  PROTOCOLS.tcp!,
  PROTOCOLS.udp!,
  PROTOCOLS.udplite!,
  PROTOCOLS.sctp!,
  PROTOCOLS.dccp!,
]
/** Only ever found behind an IPv6 header. */
const IPV6_ONLY: readonly number[] = [41, 43, 44, 58, 59, 60]

/** @param protocol a name of PROTOCOLS or a number as text */
export function protocolNumber(protocol: string): number {
  return PROTOCOLS[protocol] ?? Number(protocol)
}

export function hasPorts(number: number): boolean {
  return WITH_PORTS.includes(number)
}

export function isIcmp(number: number): boolean {
  return number === ICMP || number === ICMPV6
}

export function isIpv6Only(number: number): boolean {
  return IPV6_ONLY.includes(number)
}
