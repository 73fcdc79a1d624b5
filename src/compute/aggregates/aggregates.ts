/**
 * The rules of aggregates. A host is in one zone at most, and the zone of a host with servers does not change under
 * them. Source: nova/compute/api.py, AggregateAPI
 */
import { type Database, type Sql, violatedConstraint } from '../../database/database.ts'
import { newId } from '../../ids.ts'
import * as errors from './errors.ts'
import * as store from './store.ts'

export type { Aggregate } from './store.ts'

export interface Aggregates {
  list(): Promise<readonly store.Aggregate[]>
  /** @throws DomainError not-found `compute.aggregate.not-found` */
  get(id: number): Promise<store.Aggregate>
  create(order: { name: string; zone: string | null }): Promise<store.Aggregate>
  update(id: number, change: { name?: string; zone?: string | null }): Promise<store.Aggregate>
  /** @throws DomainError invalid `compute.aggregate.not-empty` */
  remove(id: number): Promise<void>
  addHost(id: number, host: string): Promise<store.Aggregate>
  removeHost(id: number, host: string): Promise<store.Aggregate>
  /** null takes a key away. */
  setMetadata(id: number, metadata: Readonly<Record<string, string | null>>): Promise<store.Aggregate>
}

const ZONE = 'availability_zone'
type Refusal = 'invalid' | 'conflict'

export function openAggregates({ db }: { db: Database }): Aggregates {
  const get = async (sql: Sql, id: number) => {
    const found = await store.findAggregate(sql, id)
    if (found === undefined) throw errors.noAggregate(id)
    return found
  }

  /** Runs alone among changes of aggregates and answers the aggregate as it is afterwards. */
  const changed = async (id: number, change: (tx: Sql, before: store.Aggregate) => Promise<void>) => {
    await db.begin(async (tx) => {
      await store.lockZones(tx)
      await change(tx, await get(tx, id))
    })
    return await get(db, id)
  }

  return {
    list: () => store.listAggregates(db),
    get: (id) => get(db, id),

    async create({ name, zone }) {
      if (zone === '') throw errors.zoneNeedsAName(name)
      const metadata: Record<string, string> = zone === null ? {} : { [ZONE]: zone }
      const id = await named(name, () => store.insertAggregate(db, { uuid: newId(), name, metadata }))
      return await get(db, id)
    },

    update: (id, { name, zone }) =>
      named(name, () =>
        changed(id, async (tx, before) => {
          if (zone === null || zone === '') throw errors.zoneNeedsAName(id)
          if (zone !== undefined) await mayBecome(tx, before, zone, 'update', 'invalid')
          await store.changeAggregate(tx, id, {
            ...(name !== undefined && { name }),
            ...(zone !== undefined && { metadata: { ...before.metadata, [ZONE]: zone } }),
          })
        }),
      ),

    async remove(id) {
      await db.begin(async (tx) => {
        await store.lockZones(tx)
        if ((await get(tx, id)).hosts.length > 0) throw errors.aggregateIsNotEmpty(id)
        await store.deleteAggregate(tx, id)
      })
    },

    async addHost(id, host) {
      try {
        return await changed(id, async (tx, { metadata, hosts }) => {
          if (hosts.includes(host)) throw errors.hostIsMember(id, host)
          const zone = metadata[ZONE]
          if (zone !== undefined) await mayEnter(tx, id, [host], zone, 'add host to', 'conflict')
          await store.addHost(tx, id, host)
        })
      } catch (error) {
        if (violatedConstraint(error) === 'aggregate_hosts_host_fkey') throw errors.noSuchHost(host)
        throw error
      }
    },

    removeHost: (id, host) =>
      changed(id, async (tx, { metadata }) => {
        if (!(await store.removeHost(tx, id, host))) throw errors.hostIsNoMember(id, host)
        if (metadata[ZONE] !== undefined && (await store.haveServers(tx, [host]))) {
          throw errors.hostsHaveServers('remove host from', id, 'conflict')
        }
      }),

    setMetadata: (id, metadata) =>
      changed(id, async (tx, before) => {
        const zone = metadata[ZONE]
        if (zone === '') throw errors.zoneNeedsAName(id)
        if (zone !== undefined) await mayBecome(tx, before, zone, 'update metadata of', 'invalid')
        const entries = Object.entries({ ...before.metadata, ...metadata }).filter(([, value]) => value !== null)
        await store.changeAggregate(tx, id, { metadata: Object.fromEntries(entries) as Record<string, string> })
      }),
  }
}

/** The aggregate's zone may become `zone`, or none. @throws DomainError */
async function mayBecome(
  tx: Sql,
  { id, metadata, hosts }: store.Aggregate,
  zone: string | null,
  deed: string,
  reason: Refusal,
): Promise<void> {
  if (zone === (metadata[ZONE] ?? null) || hosts.length === 0) return
  if (zone === null) {
    if (await store.haveServers(tx, hosts)) throw errors.hostsHaveServers(deed, id, reason)
    return
  }
  await mayEnter(tx, id, hosts, zone, deed, reason)
}

/** Hosts may come into a zone by an aggregate. @throws DomainError when one is in another, or has servers */
async function mayEnter(tx: Sql, id: number, hosts: readonly string[], zone: string, deed: string, reason: Refusal) {
  const zones = await store.otherZones(tx, id, hosts)
  const others = zones.filter((other) => other !== zone)
  if (others.length > 0) throw errors.hostHasOtherZone(deed, id, others, reason)
  if (!zones.includes(zone) && (await store.haveServers(tx, hosts))) throw errors.hostsHaveServers(deed, id, reason)
}

async function named<T>(name: string | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (violatedConstraint(error) === 'aggregates_name') throw errors.aggregateExists(name ?? '')
    throw error
  }
}
