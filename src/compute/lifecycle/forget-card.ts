/** A port was deleted under a server: the guest loses the card, and no start brings it back. Repeating it is fine. */
import { isDomainError } from '../../domain-error.ts'
import type { PortId, ServerId } from '../../ids.ts'
import { findServer, removeNic } from '../servers/store.ts'
import type { Parts } from './parts.ts'

export async function forgetCard(
  { db, agents }: Pick<Parts, 'db' | 'agents'>,
  { portId, serverId, macAddress }: { portId: string; serverId: string; macAddress: string },
): Promise<void> {
  const server = await findServer(db, serverId as ServerId)
  if (server === undefined) return
  await removeNic(db, server.id, portId as PortId)
  if (server.host === null) return
  try {
    await agents.on(server.host).hypervisor.detachInterface(server.id, macAddress)
  } catch (error) {
    if (!isDomainError(error, 'agent.domain.unknown')) throw error
  }
}
