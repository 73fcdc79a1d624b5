/** A volume that a guest has was extended: the guest is told its new size. A guest that is off learns it at its start. */
import type { ServerId, VolumeId } from '../../ids.ts'
import { isDomainError } from '../../domain-error.ts'
import { deviceOfVolume } from '../servers/block-devices-store.ts'
import { findServer } from '../servers/store.ts'
import type { Parts } from './parts.ts'

export async function growDisk(
  { db, agents }: Pick<Parts, 'db' | 'agents'>,
  serverId: ServerId,
  volumeId: VolumeId,
  sizeGiB: number,
): Promise<void> {
  const [server, device] = await Promise.all([findServer(db, serverId), deviceOfVolume(db, serverId, volumeId)])
  if (server?.host == null || device === undefined) return
  const name = device.deviceName.replace(/^\/dev\//, '')
  try {
    await agents.on(server.host).hypervisor.resizeDisk(serverId, name, sizeGiB * 2 ** 30)
  } catch (error) {
    if (!isDomainError(error, 'agent.domain.unknown')) throw error
  }
}
