/** Whether a deed is allowed on a server as it is now. */
import type { Caller } from '../../http/caller.ts'
import { COMPUTE_POLICIES } from '../policies.ts'
import { notReady, serverLocked, wrongState } from '../errors.ts'
import type { Server } from '../servers/server.ts'
import { MOVES, type Move, type MoveName } from './states.ts'

/**
 * Call it with the row locked, in the transaction that begins the deed.
 * @param deed the word that the refusal uses, where it is not the move's own
 * @throws DomainError conflict `compute.server.locked`, `.wrong-state`, `.not-ready`
 */
export function checkMove(server: Server, name: MoveName, caller: Caller, deed: string = name): void {
  const move: Move = MOVES[name]
  if (move.lockable) checkLock(server, caller)
  if (move.from !== 'any' && !move.from.includes(server.vmState)) {
    throw wrongState(server.id, deed, 'vm_state', server.vmState)
  }
  if (move.during !== 'any' && !move.during.includes(server.taskState)) {
    throw wrongState(server.id, deed, 'task_state', server.taskState ?? 'None')
  }
  if (move.launched && server.launchedAt === null) throw wrongState(server.id, deed, 'launched_at', 'None')
  if (move.hosted && server.host === null) throw notReady(server.id)
}

export function checkLock(server: Server, caller: Caller): void {
  const overrides = COMPUTE_POLICIES['os_compute_api:os-lock-server:unlock:unlock_override']!.allows(caller, {})
  if (server.lockedBy !== null && !overrides) throw serverLocked(server.id)
}
