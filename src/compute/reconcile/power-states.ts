/**
 * What a server is shown as follows its guest: one that shut down from inside, or died, is SHUTOFF at once; one that
 * should be off is off. Servers with a deed under way are left to it.
 * Source: nova/compute/manager.py, _sync_instance_power_state
 */
import type { Agent, PowerState } from '../../agent/contract.ts'
import type { ServerId } from '../../ids.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { POWER, type Power } from '../lifecycle/states.ts'
import { correct, serversOn, type TendedServer } from './store.ts'

const POWER_OF: Readonly<Record<PowerState, Power>> = {
  running: POWER.running,
  paused: POWER.paused,
  'shut-down': POWER.shutDown,
  crashed: POWER.crashed,
  suspended: POWER.suspended,
}

/** All servers of a host, or one of them. */
export async function syncPower({ db, log }: Pick<Parts, 'db' | 'log'>, agent: Agent, only?: ServerId): Promise<void> {
  // Rows first: a correction is made only where nothing has happened to the row since.
  const servers = await serversOn(db, agent.host, only)
  const tended = servers.filter((server) => server.taskState === null && server.vmState !== 'building')
  if (tended.length === 0) return
  const domains = new Map(
    only === undefined
      ? (await agent.hypervisor.list()).map(({ id, state }) => [id, state])
      : [await agent.hypervisor.find(only)]
          .filter((domain) => domain !== undefined)
          .map(({ id, state }) => [id, state]),
  )
  for (const server of tended) {
    const state = domains.get(server.id)
    const power = state === undefined ? POWER.none : POWER_OF[state]
    const next = corrected(server, power)
    if (next === 'cut the power') {
      log.warn({ server: server.id, host: agent.host }, 'a guest runs that should be off; its power is cut')
      await agent.hypervisor.destroy(server.id)
    } else if (next !== undefined && (await correct(db, server, next.vmState, next.power))) {
      log.info({ server: server.id, host: agent.host, from: server.vmState, ...next }, 'power state corrected')
    }
  }
}

/** Pure: what becomes of a server whose guest is in this state. */
export function corrected(
  { vmState, powerState }: Pick<TendedServer, 'vmState' | 'powerState'>,
  power: Power,
): { vmState: TendedServer['vmState']; power: Power } | 'cut the power' | undefined {
  const isOff = power === POWER.none || power === POWER.shutDown || power === POWER.crashed
  if (vmState === 'active' && isOff) return { vmState: 'stopped', power: power === POWER.none ? POWER.shutDown : power }
  if (vmState === 'stopped' && power === POWER.running) return 'cut the power'
  // A definition that is missing is written anew by the next start.
  if (power === powerState || power === POWER.none) return undefined
  return { vmState, power }
}
