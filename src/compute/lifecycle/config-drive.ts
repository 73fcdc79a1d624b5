/** The config drive of a server: the files of its metadata on a disk of its host. Repeating it writes it anew. */
import type { Agent, PreparedDisk } from '../../agent/contract.ts'
import type { ServerId } from '../../ids.ts'
import { configDriveFiles } from '../../metadata/index.ts'
import { noServer } from '../errors.ts'
import { guestFacts } from './guest-facts.ts'
import type { Parts } from './parts.ts'

/** The ports must be bound: what the drive says of the network is drawn from them. */
export async function writeConfigDrive(parts: Parts, agent: Agent, serverId: ServerId): Promise<PreparedDisk> {
  const facts = await guestFacts(parts, serverId)
  if (facts === undefined) throw noServer(serverId)
  return await agent.disks.ensureConfigDrive(serverId, configDriveFiles(facts))
}
