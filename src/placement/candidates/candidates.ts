/**
 * The search for allocation candidates: pure, over a world of providers. Each group finds what could serve it, by the
 * tree (its root, the *anchor*) that it would be served in; then groups are put together tree by tree.
 * Sources: placement/objects/allocation_candidate.py, research_context.py
 */
import type { CandidatesRequest, Group } from './request.ts'
import type { WorldProvider } from './world.ts'

/** One way to serve the whole request. */
export interface AllocationRequest {
  readonly resources: readonly ResourceRequest[]
  /** By group suffix: the providers that serve it. */
  readonly mappings: ReadonlyMap<string, ReadonlySet<string>>
}

export interface ResourceRequest {
  readonly provider: WorldProvider
  readonly resourceClass: string
  readonly amount: number
}

export interface Candidates {
  readonly requests: readonly AllocationRequest[]
  /** Providers to tell about: those in the trees of the requests. */
  readonly providers: readonly WorldProvider[]
}

/** A way to serve one group in one tree. */
interface Part extends AllocationRequest {
  readonly suffix: string
  readonly anchor: string
}

const SHARES = 'MISC_SHARES_VIA_AGGREGATE'
/** More ways than anybody looks at: a bound on what one request may cost. */
const MOST = 100_000

/** @param nestedAware from 1.29 on one request may take from several providers of one tree */
export function findCandidates(
  world: readonly WorldProvider[],
  request: CandidatesRequest,
  { nestedAware }: { nestedAware: boolean },
): Candidates {
  const search = new Search(world, request)
  const parts = request.groups.map((group) => search.partsOf(group))
  if (parts.some((found) => found.length === 0)) return { requests: [], providers: [] }

  const requests = new Map<string, AllocationRequest>()
  const most = Math.min(request.limit ?? MOST, MOST)
  for (const found of search.combine(parts)) {
    if (!nestedAware && search.hasTrees && takesTwiceFromATree(found)) continue
    requests.set(keyOf(found), found)
    if (requests.size >= most) break
  }
  const all = [...requests.values()]
  const used = new Set(all.flatMap(({ resources }) => resources.map(({ provider }) => provider.id)))
  const trees = new Set(all.flatMap(({ resources }) => resources.map(({ provider }) => provider.rootId)))
  const onlyUsed = !nestedAware && search.hasTrees
  return {
    requests: all,
    providers: world.filter((provider) => (onlyUsed ? used.has(provider.id) : trees.has(provider.rootId))),
  }
}

class Search {
  readonly hasTrees: boolean
  private readonly world: readonly WorldProvider[]
  private readonly request: CandidatesRequest
  private readonly byId: ReadonlyMap<string, WorldProvider>
  private readonly sharing: readonly WorldProvider[]
  /** Roots that may anchor a candidate; undefined is all. */
  private readonly anchors: ReadonlySet<string> | undefined

  constructor(world: readonly WorldProvider[], request: CandidatesRequest) {
    this.world = world
    this.request = request
    this.byId = new Map(world.map((provider) => [provider.id, provider]))
    this.hasTrees = world.some(({ parentId }) => parentId !== null)
    this.sharing = world.filter(({ traits }) => traits.has(SHARES))
    const { rootTraits } = request
    this.anchors =
      rootTraits &&
      new Set(
        world
          .filter(
            ({ parentId, traits }) =>
              parentId === null &&
              rootTraits.required.every((trait) => traits.has(trait)) &&
              !rootTraits.forbidden.some((trait) => traits.has(trait)),
          )
          .map(({ id }) => id),
      )
  }

  partsOf(group: Group): readonly Part[] {
    return group.suffix === '' && (this.sharing.length > 0 || this.hasTrees)
      ? this.spread(group)
      : this.onOneProvider(group)
  }

  /** A group with a suffix, or any group in a world without trees: one provider serves all of it. */
  private onOneProvider(group: Group): Part[] {
    const { resources, traits, aggregates } = group
    const classes = Object.entries(resources)
    // Upstream finds nothing for a group that asks for nothing at all.
    if (classes.length === 0 && traits.required.length === 0 && aggregates.required.length === 0) return []
    const root = this.rootOfTree(group)
    if (root === null) return []
    const parts: Part[] = []
    for (const provider of this.world) {
      if (root !== undefined && provider.rootId !== root) continue
      if (!classes.every(([name, amount]) => hasRoom(provider, name, amount))) continue
      if (!satisfies(provider.traits, traits.required) || hasAny(provider.traits, traits.forbidden)) continue
      if (!satisfies(provider.aggregates, aggregates.required) || hasAny(provider.aggregates, aggregates.forbidden)) {
        continue
      }
      const part = {
        suffix: group.suffix,
        resources: classes.map(([resourceClass, amount]) => ({ provider, resourceClass, amount })),
        mappings: new Map([[group.suffix, new Set([provider.id])]]),
      }
      const anchors = new Set([provider.rootId, ...(provider.traits.has(SHARES) ? this.anchorsOf(provider) : [])])
      for (const anchor of anchors) if (this.mayAnchor(anchor)) parts.push({ ...part, anchor })
    }
    return parts
  }

  /** The group without a suffix: its classes may come from several providers of a tree, and from sharing ones. */
  private spread(group: Group): Part[] {
    const { traits, aggregates } = group
    const wanted = traits.required.flat()
    if (wanted.length > 0 && !this.world.some((provider) => hasAny(provider.traits, wanted))) return []
    const root = this.rootOfTree(group)
    if (root === null) return []

    // By tree: for each class the providers that could give it.
    let trees: Map<string, Map<string, WorldProvider[]>> | undefined
    for (const [name, amount] of Object.entries(group.resources)) {
      const found = new Map<string, WorldProvider[]>()
      for (const [anchor, provider] of this.givers(group, name, amount, root)) {
        const given = found.get(anchor)
        if (given === undefined) found.set(anchor, [provider])
        else if (!given.includes(provider)) given.push(provider)
      }
      const next = new Map<string, Map<string, WorldProvider[]>>()
      for (const [anchor, providers] of found) {
        const before = trees?.get(anchor)
        if (trees === undefined || before !== undefined)
          next.set(anchor, new Map([...(before ?? []), [name, providers]]))
      }
      trees = next
    }
    const parts: Part[] = []
    for (const [anchor, byClass] of trees ?? []) {
      for (const resources of product([...byClass].map(([name, providers]) => requestsFor(group, name, providers)))) {
        const providers = resources.map(({ provider }) => provider)
        if (providers.some((provider) => hasAny(provider.traits, traits.forbidden))) continue
        if (!satisfies(new Set(providers.flatMap((provider) => [...provider.traits])), traits.required)) continue
        const mappings = new Map([[group.suffix, new Set(providers.map(({ id }) => id))]])
        parts.push({ suffix: group.suffix, anchor, resources, mappings })
      }
    }
    return aggregates.required.length > 0 && !this.anyIn(aggregates.required) ? [] : parts
  }

  /** Pairs of anchor and provider: each provider in its own tree, sharing ones also in those that they share with. */
  private *givers(
    group: Group,
    name: string,
    amount: number,
    root: string | undefined,
  ): Iterable<[string, WorldProvider]> {
    const { required, forbidden } = group.aggregates
    const inside = (id: string) => satisfies(this.byId.get(id)!.aggregates, required)
    const outside = (id: string) => !hasAny(this.byId.get(id)!.aggregates, forbidden)
    for (const provider of this.world) {
      if (!hasRoom(provider, name, amount)) continue
      const anchors = new Set<string>()
      if (root === undefined || provider.rootId === root) anchors.add(provider.rootId)
      // A tree that was named takes nothing from outside of it.
      if (root === undefined && provider.traits.has(SHARES) && (required.length === 0 || inside(provider.id))) {
        for (const anchor of this.anchorsOf(provider)) anchors.add(anchor)
      }
      for (const anchor of anchors) {
        if (!this.mayAnchor(anchor)) continue
        // An aggregate of the root spans the whole tree.
        if (required.length > 0 && !inside(provider.id) && !inside(anchor)) continue
        if (!outside(provider.id) || !outside(anchor)) continue
        yield [anchor, provider]
      }
    }
  }

  /** Every choice of one part a group within one tree that holds together and fits. */
  *combine(groups: readonly (readonly Part[])[]): Iterable<AllocationRequest> {
    const anchors = new Map<string, Part[][]>()
    groups.forEach((parts, at) => {
      for (const part of parts) {
        const lists = anchors.get(part.anchor) ?? groups.map(() => [])
        lists[at]!.push(part)
        anchors.set(part.anchor, lists)
      }
    })
    for (const lists of anchors.values()) {
      if (lists.some((list) => list.length === 0)) continue
      for (const parts of product(lists, exceedsCapacity)) {
        if (this.request.isolate && !isIsolated(parts)) continue
        const found = merge(parts)
        if (this.request.sameSubtrees.every((suffixes) => this.isSubtree(found, suffixes))) yield found
      }
    }
  }

  /** Whether one of the providers of these groups is above all others. */
  private isSubtree({ mappings }: AllocationRequest, suffixes: readonly string[]): boolean {
    const ids = new Set(suffixes.flatMap((suffix) => [...(mappings.get(suffix) ?? [])]))
    const lines = [...ids].map((id) => this.lineOf(id))
    return [...ids].some((id) => lines.every((line) => line.has(id)))
  }

  /** A provider and all above it. */
  private lineOf(id: string): ReadonlySet<string> {
    const line = new Set<string>()
    for (let at: string | null = id; at !== null; at = this.byId.get(at)?.parentId ?? null) line.add(at)
    return line
  }

  /** Roots of the trees that have a provider in an aggregate of this one. */
  private anchorsOf({ aggregates }: WorldProvider): readonly string[] {
    if (aggregates.size === 0) return []
    const with_ = this.world.filter((other) => hasAny(other.aggregates, [...aggregates]))
    return [...new Set(with_.map(({ rootId }) => rootId))]
  }

  private mayAnchor(root: string): boolean {
    return this.anchors === undefined || this.anchors.has(root)
  }

  /** The root of the tree that a group is bound to; undefined for none, null when there is no such tree. */
  private rootOfTree({ inTree }: Group): string | undefined | null {
    return inTree === undefined ? undefined : (this.byId.get(inTree)?.rootId ?? null)
  }

  private anyIn(required: readonly (readonly string[])[]): boolean {
    return this.world.some(({ aggregates }) => satisfies(aggregates, required))
  }
}

function requestsFor(group: Group, resourceClass: string, providers: readonly WorldProvider[]): ResourceRequest[] {
  const amount = group.resources[resourceClass]!
  return providers.map((provider) => ({ provider, resourceClass, amount }))
}

function hasRoom({ inventories }: WorldProvider, resourceClass: string, amount: number): boolean {
  const inventory = inventories.get(resourceClass)
  return (
    inventory !== undefined &&
    inventory.used + amount <= inventory.capacity &&
    amount >= inventory.minUnit &&
    amount <= inventory.maxUnit &&
    amount % inventory.stepSize === 0
  )
}

/** At least one of each list. */
function satisfies(has: ReadonlySet<string>, required: readonly (readonly string[])[]): boolean {
  return required.every((any) => any.some((name) => has.has(name)))
}

function hasAny(has: ReadonlySet<string>, names: readonly string[]): boolean {
  return names.some((name) => has.has(name))
}

/** Every choice of one a list, in order; a beginning that is hopeless is not gone on with. */
function* product<T>(
  lists: readonly (readonly T[])[],
  hopeless: (chosen: readonly T[]) => boolean = () => false,
  chosen: readonly T[] = [],
): Iterable<readonly T[]> {
  const [first, ...rest] = lists
  if (first === undefined) {
    yield chosen
    return
  }
  for (const each of first) {
    const longer = [...chosen, each]
    if (!hopeless(longer)) yield* product(rest, hopeless, longer)
  }
}

function sumsOf(parts: readonly AllocationRequest[]): Map<string, ResourceRequest> {
  const sums = new Map<string, ResourceRequest>()
  for (const { resources } of parts) {
    for (const each of resources) {
      const key = `${each.provider.id} ${each.resourceClass}`
      sums.set(key, { ...each, amount: each.amount + (sums.get(key)?.amount ?? 0) })
    }
  }
  return sums
}

/** Each group fits by itself; together they may ask one provider for too much. */
function exceedsCapacity(parts: readonly AllocationRequest[]): boolean {
  return [...sumsOf(parts).values()].some(({ provider, resourceClass, amount }) => {
    const { capacity, used, maxUnit } = provider.inventories.get(resourceClass)!
    return used + amount > capacity || amount > maxUnit
  })
}

function isIsolated(parts: readonly Part[]): boolean {
  const granular = parts.filter(({ suffix }) => suffix !== '')
  return new Set(granular.flatMap(({ suffix, mappings }) => [...mappings.get(suffix)!])).size === granular.length
}

function merge(parts: readonly Part[]): AllocationRequest {
  const mappings = new Map(parts.map(({ suffix, mappings }) => [suffix, mappings.get(suffix)!]))
  return { resources: [...sumsOf(parts).values()], mappings }
}

function takesTwiceFromATree({ resources }: AllocationRequest): boolean {
  const providers = new Map(resources.map(({ provider }) => [provider.id, provider.rootId]))
  return new Set(providers.values()).size < providers.size
}

/** The same for two requests that differ in nothing but their anchor. */
function keyOf({ resources, mappings }: AllocationRequest): string {
  const taken = resources.map(({ provider, resourceClass, amount }) => `${provider.id} ${resourceClass} ${amount}`)
  const served = [...mappings].map(([suffix, providers]) => `${suffix}=${[...providers].sort().join('+')}`)
  return [...taken.sort(), ...served.sort()].join('|')
}
