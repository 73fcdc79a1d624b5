/**
 * What a flavor and an image ask of placement: resource classes, required and forbidden traits. Pure.
 * Source: nova/scheduler/utils.py (ResourceRequest), the `resources:` and `trait:` namespaces of extra specs.
 */

export interface Demand {
  readonly resources: Readonly<Record<string, number>>
  readonly requiredTraits: readonly string[]
  readonly forbiddenTraits: readonly string[]
}

export interface DemandOf {
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly extraSpecs?: Readonly<Record<string, string>>
  readonly imageProperties?: Readonly<Record<string, string>>
  /** The root disk is a volume and takes no room of the host. */
  readonly bootsFromVolume: boolean
}

export function demandOf(wish: DemandOf): Demand {
  const swapGiB = Math.ceil(wish.swapMiB / 1024)
  const resources: Record<string, number> = {
    VCPU: wish.vcpus,
    MEMORY_MB: wish.ramMiB,
    DISK_GB: (wish.bootsFromVolume ? 0 : wish.rootGiB) + wish.ephemeralGiB + swapGiB,
  }
  const required = new Set<string>()
  const forbidden = new Set<string>()
  for (const [key, value] of Object.entries(wish.extraSpecs ?? {})) {
    if (key.startsWith('resources:')) resources[key.slice('resources:'.length)] = Number(value)
    if (key.startsWith('trait:')) (value === 'forbidden' ? forbidden : required).add(key.slice('trait:'.length))
  }
  for (const [key, value] of Object.entries(wish.imageProperties ?? {})) {
    if (key.startsWith('trait:') && value === 'required') required.add(key.slice('trait:'.length))
  }
  // Placement refuses an amount of zero, and an extra spec of zero takes a class away.
  for (const [resourceClass, amount] of Object.entries(resources)) if (!(amount > 0)) delete resources[resourceClass]
  return { resources, requiredTraits: [...required], forbiddenTraits: [...forbidden] }
}
