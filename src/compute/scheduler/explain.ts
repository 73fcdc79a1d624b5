/**
 * Why no host was found, in one line for `fault.message`: begins with upstream's sentence, goes on with what each host
 * lacked, counted, and ends with what would help. Names no host, because everybody may read it.
 */
import { amountOf } from './room.ts'
import { FILTERS, type FilterName, type FilterVerdict, type FlavorSize, type HostVerdict } from './types.ts'

/** A fault's message has so many characters. Source: nova's instance_faults table. */
const MAX_LENGTH = 255
const BEGIN = 'No valid host was found.'

/** @param flavors of which the largest that would fit is named; those that the user may see */
export function explain(
  verdicts: readonly HostVerdict[],
  { flavors = [] }: { flavors?: readonly FlavorSize[] } = {},
): string {
  if (verdicts.length === 0) return `${BEGIN} The cloud has no compute host.`
  if (verdicts.some(({ passed }) => passed)) {
    return `${BEGIN} The hosts that fitted have refused the server or filled up meanwhile; try again.`
  }
  const reasons = reasonsOf(verdicts)
  const total = `Of ${verdicts.length} ${verdicts.length === 1 ? 'host' : 'hosts'}, `
  const fix = fixFor(verdicts, flavors)
  for (let shown = reasons.length; shown > 0; shown--) {
    const rest = shown < reasons.length ? ', …' : ''
    const text = `${BEGIN} ${total}${reasons.slice(0, shown).join(', ')}${rest}.${fix}`
    if (text.length <= MAX_LENGTH) return text
  }
  const text = `${BEGIN} ${total}${reasons[0]}.`
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`
}

/** One phrase for each way to fail, those that most hosts share first. A host counts under its first failed filter. */
function reasonsOf(verdicts: readonly HostVerdict[]): string[] {
  const failed = new Map<FilterName, FilterVerdict[]>()
  for (const { filters } of verdicts) {
    const first = filters.find(({ passed }) => !passed)
    if (first === undefined) continue
    const list = failed.get(first.filter)
    if (list === undefined) failed.set(first.filter, [first])
    else list.push(first)
  }
  return [...failed]
    .sort(([a, ofA], [b, ofB]) => ofB.length - ofA.length || FILTERS.indexOf(a) - FILTERS.indexOf(b))
    .flatMap(([filter, list]) => phrases(filter, list))
}

function phrases(filter: FilterName, list: readonly FilterVerdict[]): string[] {
  const count = list.length
  const [is, lacks, does, runs] = count === 1 ? ['is', 'lacks', 'does', 'runs'] : ['are', 'lack', 'do', 'run']
  const needed = list[0]!.needed
  switch (filter) {
    case 'ComputeFilter':
      return [`${count} ${is} down or disabled`]
    case 'IgnoredHosts':
      return [`${count} refused the server`]
    case 'RequestedHost':
      return [`${count} ${is} not the requested one`]
    case 'AvailabilityZoneFilter':
      return [`${count} ${is} outside ${needed}`]
    case 'ComputeCapabilitiesFilter':
      return [`${count} ${lacks} capability ${needed}`]
    case 'ImagePropertiesFilter':
      return [`${count} ${does} not run the image (${needed})`]
    case 'ServerGroupAntiAffinityFilter':
      return [`${count} already ${runs} servers of the group (anti-affinity)`]
    case 'ServerGroupAffinityFilter':
      return [`${count} ${is} not where the group's servers are (affinity)`]
    case 'SameHostFilter':
      return [`${count} ${is} not where the servers of same_host are`]
    case 'DifferentHostFilter':
      return [`${count} ${runs} servers of different_host`]
    case 'traits':
      return [`${count} ${lacks} traits (needed: ${needed})`]
    case 'placement':
      return roomPhrases(list)
  }
}

/** Per resource class: how many hosts lack it and what the best of them has. */
function roomPhrases(list: readonly FilterVerdict[]): string[] {
  const lacking = new Map<string, { count: number; needed: number; most: number }>()
  for (const { resources = {} } of list) {
    for (const [resourceClass, { needed, largest }] of Object.entries(resources)) {
      if (needed <= largest) continue
      const so = lacking.get(resourceClass)
      lacking.set(resourceClass, {
        count: (so?.count ?? 0) + 1,
        needed,
        most: Math.max(so?.most ?? 0, largest),
      })
    }
  }
  if (lacking.size === 0) return [`${list.length} cannot give the amounts asked for (${list[0]!.needed})`]
  return [...lacking]
    .sort(([, a], [, b]) => b.count - a.count)
    .map(
      ([resourceClass, { count, needed, most }]) =>
        `${count} ${count === 1 ? 'lacks' : 'lack'} room (${amountOf(resourceClass, needed)} needed, at most ${most} free)`,
    )
}

/** What would help, where the verdicts show it: a smaller flavor, another zone. Empty where they do not. */
function fixFor(verdicts: readonly HostVerdict[], flavors: readonly FlavorSize[]): string {
  const onlyFailed = (filter: FilterName) =>
    verdicts.flatMap(({ filters }) => {
      const failed = filters.filter(({ passed }) => !passed)
      return failed.length === 1 && failed[0]!.filter === filter ? [failed[0]!] : []
    })
  const short = onlyFailed('placement')
  if (short.length > 0) {
    const fitting = flavors.filter((flavor) => short.some((verdict) => wouldFit(flavor, verdict)))
    const largest = fitting.reduce<FlavorSize | undefined>(
      (a, b) => (a === undefined || larger(b, a) ? b : a),
      undefined,
    )
    if (largest !== undefined) return ` The largest flavor that fits now is ${largest.name}.`
  }
  const zones = [
    ...new Set(onlyFailed('AvailabilityZoneFilter').map(({ had }) => had.replace('availability zone ', ''))),
  ]
  if (zones.length > 0) return ` It would fit in zone ${zones.sort().slice(0, 3).join(' or ')}.`
  return ''
}

function wouldFit(flavor: FlavorSize, { resources = {} }: FilterVerdict): boolean {
  const sizes: Record<string, number> = { VCPU: flavor.vcpus, MEMORY_MB: flavor.ramMiB, DISK_GB: flavor.diskGiB }
  return Object.entries(resources).every(([each, { needed, largest }]) => (sizes[each] ?? needed) <= largest)
}

/** By memory, then processors, then disk; of equals the first by name, so that the answer is always the same. */
function larger(a: FlavorSize, b: FlavorSize): boolean {
  const order = a.ramMiB - b.ramMiB || a.vcpus - b.vcpus || a.diskGiB - b.diskGiB
  return order === 0 ? a.name < b.name : order > 0
}
