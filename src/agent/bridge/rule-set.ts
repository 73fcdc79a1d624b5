/**
 * The host's whole rule set: security groups and anti-spoofing for bridged ports, without conntrack in the bridge
 * family, which not every kernel has. Two tables work together:
 *
 * - `bridge` sees the tap. It does the stateless checks, and marks a frame with its port's number: by its sender before
 *   it is routed to a bridge port, by its receiver for each copy that goes out.
 * - `inet`, called by br_netfilter for the same frame, has conntrack, and finds the port's rules by that mark.
 *
 * Only replies skip the rules, so a rule that is taken away ends open connections at once. A tap that no set names is
 * closed. Frames of others are left alone: ours come through devices of our interface group and bridges of our sets.
 *
 * Where the host itself is the gateway, what it sends or forwards to a guest passes `inet` before its port is known, and
 * `bridge` after conntrack has spoken. There `inet` marks what is a reply, and `bridge` judges the rest by the rules of
 * the port, of which it has a copy. There too guests could ask everything of the host that listens on all addresses:
 * `input` lets them ask what the network needs, and what an operator opened. Guests that go beyond the host do so with
 * the host's address.
 */
import type { AddressSet } from './filter-rules.ts'
import { DEFAULT_GUEST_ACCESS, type GuestAccess, hostPortLines } from './guest-access.ts'
import { METADATA_PORT } from './metadata-nat.ts'
import type { CloudNames } from './names.ts'

type Family = 'bridge' | 'inet'

/**
 * The sets and maps that elements go into. Those of `_pairs` hold CIDRs; looking one up costs more than a hash, and so
 * does changing it, and most ports have single addresses only.
 */
const SETS = {
  portid: ['bridge', 'map', 'typeof iifname : meta mark;'],
  open: ['bridge', 'set', 'typeof iifname;'],
  /** Ports whose frames may go up to the host. */
  upward: ['bridge', 'set', 'typeof iifname;'],
  mac: ['bridge', 'set', 'typeof iifname . ether saddr;'],
  v4src: ['bridge', 'set', 'typeof iifname . ether saddr . ip saddr;'],
  v4src_pairs: ['bridge', 'set', 'typeof iifname . ether saddr . ip saddr; flags interval;'],
  arpsrc: ['bridge', 'set', 'typeof iifname . arp saddr ether . arp saddr ip;'],
  arpsrc_pairs: ['bridge', 'set', 'typeof iifname . arp saddr ether . arp saddr ip; flags interval;'],
  v6src: ['bridge', 'set', 'typeof iifname . ether saddr . ip6 saddr;'],
  v6src_pairs: ['bridge', 'set', 'typeof iifname . ether saddr . ip6 saddr; flags interval;'],
  /** The target of a neighbour advertisement, as raw bits: nft 1.0.6 has no name for it. */
  natgt: ['bridge', 'set', 'typeof iifname . @th,64,128;'],
  natgt_pairs: ['bridge', 'set', 'typeof iifname . @th,64,128; flags interval;'],
  bridges: ['inet', 'set', 'typeof iifname;'],
  /** A bridged packet enters and leaves by the same bridge, a forwarded one does not. */
  bridged: ['inet', 'set', 'typeof iifname . oifname;'],
  gateways: ['inet', 'set', 'typeof oifname;'],
  /** Devices that forward for guests alone, ours and other clouds', since the host was no router before. */
  ours_only: ['inet', 'set', 'typeof iifname;'],
  zone: ['inet', 'map', 'typeof iifname : ct zone;'],
  from: ['inet', 'map', 'typeof meta mark : verdict;'],
  to: ['inet', 'map', 'typeof meta mark : verdict;'],
  /** Where the host is the gateway: the rules of a port for what the host sends. */
  host_to: ['bridge', 'map', 'typeof oifname : verdict;'],
} as const satisfies Record<string, readonly [Family, 'set' | 'map', string]>

export type SetName = keyof typeof SETS
export type Element = readonly [set: SetName, element: string]

interface Chain {
  readonly family: Family
  readonly name: string
  readonly rules: readonly string[]
}

/** What one network or port adds. */
export interface Fragment {
  readonly elements: readonly Element[]
  readonly chains: readonly Chain[]
  readonly sets: readonly (AddressSet & { readonly family: Family })[]
}

const NOTHING: Fragment = { elements: [], chains: [], sets: [] }

/** The mark of what the host sends towards a network whose gateway it is, from `inet` to `bridge`. */
const REPLY = 1
const NEW = 2

/** The chains that are the same on every host; nft 1.0.6 wants a line break before each closing brace. */
const bridgeChains = (group: number) => `
  chain pre { type filter hook prerouting priority -350; policy accept;
    iifgroup != ${group} accept
    meta mark set 0
    iifname @open accept
    iifname "tap*" goto from_guest
  }
  chain from_guest {
    meta mark set iifname map @portid
    meta mark 0 counter drop
    iifname . ether saddr != @mac counter drop
    ether type vmap { arp : goto from_guest_arp, ip : goto from_guest_v4, ip6 : goto from_guest_v6 }
    counter drop
  }
  chain from_guest_arp {
    arp htype 1 arp ptype ip iifname . arp saddr ether . arp saddr ip @arpsrc accept
    arp htype 1 arp ptype ip iifname . arp saddr ether . arp saddr ip @arpsrc_pairs accept
    arp operation request arp saddr ip 0.0.0.0 accept
    counter drop
  }
  chain from_guest_v4 {
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
    udp sport 67 counter drop
    iifname . ether saddr . ip saddr @v4src accept
    iifname . ether saddr . ip saddr @v4src_pairs accept
    counter drop
  }
  chain from_guest_v6 {
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld-listener-report, mld2-listener-report } accept
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    udp sport 547 counter drop
    icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @natgt iifname . @th,64,128 != @natgt_pairs counter drop
    iifname . ether saddr . ip6 saddr @v6src accept
    iifname . ether saddr . ip6 saddr @v6src_pairs accept
    counter drop
  }
  chain to_guest { type filter hook forward priority -210; policy accept;
    oifgroup != ${group} accept
    meta mark set 0
    oifname @open accept
    meta mark set oifname map @portid
    oifname "tap*" meta mark 0 counter drop
  }
  chain to_host { type filter hook input priority -210; policy accept;
    iifgroup ${group} iifname != @upward counter drop
  }
  chain host_to_guest { type filter hook output priority -210; policy accept;
    oifgroup != ${group} accept
    oifname @open accept
    oifname != "tap*" accept
    ether type arp accept
    meta mark ${REPLY} accept
    ip frag-off & 0x1fff != 0 accept
    frag frag-off != 0 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query } accept
    udp sport 547 udp dport 546 accept
    oifname vmap @host_to
    counter drop
  }`

const inetChains = (metadataBridge: string, access: GuestAccess) => `
  chain raw { type filter hook prerouting priority -310; policy accept;
    ct zone set iifname map @zone
  }
  chain keep { type nat hook postrouting priority 90; policy accept;
    oifname @bridges snat ip to ip saddr
    oifname @bridges snat ip6 to ip6 saddr
  }
  chain egress { type filter hook prerouting priority -140; policy accept;
    iifname != @bridges accept
    meta mark 0 accept
    ct state invalid counter drop
    ct direction reply ct state established,related accept
    ct state related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, mld2-listener-report, mld-listener-done } accept
    udp sport 68 udp dport 67 accept
    udp sport 546 udp dport 547 accept
    meta mark vmap @from
    counter drop
  }
  chain scrub { type filter hook prerouting priority -139; policy accept;
    iifname @bridges meta mark set 0
  }
  chain out { type nat hook postrouting priority 100; policy accept;${
    access.outbound ? '\n    meta nfproto ipv4 iifname @gateways oifname != @bridges masquerade' : ''
  }
  }
  chain input { type filter hook input priority -5; policy accept;
    iifname @gateways goto to_host
    iifname "${metadataBridge}" goto to_metadata
  }
  chain to_host {
    ct direction reply ct state established,related accept
    ct state related accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp sport 546 udp dport 547 accept
${hostPortLines(access.hostPorts)
  .map((line) => `    ${line}\n`)
  .join('')}    counter drop
  }
  chain to_metadata {
    ct direction reply ct state established,related accept
    tcp dport ${METADATA_PORT} accept
    counter drop
  }
  chain ingress { type filter hook forward priority -5; policy accept;
    iifname . oifname @bridged goto to_guest
    oifname @gateways goto from_host
    iifname @gateways goto outward
    meta nfproto ipv4 iifname @ours_only oifname != "brq*" goto through
  }
  chain outward {
    ct direction reply ct state established,related accept
    ct state related accept
    ${access.outbound ? 'accept' : 'counter drop'}
  }
  chain through {
    ct state established,related accept
    ct status dnat accept
    counter drop
  }
  chain host { type filter hook output priority -5; policy accept;
    oifname @gateways goto from_host
  }
  chain to_guest {
    meta mark 0 accept
    ct state invalid counter drop
    ct direction reply ct state established,related accept
    ct state related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query } accept
    udp sport 67 udp dport 68 accept
    udp sport 547 udp dport 546 accept
    meta mark vmap @to
    counter drop
  }
  chain from_host {
    meta mark set ${NEW}
    ct direction reply ct state established,related meta mark set ${REPLY}
    ct state related meta mark set ${REPLY}
  }`

/** Keeps the pieces by key and says in nft's language how to get from one state to the next, or to the whole. */
export class RuleSet {
  readonly #names: CloudNames
  readonly #access: GuestAccess
  readonly #fragments = new Map<string, Fragment>()
  /** How many pieces use an address set, and which address sets stand. */
  readonly #users = new Map<string, number>()
  readonly #standing = new Set<string>()

  constructor(names: CloudNames, access: GuestAccess = DEFAULT_GUEST_ACCESS) {
    this.#names = names
    this.#access = access
  }

  keys = (): Iterable<string> => this.#fragments.keys()

  get = (key: string): Fragment | undefined => this.#fragments.get(key)

  /** The tables as they should be, in place of what was there, in one transaction. */
  whole(): string {
    const { table, group, metadataBridge } = this.#names
    const all = [...this.#fragments.values()]
    const elements = grouped(all.flatMap((fragment) => fragment.elements))
    const define = (family: Family, fixed: string) => [
      `table ${family} ${table} {`,
      ...[...named(all.flatMap((fragment) => fragment.sets)).values()]
        .filter((set) => set.family === family)
        .map((set) => `  set ${set.name} { ${addressSetBody(set)}\n  }`),
      ...Object.entries(SETS)
        .filter(([, [of]]) => of === family)
        .map(([name, [, kind, type]]) => {
          const inside = elements.get(name as SetName)
          return `  ${kind} ${name} { ${type}${inside === undefined ? '' : ` elements = { ${inside.join(', ')} }`}\n  }`
        }),
      ...all
        .flatMap((fragment) => fragment.chains)
        .filter((chain) => chain.family === family)
        .map(({ name, rules }) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`),
      `${fixed}\n}`,
    ]
    return [
      this.nothing(),
      ...define('bridge', bridgeChains(group)),
      ...define('inet', inetChains(metadataBridge, this.#access)),
      '',
    ].join('\n')
  }

  /** No tables, whether or not there were any. */
  nothing(): string {
    const { table } = this.#names
    return (['bridge', 'inet'] as const)
      .map((family) => `table ${family} ${table}\ndelete table ${family} ${table}\n`)
      .join('')
  }

  /**
   * Takes these pieces in place of those of the same key, or takes them out where undefined, and answers the one
   * transaction that does the same in the kernel; empty when nothing changes.
   */
  change(updates: ReadonlyMap<string, Fragment | undefined>): string {
    const before = [...updates.keys()].map((key) => this.#fragments.get(key) ?? NOTHING)
    const after = [...updates.values()].map((fragment) => fragment ?? NOTHING)
    for (const fragment of before) this.#count(fragment, -1)
    for (const fragment of after) this.#count(fragment, 1)
    for (const [key, fragment] of updates)
      if (fragment === undefined) this.#fragments.delete(key)
      else this.#fragments.set(key, fragment)

    const { table } = this.#names
    const lines: string[] = []
    const oldSets = named(before.flatMap((fragment) => fragment.sets))
    const newSets = named(after.flatMap((fragment) => fragment.sets))
    for (const [key, set] of newSets)
      if (!this.#standing.has(key)) {
        this.#standing.add(key)
        lines.push(`add set ${set.family} ${table} ${set.name} { ${addressSetBody(set)} }`)
      }

    const oldChains = named(before.flatMap((fragment) => fragment.chains))
    const newChains = named(after.flatMap((fragment) => fragment.chains))
    for (const [key, { family, name }] of newChains)
      if (!oldChains.has(key)) lines.push(`add chain ${family} ${table} ${name}`)
    for (const [key, { family, name, rules }] of newChains) {
      const old = oldChains.get(key)
      if (old?.rules.join('\n') === rules.join('\n')) continue
      if (old !== undefined) lines.push(`flush chain ${family} ${table} ${name}`)
      for (const rule of rules) lines.push(`add rule ${family} ${table} ${name} ${rule}`)
    }

    const oldElements = before.flatMap((fragment) => fragment.elements)
    const newElements = after.flatMap((fragment) => fragment.elements)
    const put = (verb: 'add' | 'delete', elements: readonly Element[], than: readonly Element[]) => {
      const others = new Set(than.map((element) => element.join()))
      for (const [set, inside] of grouped(elements.filter((element) => !others.has(element.join()))))
        lines.push(`${verb} element ${SETS[set][0]} ${table} ${set} { ${inside.join(', ')} }`)
    }
    put('delete', oldElements, newElements)
    put('add', newElements, oldElements)

    for (const [key, { family, name }] of oldChains) {
      if (newChains.has(key)) continue
      lines.push(`flush chain ${family} ${table} ${name}`, `delete chain ${family} ${table} ${name}`)
    }
    for (const [key, { family, name }] of oldSets) {
      if (this.#users.has(key)) continue
      this.#standing.delete(key)
      lines.push(`delete set ${family} ${table} ${name}`)
    }
    return lines.map((line) => `${line}\n`).join('')
  }

  #count(fragment: Fragment, by: 1 | -1): void {
    for (const key of named(fragment.sets).keys()) {
      const users = (this.#users.get(key) ?? 0) + by
      if (users === 0) this.#users.delete(key)
      else this.#users.set(key, users)
    }
  }
}

const addressSetBody = ({ ipVersion, addresses }: AddressSet) =>
  `type ipv${ipVersion}_addr; flags interval; elements = { ${addresses.join(', ')} }`

/** By family and name, each once. */
function named<T extends { readonly family: Family; readonly name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [`${item.family} ${item.name}`, item]))
}

function grouped(elements: readonly Element[]): Map<SetName, string[]> {
  const sets = new Map<SetName, Set<string>>()
  for (const [set, element] of elements) {
    const inside = sets.get(set) ?? new Set()
    inside.add(element)
    sets.set(set, inside)
  }
  return new Map([...sets].map(([set, inside]) => [set, [...inside]]))
}
