/** Availability zones, as the Compute API reference lists them. Source of the shapes: nova's availability_zone.py */
import type { FastifyPluginAsync } from 'fastify'
import { type Hosts, zonesOf } from '../hosts/hosts.ts'
import { query } from '../parameter-types.ts'
import { toMicroseconds } from '../timestamps.ts'

const NoQuery = query({}, { looseUntil: '2.101' })

export const availabilityZoneRoutes: FastifyPluginAsync<{ hosts: Hosts }> = async (app, { hosts }) => {
  app.get(
    '/os-availability-zone',
    { config: { policy: 'os_compute_api:os-availability-zone:list' }, schema: { querystring: NoQuery } },
    async () => ({
      availabilityZoneInfo: [...zonesOf(await hosts.list())].map(([zoneName, { available }]) => ({
        zoneName,
        zoneState: { available },
        hosts: null,
      })),
    }),
  )

  app.get(
    '/os-availability-zone/detail',
    { config: { policy: 'os_compute_api:os-availability-zone:detail' }, schema: { querystring: NoQuery } },
    async () => ({
      availabilityZoneInfo: [...zonesOf(await hosts.list())].map(([zoneName, zone]) => ({
        zoneName,
        zoneState: { available: zone.available },
        hosts: zone.available
          ? Object.fromEntries(
              zone.hosts
                .filter(({ enabled }) => enabled)
                .map((host) => [
                  host.name,
                  {
                    'nova-compute': {
                      available: host.up,
                      active: host.enabled,
                      updated_at: host.lastSeenAt === null ? null : toMicroseconds(host.lastSeenAt),
                    },
                  },
                ]),
            )
          : null,
      })),
    }),
  )
}
