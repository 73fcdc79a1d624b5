/**
 * Compute's gardeners: woken by the clock and by what hypervisors tell, taking no input, each repeatable. They keep true
 * what must stay true: hosts are known to be alive, servers are shown as what their guests are, and nothing is left over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from '../../agent/contract.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Deed } from '../lifecycle/deed.ts'
import type { DeleteServer } from '../lifecycle/delete-server.ts'
import type { Parts } from '../lifecycle/parts.ts'
import { freeFromGoneStories } from './gone-stories.ts'
import { clearHost, releaseForgottenClaims } from './leftovers.ts'
import { syncPower } from './power-states.ts'
import { hostHasRebooted, resumeGuests } from './returned-hosts.ts'

export interface Gardeners {
  /** Everything once, at the start: hosts are registered, guests resumed, states compared. Then by clock and hint. */
  start(): Promise<void>
  /** One round of everything, for tests and for the impatient. */
  tend(): Promise<void>
  close(): Promise<void>
}

interface Settings {
  /** Guests that a reboot of their host ended are started again. */
  readonly resumeGuests: boolean
}

const HEARTBEAT_EVERY_MS = 10_000
const TEND_EVERY_MS = 60_000
const LISTEN_AGAIN_AFTER_MS = 1_000

export function openGardeners(
  stories: Stories,
  parts: Parts,
  { startServer, deleteServer }: { startServer: Story<Deed>; deleteServer: Story<DeleteServer> },
  settings: Settings,
): Gardeners {
  const { db, log, agents, hosts, network, volumes } = parts
  const closing = new AbortController()
  const loops: Promise<void>[] = []
  const returning = { db, log, stories, startServer }

  /** A host that does not answer is news, and no reason to neglect the others. */
  const careful = async (deed: string, agent: Agent | undefined, run: () => Promise<void>) => {
    try {
      await run()
    } catch (error) {
      if (closing.signal.aborted) return
      log.error({ deed, host: agent?.host, err: error }, 'a gardener could not do its round')
    }
  }

  const heartbeats = async () => {
    for (const agent of agents.all()) await careful('heartbeat', agent, () => hosts.heartbeat(agent))
  }

  const tend = async () => {
    for (const agent of agents.all()) {
      await careful('host return', agent, async () => {
        if (!(await hostHasRebooted(returning, agent))) return
        // Taps, rules and exports of the host went with its power.
        await Promise.all([network.reconcile(), volumes.reconcile()])
        if (settings.resumeGuests) await resumeGuests(returning, agent)
      })
      await careful('power states', agent, () => syncPower(parts, agent))
      await careful('leftovers', agent, () => clearHost(parts, agent))
      await careful('unused images', agent, async () => {
        const removed = await agent.disks.removeUnusedImages()
        if (removed.length > 0) log.info({ host: agent.host, images: removed }, 'images that no disk needs are removed')
      })
    }
    await careful('claims', undefined, () => releaseForgottenClaims(parts))
    await careful('stories', undefined, () => freeFromGoneStories({ db, log, stories, deleteServer }))
  }

  /** What happens to a guest shows at once; what is missed, the clock finds. */
  const listen = async (agent: Agent) => {
    while (!closing.signal.aborted) {
      await careful('events', agent, async () => {
        for await (const event of agent.hypervisor.watch(closing.signal)) {
          if (event.kind === 'disk-removed' || event.kind === 'interface-removed') continue
          await careful('event', agent, () => syncPower(parts, agent, event.id))
        }
      })
      await sleep(LISTEN_AGAIN_AFTER_MS, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  const every = async (ms: number, round: () => Promise<void>) => {
    while (!closing.signal.aborted) {
      await sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => {})
      if (!closing.signal.aborted) await round()
    }
  }

  return {
    async start() {
      await heartbeats()
      for (const agent of agents.all()) loops.push(listen(agent))
      await tend()
      loops.push(every(HEARTBEAT_EVERY_MS, heartbeats), every(TEND_EVERY_MS, tend))
    },
    tend,
    async close() {
      closing.abort()
      await Promise.all(loops)
    },
  }
}
