/**
 * What the scheduler is told and what it answers: plain values, all of them JSON, so that verdicts can be stored and
 * shown as they are (`GET /servers/{id}/os-schedule-info`).
 */
import type { HostName, ProviderId } from '../../ids.ts'

/** One boot's wishes, settled: ids instead of names, hints resolved to hosts. */
export interface ScheduleRequest {
  /** Per resource class of placement what the server takes; zeros may stand or be left out. See demand.ts. */
  readonly resources: Readonly<Record<string, number>>
  readonly requiredTraits?: readonly string[]
  readonly forbiddenTraits?: readonly string[]
  readonly availabilityZone?: string
  /** Of the flavor: `capabilities:*` and keys without a namespace speak to ComputeCapabilitiesFilter. */
  readonly extraSpecs?: Readonly<Record<string, string>>
  /** Of the image: `hw_architecture`, `img_hv_type`, `hw_vm_mode`, `img_hv_requested_version`. */
  readonly imageProperties?: Readonly<Record<string, string>>
  /** A host by name: `host` of microversion 2.74, or the second part of `zone:host:node`. */
  readonly host?: string
  readonly hypervisorHostname?: string
  /** By `zone:host:node`, which skips every filter; room in placement is asked for all the same. */
  readonly forced?: boolean
  /** Hosts that have refused this server already. */
  readonly ignoredHosts?: readonly string[]
  readonly sameHost?: HintedServers
  readonly differentHost?: HintedServers
  readonly group?: ScheduleGroup
}

/** A hint's servers and the hosts that they are on. A server without a host adds no host. */
export interface HintedServers {
  readonly serverIds: readonly string[]
  readonly hosts: readonly string[]
}

export interface ScheduleGroup {
  readonly id: string
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'
  /** Rule of anti-affinity; 1 where absent. */
  readonly maxServerPerHost?: number
  /** How many of the group's servers are on each host, the server to be placed not counted. */
  readonly membersByHost: Readonly<Record<string, number>>
}

/** One host as the scheduler sees it at one moment. `hosts.forScheduling()` makes them. */
export interface SchedulingHost {
  readonly host: HostName
  readonly providerId: ProviderId
  readonly hypervisorHostname: string
  readonly enabled: boolean
  readonly disabledReason?: string
  readonly up: boolean
  readonly forcedDown?: boolean
  /** ISO 8601; absent for a host that was never heard of. */
  readonly lastSeenAt?: string
  readonly availabilityZone: string
  /** Metadata of the aggregates that the host is in: `cpu_weight_multiplier` and its like are read from it. */
  readonly aggregateMetadata: readonly Readonly<Record<string, string>>[]
  readonly hypervisorType: string
  /** libvirt's number form: 7.2.1 is 7002001. */
  readonly hypervisorVersion: number
  readonly cpuArchitecture: string
  readonly cpuModel: string
  readonly hostIp: string
  readonly traits: readonly string[]
  readonly inventories: Readonly<Record<string, Room>>
  /** Servers on the host, and those of them that are being built, resized or moved. */
  readonly servers: number
  readonly busyServers: number
}

/** One inventory of placement with what is used of it. */
export interface Room {
  readonly total: number
  readonly reserved: number
  readonly used: number
  readonly allocationRatio: number
  readonly minUnit?: number
  readonly maxUnit?: number
  readonly stepSize?: number
}

export const FILTERS = [
  'ComputeFilter',
  'IgnoredHosts',
  'RequestedHost',
  'AvailabilityZoneFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'ServerGroupAntiAffinityFilter',
  'ServerGroupAffinityFilter',
  'SameHostFilter',
  'DifferentHostFilter',
  'traits',
  'placement',
] as const
/** In the order in which they judge; upstream's names where upstream has one. */
export type FilterName = (typeof FILTERS)[number]

/** What one filter says of one host. A filter that the request gives nothing to check says nothing. */
export interface FilterVerdict {
  readonly filter: FilterName
  readonly passed: boolean
  /** In words for people. */
  readonly needed: string
  readonly had: string
  /** Of `placement` only: the numbers behind the words, per resource class of the request. */
  readonly resources?: Readonly<
    Record<string, { readonly needed: number; readonly free: number; readonly largest: number }>
  >
}

export interface HostVerdict {
  readonly host: HostName
  readonly passed: boolean
  /** Every filter that had something to check, also after the first that failed. */
  readonly filters: readonly FilterVerdict[]
  /** Of hosts that passed: 1 is the best. */
  readonly rank?: number
  /** Of hosts that passed: the sum that ranked them, and what each weigher put in (normalized, times multiplier). */
  readonly weight?: number
  readonly weights?: Readonly<Partial<Record<WeigherName, number>>>
}

export type WeigherName = 'ram' | 'cpu' | 'disk' | 'io-ops' | 'soft-affinity' | 'soft-anti-affinity'

/** Positive spreads, negative stacks; io-ops the other way round, because a busy host weighs more. */
export type Multipliers = Readonly<Record<WeigherName, number>>

export interface Ranking {
  /** Best first. */
  readonly ranked: readonly HostName[]
  /** One a host, ranked ones first in their order, then the others by name. */
  readonly verdicts: readonly HostVerdict[]
}

/** As `explain` needs it to name a flavor that would fit. Root, ephemeral and swap are in `diskGiB`. */
export interface FlavorSize {
  readonly name: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
}
