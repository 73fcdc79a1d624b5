/** The network service alone, on a real database, with hosts that remember what they were told. */
import type { Agent, Agents, NetworkSpec, PortSpec } from '../../agent/contract.ts'
import { DomainError } from '../../domain-error.ts'
import type { HostName, PortId } from '../../ids.ts'
import { type Answer, type Person, type ServiceUnderTest, serviceUnderTest } from '../../../test/support/service.ts'
import { networkMigrations, openNetwork } from '../index.ts'

/** A plane that keeps what it was told, and can be made to fail or to wait. */
export interface RememberedHost {
  readonly networks: Map<string, NetworkSpec>
  readonly ports: Map<string, PortSpec>
  /** What was called, in order: `ensurePort <id>`. */
  readonly calls: string[]
  /** Runs before each call; may throw. */
  before: (call: string) => Promise<void>
}

export interface NetworkUnderTest extends AsyncDisposable {
  readonly service: ServiceUnderTest
  readonly network: Awaited<ReturnType<typeof openNetwork>>
  readonly hosts: ReadonlyMap<string, RememberedHost>
  /** `ask('demo', 'GET', '/networks')`: below `/network/v2.0`. */
  ask(
    who: Person | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** The same, and the answer must be this. */
  expect(status: number, who: Person, method: string, path: string, body?: unknown): Promise<Answer['body']>
}

export async function networkUnderTest(hostNames: readonly string[] = ['host-1']): Promise<NetworkUnderTest> {
  const service = await serviceUnderTest([networkMigrations])
  const hosts = new Map(hostNames.map((name) => [name, remembered()]))
  const network = await openNetwork(service.context, { agents: agentsOf(hosts) })
  await service.mount('/network', network.plugin)
  const ask: NetworkUnderTest['ask'] = (who, method, path, body, headers) =>
    service.ask(who, method, `/network/v2.0${path}`, body, headers)
  return {
    service,
    network,
    hosts,
    ask,
    async expect(status, who, method, path, body) {
      const answer = await ask(who, method, path, body)
      if (answer.status !== status) {
        throw new Error(`${method} ${path}: ${answer.status} and not ${status}: ${JSON.stringify(answer.body)}`)
      }
      return answer.body
    },
    async [Symbol.asyncDispose]() {
      await network.close()
      await service[Symbol.asyncDispose]()
    },
  }
}

function remembered(): RememberedHost {
  return { networks: new Map(), ports: new Map(), calls: [], before: async () => {} }
}

function agentsOf(hosts: ReadonlyMap<string, RememberedHost>): Agents {
  const agents = [...hosts].map(
    ([name, host]) => ({ host: name as HostName, network: planeOf(host) }) as unknown as Agent,
  )
  return {
    all: () => agents,
    on(name) {
      const agent = agents.find(({ host }) => host === name)
      if (agent === undefined) throw new DomainError('unavailable', 'agent.host.unknown', `no host ${name}`)
      return agent
    },
  }
}

function planeOf(host: RememberedHost): Agent['network'] {
  const called = async (call: string) => {
    host.calls.push(call)
    await host.before(call)
  }
  return {
    async ensureNetwork(spec) {
      await called(`ensureNetwork ${spec.id}`)
      host.networks.set(spec.id, spec)
    },
    async ensurePort(spec) {
      await called(`ensurePort ${spec.id}`)
      if (!host.networks.has(spec.networkId)) throw new Error(`network ${spec.networkId} is not on the host`)
      host.ports.set(spec.id, spec)
      return { tap: `tap${spec.id.slice(0, 11)}` }
    },
    async removePort(id: PortId) {
      await called(`removePort ${id}`)
      host.ports.delete(id)
    },
    async removeNetwork(id) {
      await called(`removeNetwork ${id}`)
      if ([...host.ports.values()].some(({ networkId }) => networkId === id)) throw new Error(`network ${id} has ports`)
      host.networks.delete(id)
    },
    async reconcile(networks, ports) {
      await called('reconcile')
      host.networks.clear()
      host.ports.clear()
      for (const spec of networks) host.networks.set(spec.id, spec)
      for (const spec of ports) host.ports.set(spec.id, spec)
    },
    portOfMetadataPeer: () => undefined,
    metadataAddress: () => undefined,
  }
}
