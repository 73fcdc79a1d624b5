/**
 * Hosts in, ranking out. Pure: no clock, no chance, no I/O. Every filter judges every host, also after one has said
 * no, so that the answer shows all that stands in the way.
 */
import { ALWAYS, JUDGES } from './filters.ts'
import {
  FILTERS,
  type HostVerdict,
  type Multipliers,
  type Ranking,
  type ScheduleRequest,
  type SchedulingHost,
} from './types.ts'
import { DEFAULT_MULTIPLIERS, weigh } from './weighers.ts'

/** Ties keep the order of host names, so that the same question has the same answer. */
export function rankHosts(
  request: ScheduleRequest,
  hosts: readonly SchedulingHost[],
  multipliers: Multipliers = DEFAULT_MULTIPLIERS,
): Ranking {
  const judges = FILTERS.filter((name) => !request.forced || ALWAYS.has(name))
    .map((name) => JUDGES[name](request))
    .filter((judge) => judge !== undefined)
  const fitting: SchedulingHost[] = []
  const judged = new Map<string, HostVerdict>()
  for (const host of hosts) {
    const filters = judges.map((judge) => judge(host))
    const passed = filters.every((verdict) => verdict.passed)
    judged.set(host.host, { host: host.host, passed, filters })
    if (passed) fitting.push(host)
  }
  const best = [...weigh(request, fitting, multipliers)].sort(
    (a, b) => b.weight - a.weight || byName(a.host.host, b.host.host),
  )
  const verdicts = best.map(({ host, weight, weights }, at) => ({
    ...judged.get(host.host)!,
    rank: at + 1,
    weight,
    weights,
  }))
  const refused = [...judged.values()].filter(({ passed }) => !passed).sort((a, b) => byName(a.host, b.host))
  return { ranked: verdicts.map(({ host }) => host), verdicts: [...verdicts, ...refused] }
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
