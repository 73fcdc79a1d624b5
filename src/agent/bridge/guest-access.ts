/**
 * What guests may do with the host that is their gateway: which of its ports they reach, and whether they reach beyond
 * it. By default nothing of the host is open to them that the network itself does not need, and they get out. Pure.
 */
import { DomainError } from '../../domain-error.ts'

export interface GuestAccess {
  /** Ports of the host that guests reach. */
  readonly hostPorts: 'all' | readonly HostPorts[]
  /** Guests reach what the host reaches, with the host's address in place of theirs. */
  readonly outbound: boolean
}

export interface HostPorts {
  /** Absent is both. */
  readonly protocol?: 'tcp' | 'udp'
  readonly first: number
  readonly last: number
}

export const DEFAULT_GUEST_ACCESS: GuestAccess = { hostPorts: [], outbound: true }

/** `none`, `all`, or a list such as `53,tcp/8080,udp/6000-6010`. @throws DomainError invalid `agent.network.invalid` */
export function parseHostPorts(text: string): GuestAccess['hostPorts'] {
  if (text === 'all') return 'all'
  if (text === 'none' || text === '') return []
  return text.split(',').map((part) => {
    const found = /^(?:(tcp|udp)\/)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim())
    const [first, last] = [Number(found?.[2]), Number(found?.[3] ?? found?.[2])]
    if (found === null || first < 1 || last > 65_535 || first > last)
      throw new DomainError(
        'invalid',
        'agent.network.invalid',
        `${JSON.stringify(part.trim())} is not a port such as 53, tcp/8080 or udp/6000-6010`,
      )
    const protocol = found[1] as HostPorts['protocol']
    return { first, last, ...(protocol !== undefined && { protocol }) }
  })
}

/** The lines of nft that accept these ports. */
export function hostPortLines(ports: GuestAccess['hostPorts']): string[] {
  if (ports === 'all') return ['accept']
  return ports.map(({ protocol, first, last }) => {
    const range = first === last ? `${first}` : `${first}-${last}`
    return protocol === undefined
      ? `meta l4proto { tcp, udp } th dport ${range} accept`
      : `${protocol} dport ${range} accept`
  })
}

/** What of the host's default routes is asked. */
interface Route {
  readonly dst?: string
  readonly dev?: string
  readonly nexthops?: readonly { readonly dev?: string }[]
}

/** The devices by which the host reaches everything, from `ip -j -4 route show default`. */
export function uplinksOf(json: string): string[] {
  const routes = JSON.parse(json === '' ? '[]' : json) as Route[]
  const devices = routes.flatMap(({ dev, nexthops }) => [dev, ...(nexthops ?? []).map((hop) => hop.dev)])
  return [...new Set(devices.filter((dev) => dev !== undefined))].toSorted()
}

/**
 * The IPv4 nameservers that a namespace can ask for the host, three at most as the resolver library takes; from texts of
 * `resolv.conf`, the first that names any. Those on the host itself are none: guests do not reach the host's services.
 * @param own the host's addresses
 */
export function forwardersOf(texts: readonly string[], own: ReadonlySet<string>): string[] {
  for (const text of texts) {
    const named = [...text.matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*(?:[#;].*)?$/gm)].map(
      ([, address]) => address!,
    )
    const outside = named.filter(
      (address) => !address.startsWith('127.') && !address.startsWith('0.') && !own.has(address),
    )
    if (outside.length > 0) return outside.slice(0, 3)
  }
  return []
}
