/** Compute's front door: flavors, keypairs, servers; and what a guest may know of itself. */
import type { FastifyPluginAsync } from 'fastify'
import type { Agents } from '../agent/contract.ts'
import type { MigrationFolder } from '../database/migrate.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { Images } from '../image/index.ts'
import type { ServerId } from '../ids.ts'
import type { GuestFacts } from '../metadata/index.ts'
import type { Network } from '../network/index.ts'
import type { Placement } from '../placement/index.ts'
import type { Volumes } from '../volume/index.ts'

export interface Compute {
  /** Mounted at `/compute`; paths inside begin with `/v2.1`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /** For the metadata listener. */
  guestFacts(serverId: ServerId): Promise<GuestFacts | undefined>
  /** Somebody deleted a port that a server has: its card is taken out. For main to join with network's news. */
  portRemoved(event: { portId: string; serverId: string; macAddress: string }): Promise<void>
  /** Flavors of the first cloud. */
  bootstrap(): Promise<void>
  /** Registers hosts with placement, starts the gardeners, and resumes watching guests. */
  start(): Promise<void>
  /** One round of the gardeners, for those who do not wait for the clock. */
  tend(): Promise<void>
  close(): Promise<void>
}

export interface ComputeDependencies {
  readonly agents: Agents
  readonly images: Images
  readonly placement: Placement
  readonly network: Network
  readonly volumes: Volumes
  /** Guests that a reboot of their host ended are started again: yes, unless it is turned off. */
  readonly resumeGuests?: boolean
  /** Identity's, for quotas and flavor access; without it every project is taken for real. */
  readonly projectExists?: (id: string) => Promise<boolean>
}

export const computeMigrations: MigrationFolder = {
  service: 'compute',
  folder: new URL('./migrations', import.meta.url).pathname,
}

export type OpenCompute = (context: ServiceContext, dependencies: ComputeDependencies) => Promise<Compute>

export { openCompute } from './open.ts'
