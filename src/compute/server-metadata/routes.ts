/** Metadata of a server: keys and values that its guest reads too. Source: nova/api/openstack/compute/server_metadata.py */
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { badField, limitExceeded, noMetadataItem, noServer } from '../errors.ts'
import { checkMove } from '../lifecycle/check-move.ts'
import { metadata } from '../parameter-types.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { Servers } from '../servers/servers.ts'
import { lockServer, setMetadata } from '../servers/store.ts'

type Metadata = Readonly<Record<string, string>>
type OfServer = { Params: { server_id: string } }
type OfItem = { Params: { server_id: string; key: string } }

const MetadataBody = Type.Object({ metadata }, { additionalProperties: false })
const ItemBody = Type.Object({ meta: metadata }, { additionalProperties: false })

interface MetadataParts {
  readonly db: Database
  readonly servers: Servers
  readonly quotas: Quotas
}

export const serverMetadataRoutes: FastifyPluginAsync<MetadataParts> = async (app, { db, servers, quotas }) => {
  const url = '/servers/:server_id/metadata'

  /** Two changes at once do not lose one: the row is held between reading and writing. */
  const change = async (caller: Caller, serverId: string, word: string, to: (before: Metadata) => Metadata) => {
    const { id } = await servers.get(caller, serverId)
    const { metadata_items: most } = await quotas.limits(caller.projectId, caller.userId)
    return await db.begin(async (tx) => {
      const server = await lockServer(tx, id)
      if (server === undefined) throw noServer(id)
      checkMove(server, 'change metadata', caller, word)
      const after = to(server.metadata)
      if (most >= 0 && Object.keys(after).length > most) {
        throw limitExceeded(`Maximum number of metadata items exceeds ${most}`)
      }
      await setMetadata(tx, id, after)
      return after
    })
  }

  app.get<OfServer>(url, { config: { policy: 'os_compute_api:server-metadata:index' } }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    return { metadata: server.metadata }
  })

  app.post<OfServer>(
    url,
    { config: { policy: 'os_compute_api:server-metadata:create' }, schema: { body: MetadataBody } },
    async (request) => {
      const { metadata: added } = request.body as Static<typeof MetadataBody>
      const word = 'create metadata'
      return {
        metadata: await change(request.caller, request.params.server_id, word, (before) => ({ ...before, ...added })),
      }
    },
  )

  app.put<OfServer>(
    url,
    { config: { policy: 'os_compute_api:server-metadata:update_all' }, schema: { body: MetadataBody } },
    async (request) => {
      const { metadata: next } = request.body as Static<typeof MetadataBody>
      return { metadata: await change(request.caller, request.params.server_id, 'update metadata', () => next) }
    },
  )

  app.get<OfItem>(`${url}/:key`, { config: { policy: 'os_compute_api:server-metadata:show' } }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    return { meta: itemOf(server.metadata, request.params.key) }
  })

  app.put<OfItem>(
    `${url}/:key`,
    { config: { policy: 'os_compute_api:server-metadata:update' }, schema: { body: ItemBody } },
    async (request) => {
      const { meta } = request.body as Static<typeof ItemBody>
      const { key, server_id } = request.params
      if (Object.keys(meta).length !== 1) throw badField('Request body contains too many items or none')
      if (!Object.hasOwn(meta, key)) throw badField('Request body and URI mismatch')
      return {
        meta: itemOf(
          await change(request.caller, server_id, 'update metadata', (before) => ({ ...before, ...meta })),
          key,
        ),
      }
    },
  )

  app.delete<OfItem>(
    `${url}/:key`,
    { config: { policy: 'os_compute_api:server-metadata:delete' } },
    async (request, reply) => {
      const { key, server_id } = request.params
      await change(request.caller, server_id, 'delete metadata', (before) => {
        itemOf(before, key)
        return Object.fromEntries(Object.entries(before).filter(([name]) => name !== key))
      })
      return reply.code(204).send()
    },
  )
}

function itemOf(all: Metadata, key: string): Metadata {
  if (!Object.hasOwn(all, key)) throw noMetadataItem()
  return { [key]: all[key]! }
}
