/** Back ends in, ranking out: which of them may hold a volume, best first, and why the others may not. */
import { noValidBackend } from '../errors.ts'
import type { BackendState, PlacementWish } from './back-end.ts'
import { FILTERS } from './filters.ts'

export interface Refusal {
  readonly backend: string
  readonly filter: string
  readonly reason: string
}

export interface Ranking {
  readonly fit: readonly BackendState[]
  readonly refused: readonly Refusal[]
}

export function rank(states: readonly BackendState[], wish: PlacementWish): Ranking {
  const refused = states.flatMap((state) => refusal(state, wish) ?? [])
  const out = new Set(refused.map(({ backend }) => backend))
  const fit = states.filter((state) => !out.has(state.name))
  return { fit: fit.toSorted((a, b) => capacity(b) - capacity(a) || a.name.localeCompare(b.name)), refused }
}

function refusal(state: BackendState, wish: PlacementWish): Refusal | undefined {
  for (const { name, refuse } of FILTERS) {
    const reason = refuse(state, wish)
    if (reason !== undefined) return { backend: state.name, filter: name, reason }
  }
  return undefined
}

/** Room that is left, virtual where it is thin: the most wins. Source: cinder/scheduler/weights/capacity.py */
function capacity(state: BackendState): number {
  const reserved = Math.floor((state.totalGiB * state.reservedPercentage) / 100)
  return state.thinProvisioning
    ? state.totalGiB * state.maxOverSubscriptionRatio - state.provisionedGiB - reserved
    : state.freeGiB - reserved
}

/** The ranking's names, three at most: a back end that fails is not the end. @throws DomainError no-capacity, with all reasons and no names */
export function candidates({ fit, refused }: Ranking): readonly string[] {
  if (fit.length > 0) return fit.slice(0, 3).map((state) => state.name)
  if (refused.length === 0) throw noValidBackend('There is none.')
  const byReason = Map.groupBy(refused, ({ filter, reason }) => `${filter}: ${reason}`)
  const reasons = [...byReason].map(([reason, { length }]) => `${length} of ${refused.length} refused by ${reason}`)
  throw noValidBackend(`${reasons.join('; ')}.`)
}
