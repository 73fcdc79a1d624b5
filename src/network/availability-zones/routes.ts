/** Zones that networks can be asked into. Source: neutron-lib neutron_lib/api/definitions/availability_zone.py. */
import type { FastifyInstance } from 'fastify'
import { ZONES } from '../networks/networks.ts'
import { type AttributeTable, readOnly } from '../resources/attributes.ts'
import type { Filter } from '../resources/filters.ts'
import { type Query, readListing } from '../resources/listing.ts'

const inMemory: Filter = (sql) => sql`true`
const zoneAttributes: AttributeTable = {
  id: readOnly({ sort: 'name' }),
  name: readOnly({ filter: inMemory }),
  resource: readOnly({ filter: inMemory }),
  state: readOnly({ filter: inMemory }),
}

export function availabilityZoneRoutes(app: FastifyInstance): void {
  app.get('/v2.0/availability_zones', { config: { policy: 'get_availability_zone' } }, async (request) => {
    const { filters } = readListing(zoneAttributes, request.query as Query)
    const zones = ZONES.map((name) => ({ name, resource: 'network', state: 'available' }))
    return {
      availability_zones: zones.filter((zone) =>
        filters.every(({ name, values }) => values.includes(zone[name as keyof typeof zone])),
      ),
    }
  })
}
