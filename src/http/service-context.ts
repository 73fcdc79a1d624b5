/** What every service is given when it opens. Passed as an argument, so that each dependency shows in a signature. */
import type { Logger } from 'pino'
import type { Database } from '../database/database.ts'
import type { Stories } from '../durable/stories.ts'
import type { Caller } from './caller.ts'

export type ServiceName = 'identity' | 'compute' | 'placement' | 'image' | 'network' | 'volume'

export interface ServiceContext {
  readonly db: Database
  readonly stories: Stories
  readonly log: Logger
  /** Everything of ours on disk lies below; each service keeps to `${stateDir}/<service>`. */
  readonly stateDir: string
  /** Name of the one region, `RegionOne` unless set. */
  readonly region: string
  /** The URL of a service's root as clients see it, without a slash at the end: `http://127.0.0.1:5000/compute`. */
  publicUrl(service: ServiceName): string
  /** Identity's, bound late: @throws DomainError unauthenticated, `identity.token.invalid` */
  authenticate(token: string, requestId: string, serviceToken?: string): Promise<Caller>
}
