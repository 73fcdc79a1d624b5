/**
 * Agents as operators look for them. There are none of their own: each host's agent plugs ports and serves DHCP, so it
 * is shown as the two that upstream has for this.
 * Source: neutron-lib neutron_lib/api/definitions/agent.py, neutron/db/agents_db.py.
 */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Agents } from '../../agent/contract.ts'
import type { Database } from '../../database/database.ts'
import type { HostName } from '../../ids.ts'
import { refusal } from '../errors.ts'
import { type AttributeTable, readOnly, readValue } from '../resources/attributes.ts'
import type { Filter } from '../resources/filters.ts'
import { type Query, readListing } from '../resources/listing.ts'
import { boolean } from '../resources/values.ts'

const TYPES = [
  { agent_type: 'DHCP agent', binary: 'neutron-dhcp-agent', topic: 'dhcp_agent' },
  { agent_type: 'Linux bridge agent', binary: 'neutron-linuxbridge-agent', topic: 'N/A' },
] as const

interface AgentRow {
  readonly id: string
  readonly host: HostName
  readonly agentType: string
  readonly createdAt: Date
  readonly startedAt: Date
}

/** Lists of a handful are filtered here and not in SQL. */
const inMemory: Filter = (sql) => sql`true`
const byName = readOnly({ filter: inMemory })
const agentAttributes: AttributeTable = {
  id: readOnly({ filter: inMemory, sort: 'id' }),
  agent_type: byName,
  binary: byName,
  topic: byName,
  host: byName,
  admin_state_up: byName,
  alive: byName,
  description: byName,
  availability_zone: byName,
}

/** Writes down the agents of the hosts that are there. */
export async function registerAgents(db: Database, agents: Agents): Promise<void> {
  const rows = agents
    .all()
    .flatMap(({ host }) => TYPES.map(({ agent_type }) => ({ id: idOf(host, agent_type), host, agent_type })))
  if (rows.length === 0) return
  await db`
    insert into network.agents ${db(rows, 'id', 'host', 'agent_type')}
    on conflict (host, agent_type) do update set started_at = now()`
}

export function agentRoutes(app: FastifyInstance, db: Database, agents: Agents): void {
  const all = async () => {
    const rows = await db<
      AgentRow[]
    >`select id, host, agent_type, created_at, started_at from network.agents order by host, agent_type`
    const alive = new Set(agents.all().map(({ host }) => host))
    return rows.map((row) => view(row, alive.has(row.host)))
  }

  app.get('/v2.0/agents', { config: { policy: 'get_agent' } }, async (request) => {
    const listing = readListing(agentAttributes, request.query as Query)
    const wanted = listing.filters.map(({ name, values }) => ({
      name,
      values: ['alive', 'admin_state_up'].includes(name)
        ? values.map((value) => String(readValue(name, boolean, value)))
        : values,
    }))
    const found = (await all()).filter((agent) =>
      wanted.every(({ name, values }) => values.includes(String(agent[name as keyof typeof agent]))),
    )
    return { agents: found.map((agent) => trimmed(agent, listing.fields)) }
  })

  app.get('/v2.0/agents/:id', { config: { policy: 'get_agent' } }, async (request) => {
    const { id } = request.params as { id: string }
    const agent = (await all()).find((each) => each.id === id)
    if (agent === undefined) throw refusal('network.agent.not-found', id.slice(0, 64))
    return { agent }
  })
}

function view({ id, host, agentType, createdAt, startedAt }: AgentRow, alive: boolean) {
  const type = TYPES.find(({ agent_type }) => agent_type === agentType)!
  return {
    id,
    ...type,
    host,
    admin_state_up: true,
    alive,
    availability_zone: type.topic === 'dhcp_agent' ? 'nova' : null,
    configurations: {},
    description: null,
    created_at: plain(createdAt),
    started_at: plain(startedAt),
    // An agent within this process is alive as long as it answers: now.
    heartbeat_timestamp: plain(alive ? new Date() : startedAt),
  }
}

function trimmed<T extends object>(whole: T, fields: ReadonlySet<string> | undefined): Partial<T> {
  if (fields === undefined) return whole
  return Object.fromEntries(Object.entries(whole).filter(([name]) => fields.has(name))) as Partial<T>
}

/** `2026-01-31 12:00:00`, as agents alone have it. */
function plain(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}

/** The same for a host and type at every start: a name-based UUID. */
function idOf(host: string, type: string): string {
  const hex = createHash('sha1').update(`network agent\0${host}\0${type}`).digest('hex')
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
