/** The network plane of a Linux host: bridges, taps, nftables, dnsmasq, namespaces. Facts behind it: ./README.md */
import type { Logger } from 'pino'
import type { NetworkPlane } from '../contract.ts'
import { DEFAULT_GUEST_ACCESS, type GuestAccess } from './guest-access.ts'
import { cloudNames } from './names.ts'
import { BridgePlane } from './plane.ts'
import { hostProblems } from './problems.ts'

export { parseHostPorts } from './guest-access.ts'
export { hostProblems } from './problems.ts'

export interface BridgePlaneOptions {
  /** 8 hex digits: what several clouds on one machine are told apart by. */
  readonly cloudId: string
  /** Of this plane alone. */
  readonly dir: string
  readonly log: Logger
  /** The DNS domain of guests; `openstacklocal` if absent, as upstream. */
  readonly dnsDomain?: string
  /** Closed inwards and open outwards, if absent. */
  readonly guestAccess?: GuestAccess
}

export interface BridgeNetworkPlane extends NetworkPlane {
  /** What on this host stands in the way, with the remedy: one line each. */
  problems(): Promise<string[]>
  /** Stops looking after the host; guests, devices and dnsmasq stay. */
  close(): Promise<void>
  /** Leaves nothing of this cloud on the host. The plane is closed then. */
  removeEverything(): Promise<void>
}

/** Needs root, and `ip`, `nft` and `dnsmasq`. Makes the host as this plane was last told. */
export async function openBridgePlane({
  cloudId,
  dir,
  log,
  dnsDomain = 'openstacklocal',
  guestAccess = DEFAULT_GUEST_ACCESS,
}: BridgePlaneOptions): Promise<BridgeNetworkPlane> {
  const names = cloudNames(cloudId)
  const plane = new BridgePlane(names, { dir, domain: dnsDomain, access: guestAccess, log })
  await plane.start()
  return Object.assign(plane, {
    problems: async () => [...plane.troubles(), ...(await hostProblems(names.metadataBridge))],
  })
}

/** `removeEverything` without making the host so first: for a cloud that is not running. */
export async function removeBridgePlane({ cloudId, dir, log }: BridgePlaneOptions): Promise<void> {
  await new BridgePlane(cloudNames(cloudId), { dir, domain: '', access: DEFAULT_GUEST_ACCESS, log }).removeEverything()
}
