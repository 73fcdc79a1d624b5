/** Agents by the names of their hosts. */
import { DomainError } from '../domain-error.ts'
import type { HostName } from '../ids.ts'
import type { Agent } from './contract.ts'

export function agentsOf<A extends Agent>(agents: readonly A[]): { on(host: HostName): A; all(): readonly A[] } {
  const byHost = new Map(agents.map((agent) => [agent.host, agent]))
  return {
    on(host) {
      const agent = byHost.get(host)
      if (agent === undefined)
        throw new DomainError('unavailable', 'agent.host.unknown', `There is no agent of host ${host}.`)
      return agent
    },
    all: () => agents,
  }
}
