/**
 * Why a back end will not do. Each filter answers undefined for one that will, and otherwise the reason, in words that
 * a user may read: no names of hosts. Source: cinder/scheduler/filters/*.py
 */
import { type BackendState, capabilitiesOf, type PlacementWish } from './back-end.ts'
import { capabilityName, satisfies } from './extra-specs.ts'

export interface Filter {
  readonly name: string
  readonly refuse: (state: BackendState, wish: PlacementWish) => string | undefined
}

const isInService: Filter = {
  name: 'ServiceFilter',
  refuse: (state) => (!state.isUp ? 'does not answer' : !state.isEnabled ? 'is disabled' : undefined),
}

const hasAvailabilityZone: Filter = {
  name: 'AvailabilityZoneFilter',
  refuse(state, wish) {
    const ofType = wish.extraSpecs['RESKEY:availability_zones']?.split(',').map((zone) => zone.trim())
    if (ofType !== undefined && !ofType.includes(state.availabilityZone)) return 'is in no zone of the volume type'
    return state.availabilityZone === wish.availabilityZone ? undefined : `is not in zone ${wish.availabilityZone}`
  },
}

const hasCapabilities: Filter = {
  name: 'CapabilitiesFilter',
  refuse(state, wish) {
    const capabilities = capabilitiesOf(state)
    const unmet = Object.entries(wish.extraSpecs).find(([key, want]) => {
      const name = capabilityName(key)
      return name !== undefined && !satisfies(capabilities[name], want)
    })
    return unmet === undefined ? undefined : `does not satisfy the extra spec ${unmet[0]}`
  },
}

/** A back end that allocates thinly may promise more than it has, up to its ratio, but must have the room that is left. */
const hasCapacity: Filter = {
  name: 'CapacityFilter',
  refuse(state, wish) {
    const reserved = Math.floor((state.totalGiB * state.reservedPercentage) / 100)
    const free = state.freeGiB - reserved
    const asked = `${wish.sizeGiB} GiB asked`
    if (state.totalGiB <= 0) return 'has no room'
    if (!state.thinProvisioning) {
      return wish.sizeGiB <= free ? undefined : `${asked}, ${Math.max(0, Math.floor(free))} GiB free`
    }
    const promised = (state.provisionedGiB + wish.sizeGiB) / state.totalGiB
    if (promised > state.maxOverSubscriptionRatio) {
      return `${asked}, ${state.provisionedGiB} GiB promised of ${Math.floor(state.totalGiB * state.maxOverSubscriptionRatio)}`
    }
    return wish.sizeGiB <= free * state.maxOverSubscriptionRatio
      ? undefined
      : `${asked}, ${Math.max(0, Math.floor(free))} GiB free`
  },
}

const isWhereWanted: Filter = {
  name: 'AffinityFilter',
  refuse(state, { pinnedTo, sameAs = [], differentFrom = [] }) {
    if (pinnedTo !== undefined && state.name !== pinnedTo) return 'does not hold the source'
    if (sameAs.length > 0 && !sameAs.includes(state.name)) return 'is not the one of the hint same_host'
    return differentFrom.includes(state.name) ? 'is one of the hint different_host' : undefined
  },
}

/** In the order in which they are asked: the first refusal is the one that is told. */
export const FILTERS: readonly Filter[] = [
  isInService,
  isWhereWanted,
  hasAvailabilityZone,
  hasCapabilities,
  hasCapacity,
]
