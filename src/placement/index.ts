/** Placement's front door: inventories, allocations, candidates. Resource classes and traits are upstream's names. */
import type { FastifyPluginAsync } from 'fastify'
import type { MigrationFolder } from '../database/migrate.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { ProviderId } from '../ids.ts'

export interface Placement {
  /** Mounted at `/placement`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /** A host's provider, made if missing, with exactly this inventory and these traits. Generations move as upstream's do. */
  ensureProvider(provider: ProviderOrder): Promise<void>
  /** A host's provider is gone, with all that was claimed on it. Finding none is fine. */
  removeProvider(id: ProviderId): Promise<void>
  /** Providers with room for `resources` (all providers where it is empty) and with all of `required`, none of `forbidden`, by name: the scheduler ranks. */
  candidates(request: CandidateRequest): Promise<readonly Candidate[]>
  /**
   * Sets the consumer's allocation on one provider, whole or not at all. The room check is in the statement. Repeating
   * it changes nothing; a claim that already stands on this provider stays.
   * @throws DomainError no-capacity, `placement.inventory.full`
   */
  claim(claim: ClaimOrder): Promise<void>
  /** Removes all allocations of a consumer. Finding none is fine. */
  release(consumerId: string): Promise<void>
  /** Consumers with allocations on a provider, for the gardener that looks for forgotten claims. */
  consumersOn(providerId: ProviderId): Promise<readonly string[]>
  close(): Promise<void>
}

export interface ProviderOrder {
  readonly id: ProviderId
  readonly name: string
  readonly inventories: Readonly<Record<string, InventoryOrder>>
  readonly traits: readonly string[]
}

export interface InventoryOrder {
  readonly total: number
  readonly reserved?: number
  readonly minUnit?: number
  readonly maxUnit?: number
  readonly stepSize?: number
  readonly allocationRatio?: number
}

export interface CandidateRequest {
  readonly resources: Readonly<Record<string, number>>
  readonly required?: readonly string[]
  readonly forbidden?: readonly string[]
}

export interface Candidate {
  readonly providerId: ProviderId
  readonly name: string
  readonly traits: readonly string[]
  readonly inventories: Readonly<Record<string, CandidateInventory>>
}

export interface CandidateInventory {
  readonly total: number
  readonly reserved: number
  readonly used: number
  readonly allocationRatio: number
  readonly minUnit: number
  readonly maxUnit: number
  readonly stepSize: number
}

export interface ClaimOrder {
  readonly consumerId: string
  readonly providerId: ProviderId
  readonly resources: Readonly<Record<string, number>>
  readonly projectId: string
  readonly userId: string
  readonly consumerType?: string
}

export const placementMigrations: MigrationFolder = {
  service: 'placement',
  folder: new URL('./migrations', import.meta.url).pathname,
}

export type OpenPlacement = (context: ServiceContext) => Promise<Placement>

export { openPlacement } from './open.ts'
export { standardNames, type StandardNames } from './standard/names.ts'
