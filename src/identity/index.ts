/**
 * Identity's front door: tokens, users, projects, roles, the catalog.
 */
import type { FastifyPluginAsync } from 'fastify'
import type { MigrationFolder } from '../database/migrate.ts'
import type { Caller } from '../http/caller.ts'
import type { PolicyTable } from '../http/policy.ts'
import type { ServiceContext } from '../http/service-context.ts'
import type { DomainId, ProjectId, UserId } from '../ids.ts'
import type { IdentitySettings } from './settings.ts'

export interface Identity {
  /** Mounted at `/identity`; paths inside begin with `/v3`. */
  readonly plugin: FastifyPluginAsync
  readonly policies: PolicyTable
  /**
   * @param serviceToken of a service that goes on with what a user began: with it his token may have ended, for a while
   * @throws DomainError unauthenticated, `identity.token.invalid` when either is bad
   */
  authenticate(token: string, requestId: string, serviceToken?: string): Promise<Caller>
  /** Makes what is missing of the first cloud and answers what stands; repeating it changes nothing. */
  bootstrap(order: BootstrapOrder): Promise<Bootstrapped>
  /** Whether a project is there: quotas of unknown projects are refused. */
  projectExists(id: ProjectId): Promise<boolean>
  close(): Promise<void>
}

export interface BootstrapOrder {
  readonly adminPassword: string
  readonly demoPassword: string
  /** Catalog: service type to public URL; `volumev3` gets `/v3/$(project_id)s` at its end, as its clients need. */
  readonly endpoints: Readonly<Record<string, { name: string; url: string }>>
}

export interface Bootstrapped {
  readonly domainId: DomainId
  readonly adminUserId: UserId
  readonly adminProjectId: ProjectId
  readonly demoUserId: UserId
  readonly demoProjectId: ProjectId
}

export const identityMigrations: MigrationFolder = {
  service: 'identity',
  folder: new URL('./migrations', import.meta.url).pathname,
}

export type OpenIdentity = (context: ServiceContext, settings?: IdentitySettings) => Promise<Identity>
export type { IdentitySettings }

export { effectiveLimits } from './limits/effective.ts'
export { openIdentity } from './open.ts'
