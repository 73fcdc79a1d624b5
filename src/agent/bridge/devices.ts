/** Devices as `ip` tells of them, and the batch lines that make them as they should be: pure. */
import { DomainError } from '../../domain-error.ts'

export interface Device {
  readonly name: string
  readonly alias: string | undefined
  readonly group: number
  readonly mtu: number
  readonly mac: string
  readonly master: string | undefined
  readonly up: boolean
  /** Whether it gives itself a link-local address. */
  readonly linkLocal: boolean
  readonly isolated: boolean
  /** `10.0.0.1/24`, without link-local ones. */
  readonly addresses: readonly string[]
}

export type Devices = ReadonlyMap<string, Device>

export interface DeviceWish {
  readonly name: string
  /** The arguments of `ip link` that make it, if it is not there. */
  readonly make: string
  readonly alias?: string
  readonly group?: number
  readonly mtu?: number
  readonly mac?: string
  readonly master?: string
  readonly up: boolean
  readonly linkLocal: boolean
  readonly isolated?: boolean
  /** Exactly these; absent: as they are. */
  readonly addresses?: readonly string[]
}

interface IpDevice {
  ifname: string
  ifalias?: string
  group?: string
  mtu: number
  address?: string
  master?: string
  flags: string[]
  inet6_addr_gen_mode?: string
  linkinfo?: { info_slave_data?: { isolated?: boolean } }
  addr_info?: { local?: string; prefixlen?: number; scope?: string }[]
}

/** Reads `ip -j -d addr show`. */
export function parseDevices(json: string): Map<string, Device> {
  const devices = new Map<string, Device>()
  for (const device of JSON.parse(json === '' ? '[]' : json) as Partial<IpDevice>[]) {
    // Older iproute2 leaves an empty object for what it filtered out.
    if (device.ifname === undefined) continue
    devices.set(device.ifname, {
      name: device.ifname,
      alias: device.ifalias,
      group: Number(device.group ?? 0) || 0,
      mtu: device.mtu ?? 0,
      mac: device.address ?? '',
      master: device.master,
      up: device.flags?.includes('UP') === true,
      linkLocal: device.inet6_addr_gen_mode !== 'none',
      isolated: device.linkinfo?.info_slave_data?.isolated === true,
      addresses: (device.addr_info ?? [])
        .filter((address) => address.scope !== 'link' || address.local?.startsWith('169.254.') === true)
        .map((address) => `${address.local}/${address.prefixlen}`),
    })
  }
  return devices
}

/** What makes the device, down and without addresses; nothing if it is there. */
export function makeLines(wish: DeviceWish, have: Device | undefined): string[] {
  return have === undefined ? [wish.make] : []
}

/**
 * What the device still lacks, in an order in which no frame passes before it is ours by group. A device that is as it
 * should be gets no line: a running guest's is left alone.
 */
export function setLines(wish: DeviceWish, have: Device | undefined): string[] {
  const { name } = wish
  const lines: string[] = []
  const set = (what: string) => lines.push(`link set dev ${name} ${what}`)
  if (wish.linkLocal !== (have?.linkLocal ?? true)) set(`addrgenmode ${wish.linkLocal ? 'eui64' : 'none'}`)
  if (wish.alias !== undefined && wish.alias !== have?.alias) set(`alias ${checkedWord(wish.alias)}`)
  if (wish.group !== undefined && wish.group !== have?.group) set(`group ${wish.group}`)
  if (wish.mac !== undefined && wish.mac !== have?.mac) set(`address ${wish.mac}`)
  if (wish.mtu !== undefined && wish.mtu !== have?.mtu) set(`mtu ${checkedMtu(wish.mtu)}`)
  if (wish.master !== undefined && wish.master !== have?.master) set(`master ${wish.master}`)
  if (wish.isolated === true && have?.isolated !== true) set('type bridge_slave isolated on')
  if (wish.addresses !== undefined) {
    const wanted = new Set(wish.addresses)
    for (const address of have?.addresses ?? []) if (!wanted.has(address)) lines.push(`addr del ${address} dev ${name}`)
    for (const address of wanted)
      if (have?.addresses.includes(address) !== true)
        lines.push(`addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`)
  }
  if (wish.up !== (have?.up ?? false)) set(wish.up ? 'up' : 'down')
  return lines
}

function checkedWord(word: string): string {
  if (!/^[\x21-\x7e]+$/.test(word)) throw invalid(`${JSON.stringify(word)} cannot stand in a batch of ip.`)
  return word
}

function checkedMtu(mtu: number): number {
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw invalid(`${mtu} is no MTU.`)
  return mtu
}

const invalid = (message: string) => new DomainError('invalid', 'agent.network.invalid', message)
