/** What the stories and gardeners of compute work with: the database and the neighbours. */
import type { Logger } from 'pino'
import type { Agents } from '../../agent/contract.ts'
import type { Database } from '../../database/database.ts'
import type { Images } from '../../image/index.ts'
import type { Network } from '../../network/index.ts'
import type { Placement } from '../../placement/index.ts'
import type { Volumes } from '../../volume/index.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { FlavorSize } from '../scheduler/index.ts'
import type { ServerGroups } from '../server-groups/server-groups.ts'

export interface Parts {
  readonly db: Database
  readonly log: Logger
  readonly agents: Agents
  readonly images: Images
  readonly placement: Placement
  readonly network: Network
  readonly volumes: Volumes
  readonly hosts: Hosts
  readonly groups: ServerGroups
  /** Sizes that a project may use, for the scheduler's advice. */
  readonly sizesFor: (projectId: string) => Promise<readonly FlavorSize[]>
}
