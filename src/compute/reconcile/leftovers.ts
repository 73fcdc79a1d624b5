/**
 * What no server has any more: guests and disks on a host, claims in placement. Only what once was a server of this cloud
 * is touched: a host may hold guests of others, and placement claims of others.
 */
import type { Agent } from '../../agent/contract.ts'
import type { ServerId } from '../../ids.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { whereabouts } from './store.ts'

/** Domains and files of servers that are gone, or on another host by now. */
export async function clearHost({ db, log }: Pick<Parts, 'db' | 'log'>, agent: Agent): Promise<void> {
  const [domains, onDisk] = await Promise.all([agent.hypervisor.list(), agent.disks.list()])
  const there = new Set<ServerId>([...domains.map(({ id }) => id), ...onDisk])
  if (there.size === 0) return
  for (const { id, host, isIdle, isDeleted } of await whereabouts(db, [...there])) {
    // A boot or a deed under way may be putting things here, or taking them away.
    if (!isDeleted && (!isIdle || host === agent.host)) continue
    log.warn({ server: id, host: agent.host }, 'a server that is not here has left a guest or disks; they are removed')
    await agent.hypervisor.undefine(id)
    await agent.disks.removeServer(id)
  }
}

/** Claims of servers that are gone, or that never got a host. */
export async function releaseForgottenClaims({ db, log, hosts, placement }: Parts): Promise<void> {
  for (const { providerId, name } of await hosts.list()) {
    const consumers = await placement.consumersOn(providerId)
    if (consumers.length === 0) continue
    for (const { id, host, isIdle, isDeleted } of await whereabouts(db, consumers)) {
      if (!isDeleted && (!isIdle || host !== null)) continue
      log.warn({ server: id, host: name }, 'a claim of a server without a host is released')
      await placement.release(id)
    }
  }
}
