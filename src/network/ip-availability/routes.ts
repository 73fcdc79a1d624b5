/**
 * How many addresses networks have and how many are taken.
 * Source: neutron/db/network_ip_availability_db.py, neutron-lib network_ip_availability.py.
 */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../../database/database.ts'
import type { NetworkId, ProjectId, SubnetId } from '../../ids.ts'
import { sizeOf, type WrittenPool } from '../addresses/allocation-pools.ts'
import { parseAddress } from '../addresses/ip-address.ts'
import { refusal } from '../errors.ts'
import { type AttributeTable, readOnly } from '../resources/attributes.ts'
import { byInteger, byText, byUuid } from '../resources/filters.ts'
import { matching, type Query, readListing } from '../resources/listing.ts'
import { isCanonicalUuid } from '../resources/values.ts'

const attributes: AttributeTable = {
  id: readOnly({ sort: 'n.id' }),
  network_id: readOnly({ filter: byUuid('n.id'), sort: 'n.id' }),
  network_name: readOnly({ filter: byText('n.name') }),
  project_id: readOnly({ filter: byText('n.project_id') }),
  tenant_id: readOnly({ filter: byText('n.project_id') }),
  ip_version: readOnly({ filter: byInteger('s.ip_version') }),
}

interface Row {
  readonly networkId: NetworkId
  readonly networkName: string
  readonly projectId: ProjectId
  readonly subnets: readonly {
    readonly id: SubnetId
    readonly name: string
    readonly cidr: string
    readonly ipVersion: 4 | 6
    readonly used: number
    readonly pools: readonly WrittenPool[]
  }[]
}

export function ipAvailabilityRoutes(app: FastifyInstance, db: Database): void {
  const load = (query: Query, id?: string) => {
    const listing = readListing(attributes, query)
    const ofSubnet = listing.filters.filter(({ name }) => name === 'ip_version')
    const ofNetwork = listing.filters.filter(({ name }) => name !== 'ip_version')
    return db<Row[]>`
      select n.id as network_id, n.name as network_name, n.project_id, (
          select coalesce(json_agg(json_build_object('id', s.id, 'name', s.name, 'cidr', s.cidr::text,
            'ipVersion', s.ip_version,
            'used', (select count(*) from network.ip_allocations a where a.subnet_id = s.id),
            'pools', (select coalesce(json_agg(json_build_object('start', host(p.first_ip), 'end', host(p.last_ip))), '[]'::json)
               from network.allocation_pools p where p.subnet_id = s.id)) order by s.created_at, s.id), '[]'::json)
            from network.subnets s where s.network_id = n.id and ${matching(db, { filters: ofSubnet })}) as subnets
        from network.networks n
       where ${matching(db, { filters: ofNetwork })} and ${id === undefined ? db`true` : db`n.id = ${id}`}
       order by n.id`
  }

  app.get('/v2.0/network-ip-availabilities', { config: { policy: 'get_network_ip_availability' } }, async (request) => {
    const rows = await load(request.query as Query)
    return { network_ip_availabilities: rows.map(view) }
  })

  app.get(
    '/v2.0/network-ip-availabilities/:id',
    { config: { policy: 'get_network_ip_availability' } },
    async (request) => {
      const { id } = request.params as { id: string }
      const [row] = isCanonicalUuid(id) ? await load({}, id) : []
      if (row === undefined) throw refusal('network.network.not-found', id.slice(0, 64))
      return { network_ip_availability: view(row) }
    },
  )
}

function view({ networkId, networkName, projectId, subnets }: Row) {
  const counted = subnets.map((subnet) => ({ subnet, total: total(subnet.pools) }))
  return {
    network_id: networkId,
    network_name: networkName,
    project_id: projectId,
    tenant_id: projectId,
    total_ips: exact(counted.reduce((sum, each) => sum + each.total, 0n)),
    used_ips: subnets.reduce((sum, { used }) => sum + used, 0),
    subnet_ip_availability: counted.map(({ subnet, total: addresses }) => ({
      subnet_id: subnet.id,
      subnet_name: subnet.name,
      cidr: subnet.cidr,
      ip_version: subnet.ipVersion,
      total_ips: exact(addresses),
      used_ips: subnet.used,
    })),
  }
}

function total(pools: readonly WrittenPool[]): bigint {
  return sizeOf(pools.map(({ start, end }) => ({ first: parseAddress(start)!.value, last: parseAddress(end)!.value })))
}

/** An IPv6 subnet has more addresses than a JavaScript number can tell; in JSON they are written out. */
function exact(count: bigint): unknown {
  return (JSON as typeof JSON & { rawJSON(text: string): unknown }).rawJSON(String(count))
}
