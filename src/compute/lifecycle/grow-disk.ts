/**
 * A volume that a guest has was extended: the guest is told its new size. A guest that is off learns it at its start. Stands
 * among the server's actions, as clients wait for it there.
 */
import { randomUUID } from 'node:crypto'
import { isDomainError } from '../../domain-error.ts'
import { newId, type ServerId, type StoryId, type VolumeId } from '../../ids.ts'
import { closeAction, openActions } from '../instance-actions/store.ts'
import { deviceOfVolume } from '../servers/block-devices-store.ts'
import { findServer } from '../servers/store.ts'
import type { Parts } from './parts.ts'
import { faultOf } from './server-fault.ts'

export async function growDisk(
  { db, agents }: Pick<Parts, 'db' | 'agents'>,
  serverId: ServerId,
  volumeId: VolumeId,
  sizeGiB: number,
): Promise<void> {
  const [server, device] = await Promise.all([findServer(db, serverId), deviceOfVolume(db, serverId, volumeId)])
  if (server?.host == null || device === undefined) return
  const { host } = server
  const name = device.deviceName.replace(/^\/dev\//, '')
  const storyId = newId<StoryId>()
  const owner = { requestId: `req-${randomUUID()}`, projectId: server.projectId, userId: server.userId }
  await db.begin((tx) => openActions(tx, 'extend_volume', owner, [{ serverId, storyId }]))
  try {
    await agents.on(host).hypervisor.resizeDisk(serverId, name, sizeGiB * 2 ** 30)
    await closeAction(db, serverId, storyId, { host })
  } catch (error) {
    const isOff = isDomainError(error, 'agent.domain.unknown')
    await closeAction(db, serverId, storyId, isOff ? { host } : { host, failed: faultOf(error) })
    if (!isOff) throw error
  }
}
