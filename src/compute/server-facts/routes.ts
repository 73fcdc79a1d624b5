/** Small facts of a server that say that there is nothing: no NUMA cells, no password left by the guest, no migrations. */
import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Servers } from '../servers/servers.ts'
import { noMigration } from '../errors.ts'
import { many, query } from '../parameter-types.ts'
import { ServerShowQuery } from '../servers/schemas.ts'

const text = Type.Optional(many(Type.String()))
const later = (since: string) => Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since }))
/** Source: nova/api/openstack/compute/schemas/migrations.py */
const MigrationsQuery = query(
  {
    hidden: text,
    host: text,
    instance_uuid: text,
    source_compute: text,
    status: text,
    migration_type: text,
    limit: later('2.59'),
    marker: later('2.59'),
    'changes-since': later('2.59'),
    'changes-before': later('2.66'),
    user_id: later('2.80'),
    project_id: later('2.80'),
  },
  { looseUntil: '2.58' },
)

type OfServer = { Params: { server_id: string } }
type OfMigration = { Params: { server_id: string; id: string } }

export const serverFactRoutes: FastifyPluginAsync<{ servers: Servers }> = async (app, { servers }) => {
  const find = (request: { caller: Parameters<Servers['get']>[0]; params: { server_id: string } }) =>
    servers.get(request.caller, request.params.server_id)

  /** Guests have no NUMA topology of their own here. Source: nova/api/openstack/compute/server_topology.py */
  app.get<OfServer>(
    '/servers/:server_id/topology',
    { config: { policy: 'compute:server:topology:index', since: '2.78' }, schema: { querystring: ServerShowQuery } },
    async (request) => {
      await find(request)
      return { nodes: [], pagesize_kb: null }
    },
  )

  /** Guests cannot leave a password with the metadata service, which is read only. */
  app.get<OfServer>(
    '/servers/:server_id/os-server-password',
    { config: { policy: 'os_compute_api:os-server-password:show' } },
    async (request) => {
      await find(request)
      return { password: '' }
    },
  )
  app.delete<OfServer>(
    '/servers/:server_id/os-server-password',
    { config: { policy: 'os_compute_api:os-server-password:clear' } },
    async (request, reply) => {
      await find(request)
      return reply.code(204).send()
    },
  )

  /** No server has ever moved, so every filter leaves as much. */
  app.get(
    '/os-migrations',
    { config: { policy: 'os_compute_api:os-migrations:index' }, schema: { querystring: MigrationsQuery } },
    async () => ({ migrations: [] }),
  )
  app.get<OfServer>(
    '/servers/:server_id/migrations',
    { config: { policy: 'os_compute_api:servers:migrations:index', since: '2.23' } },
    async (request) => {
      await find(request)
      return { migrations: [] }
    },
  )
  app.get<OfMigration>(
    '/servers/:server_id/migrations/:id',
    { config: { policy: 'os_compute_api:servers:migrations:show', since: '2.23' } },
    async (request) => {
      throw noMigration(request.params.id, (await find(request)).id)
    },
  )
}
