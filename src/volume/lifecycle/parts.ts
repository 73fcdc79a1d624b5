/** What the stories of volumes work with. */
import type { Logger } from 'pino'
import type { Database } from '../../database/database.ts'
import type { Backends } from '../backends.ts'
import type { Messages } from '../messages/messages.ts'

export interface LifecycleParts {
  readonly db: Database
  readonly backends: Backends
  readonly messages: Messages
  readonly log: Logger
  /** An undo that kept failing is news for an operator. */
  onStuckUndo(story: string, volumeId: string): (step: string, error: unknown) => void
}
