/**
 * Hosts kept as the tables say. Ports are plugged and unplugged one by one; changes of networks, groups and addresses
 * reach the ports that they concern; and each host is put in order as a whole at start, on a clock and on a hint.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Agents, NetworkPlane, NetworkSpec, PortSpec } from '../../agent/contract.ts'
import type { Database } from '../../database/database.ts'
import type { HostName, NetworkId, PortId } from '../../ids.ts'
import type { Fragment } from '../resources/filters.ts'
import { hostHasNetwork, loadFacts, loadNetwork, pluggedPorts, scope } from './facts.ts'
import { Gate } from './gate.ts'
import { Locks } from './locks.ts'
import { networkSpec, portSpecs } from './specs.ts'

export interface Planes {
  /** Whether there is an agent on the host. */
  knows(host: string): boolean
  /**
   * Networks and taps of ports whose rows say that they are plugged on the host. Repeating it changes nothing.
   * @returns tap by port; a port whose row is gone is absent
   */
  plug(host: HostName, portIds: readonly PortId[]): Promise<ReadonlyMap<PortId, string>>
  /** Takes the taps away, then runs `forget`, which clears the rows; a network without ports leaves the host too. */
  unplug(
    host: HostName,
    ports: readonly { readonly id: PortId; readonly networkId: NetworkId }[],
    forget: () => Promise<void>,
  ): Promise<void>
  /** Resolves when the hosts of these networks have them, and all their ports, as they now are. */
  networksChanged(ids: readonly string[]): Promise<void>
  portsChanged(ids: readonly string[]): Promise<void>
  /** Rules of these groups changed. Resolves when they are in force. */
  groupsChanged(ids: readonly string[]): Promise<void>
  /** Who is in these groups changed. Ports that let them in hear of it soon: a boot need not wait for all others. */
  membersChanged(ids: readonly string[]): void
  /** Every host as the tables say. A host that fails is logged, and the others go on. */
  reconcile(): Promise<void>
  /** Ends the clock and waits for what is under way. */
  close(): Promise<void>
}

const RECONCILE_EVERY_MS = 60_000
const MEMBERS_PAUSE_MS = 50
const MEMBERS_PAUSE_SHARE = 4

interface Host {
  readonly plane: NetworkPlane
  readonly gate: Gate
  readonly locks: Locks
  /** What the host was last told, so that a change of one port does not repeat all others. */
  readonly told: Map<string, string>
}

export function openPlanes({ db, agents, log }: { db: Database; agents: Agents; log: Logger }): Planes {
  const hosts = new Map<HostName, Host>()
  const at = (name: HostName): Host => {
    const known = hosts.get(name)
    if (known !== undefined) return known
    const host = {
      plane: agents.on(name).network,
      gate: new Gate(),
      locks: new Locks(),
      told: new Map<string, string>(),
    }
    hosts.set(name, host)
    return host
  }
  const knows = (name: string) => agents.all().some(({ host }) => host === name)

  /** A network as it is now: read again, because what was read before may have been told by somebody else since. */
  const tellNetwork = (host: Host, id: NetworkId) =>
    host.locks.holding([id], async () => {
      const network = await loadNetwork(db, id)
      if (network === undefined) return
      const spec = networkSpec(network)
      if (host.told.get(id) === JSON.stringify(spec)) return
      await telling(host, spec, () => host.plane.ensureNetwork(spec))
    })

  /**
   * Ports of one host as they are now; networks first, because a port needs its own. What has been told already is
   * told again only with `always`.
   * @returns the taps of what was told
   */
  const tell = (name: HostName, portIds: readonly PortId[], always: boolean): Promise<Map<PortId, string>> => {
    const host = at(name)
    return host.gate.shared(() =>
      host.locks.holding(portIds, async () => {
        const facts = await loadFacts(db, db`p.plugged_on = ${name} and ${scope.ports(db, portIds)}`)
        const isNews = (spec: NetworkSpec | PortSpec) => host.told.get(spec.id) !== JSON.stringify(spec)
        const news = facts.networks.map(networkSpec).filter(isNews)
        await Promise.all(news.map(({ id }) => tellNetwork(host, id)))
        const taps = new Map<PortId, string>()
        await Promise.all(
          portSpecs(facts)
            .filter((spec) => always || isNews(spec))
            .map(async (spec) => {
              const { tap } = await telling(host, spec, () => host.plane.ensurePort(spec))
              taps.set(spec.id, tap)
            }),
        )
        return taps
      }),
    )
  }

  /** Brings ports in `which`, on whatever hosts, up to date. A host that fails is put in order as a whole soon after. */
  const refresh = async (which: Fragment): Promise<void> => {
    const byHost = Map.groupBy(await pluggedPorts(db, which), ({ pluggedOn }) => pluggedOn)
    await Promise.all(
      [...byHost].map(async ([name, ports]) => {
        if (!knows(name)) return
        try {
          await tell(
            name,
            ports.map(({ id }) => id),
            false,
          )
        } catch (error) {
          log.error({ err: error, host: name }, 'network plane refused a change')
          hint(name)
        }
      }),
    )
  }

  const reconcileHost = async (name: HostName): Promise<void> => {
    const host = at(name)
    await host.gate.alone(async () => {
      const facts = await loadFacts(db, scope.host(db, name))
      const networks = facts.networks.map(networkSpec)
      const ports = portSpecs(facts)
      host.told.clear()
      await host.plane.reconcile(networks, ports)
      for (const spec of [...networks, ...ports]) host.told.set(spec.id, JSON.stringify(spec))
    })
  }

  const reconcileOrLog = async (name: HostName) => {
    try {
      await reconcileHost(name)
    } catch (error) {
      log.error({ err: error, host: name }, 'network plane not reconciled')
    }
  }
  const reconcile = async () => {
    await Promise.all(agents.all().map(({ host }) => reconcileOrLog(host)))
  }

  const underWay = new Set<Promise<void>>()
  const remember = (work: Promise<void>) => {
    const done = work.finally(() => underWay.delete(done))
    underWay.add(done)
  }
  let closed = false
  const hint = (name: HostName) => {
    if (!closed)
      remember(new Promise<void>((resolve) => setTimeout(resolve, 1000).unref()).then(() => reconcileOrLog(name)))
  }

  /**
   * Groups whose members changed. All ports that let them in are told together, a moment later and then no more often
   * than leaves most of the time to others: with every boot of a project, its default group changes for all its ports.
   */
  const changedMembers = new Set<string>()
  let round: Promise<void> | undefined
  let pauseMs = MEMBERS_PAUSE_MS
  const membersRound = async () => {
    while (changedMembers.size > 0 && !closed) {
      await sleep(pauseMs, undefined, { ref: false })
      const ids = [...changedMembers]
      changedMembers.clear()
      const begun = performance.now()
      await refresh(scope.speakingOf(db, ids)).catch((error) => {
        log.error({ err: error }, 'members of security groups not told')
      })
      pauseMs = Math.max(MEMBERS_PAUSE_MS, MEMBERS_PAUSE_SHARE * (performance.now() - begun))
    }
    round = undefined
  }

  /** The ports are gone from the tables already, so a host that keeps the network is no reason to fail them. */
  const leaveIfEmpty = async (name: HostName, networkId: NetworkId) => {
    if (await hostHasNetwork(db, name, networkId)) return
    const host = at(name)
    try {
      await host.gate.alone(async () => {
        if (await hostHasNetwork(db, name, networkId)) return
        host.told.delete(networkId)
        await host.plane.removeNetwork(networkId)
      })
    } catch (error) {
      log.error({ err: error, host: name, network: networkId }, 'network stays on a host')
      hint(name)
    }
  }

  const clock = setInterval(() => remember(reconcile()), RECONCILE_EVERY_MS)
  clock.unref()

  return {
    knows,

    plug: (name, portIds) => tell(name, portIds, true),

    async unplug(name, ports, forget) {
      if (!knows(name)) return await forget() // the host is gone, and its taps with it
      const host = at(name)
      const ids = ports.map(({ id }) => id)
      await host.gate.shared(() =>
        host.locks.holding(ids, async () => {
          await Promise.all(
            ids.map(async (id) => {
              host.told.delete(id)
              await host.plane.removePort(id)
            }),
          )
          await forget()
        }),
      )
      for (const networkId of new Set(ports.map((port) => port.networkId))) await leaveIfEmpty(name, networkId)
    },

    networksChanged: (ids) => refresh(scope.networks(db, ids)),
    portsChanged: (ids) => refresh(scope.ports(db, ids)),
    async groupsChanged(ids) {
      if (ids.length > 0) await refresh(scope.inGroups(db, ids))
    },

    membersChanged(ids) {
      if (closed) return
      for (const id of ids) changedMembers.add(id)
      if (round !== undefined || changedMembers.size === 0) return
      round = membersRound()
      remember(round)
    },

    reconcile,

    async close() {
      closed = true
      clearInterval(clock)
      await Promise.allSettled([...underWay])
    },
  }
}

/** Forgets what was told before it is told anew, so that a failure is told again. */
async function telling<T>(host: Host, spec: NetworkSpec | PortSpec, tell: () => Promise<T>): Promise<T> {
  host.told.delete(spec.id)
  const answer = await tell()
  host.told.set(spec.id, JSON.stringify(spec))
  return answer
}
