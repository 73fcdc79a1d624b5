/**
 * The frame of every deed on a standing server, such as a stop: how it is asked for, and how it ends. The deeds themselves
 * are the stories beside this file.
 */
import { type Step, saga } from '../../durable/saga.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import { type HostName, newId, type ServerId, type StoryId } from '../../ids.ts'
import { noServer } from '../errors.ts'
import { closeAction, openActions } from '../instance-actions/store.ts'
import type { Server } from '../servers/server.ts'
import { beginTask, deletionRequested, lockServer } from '../servers/store.ts'
import { checkMove } from './check-move.ts'
import type { Parts } from './parts.ts'
import { type FaultWithCode, faultOf } from './server-fault.ts'
import type { MoveName, TaskState } from './states.ts'

/** What every deed's story is told. */
export interface Deed {
  readonly [key: string]: unknown
  readonly serverId: ServerId
  readonly storyId: StoryId
  readonly host: HostName
}

interface Asked<More> {
  readonly move: MoveName
  /** The word of a refusal, where it is not the move's. */
  readonly word?: string
  /** What is shown meanwhile; absent where the server stays usable. */
  readonly task?: TaskState
  /** Upstream's word for the action's record. */
  readonly action: string
  readonly story: Story<Deed & More>
  /** What the story needs besides, settled in the same transaction. */
  readonly more: (server: Server, tx: Tx, storyId: StoryId) => Promise<More>
}
type Tx = Parameters<Parameters<Stories['commit']>[0]>[0]

/**
 * Checks the move on the locked row, and commits its record together with the request for its story.
 * @returns the story's id
 * @throws DomainError conflict `compute.server.wrong-state` and its like
 */
export async function begin<More extends object>(
  stories: Stories,
  caller: Caller,
  id: ServerId,
  { move, word, task, action, story, more }: Asked<More>,
): Promise<StoryId> {
  return await stories.commit(async (tx, ask) => {
    const server = await lockServer(tx, id)
    if (server === undefined) throw noServer(id)
    checkMove(server, move, caller, word)
    const storyId = newId<StoryId>()
    const rest = await more(server, tx, storyId)
    await openActions(tx, action, caller, [{ serverId: id, storyId }])
    if (task !== undefined) await beginTask(tx, id, task, storyId)
    await ask(story, storyId, { ...rest, serverId: id, storyId, host: server.host! })
    return storyId
  })
}

/**
 * Runs the steps of a deed. A delete that is asked for meanwhile ends it at the next step. The last step of `body` closes
 * the action; when one fails, `failed` says what becomes of the server, and the action is closed with the reason.
 */
export async function deed(
  parts: Parts,
  name: string,
  { serverId, storyId, host }: Deed,
  body: (step: Step) => Promise<void>,
  failed: (fault: FaultWithCode) => Promise<void>,
): Promise<void> {
  try {
    await saga(body, {
      abandoned: () => deletionRequested(parts.db, serverId),
      onStuckUndo: (step, error) =>
        parts.log.error({ server: serverId, deed: name, step, err: error }, 'undo of a step kept failing'),
    })
  } catch (error) {
    await saga((step) =>
      step('report failure', {
        run: async () => {
          const fault = faultOf(error)
          parts.log.info({ server: serverId, deed: name, story: storyId, err: error }, 'deed on a server failed')
          await failed(fault)
          await closeAction(parts.db, serverId, storyId, { host, failed: fault })
        },
      }),
    )
  }
}
