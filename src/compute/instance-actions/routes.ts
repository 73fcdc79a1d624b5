/** What was asked of a server, and step by step how it went. */
import type { FastifyPluginAsync } from 'fastify'
import type { Database } from '../../database/database.ts'
import type { Stories } from '../../durable/stories.ts'
import { microversion } from '../../http/microversions.ts'
import { nextPageUrl, pageOf } from '../../http/paging.ts'
import { badField, noAction } from '../errors.ts'
import { query } from '../parameter-types.ts'
import { timeIn } from '../servers/list.ts'
import type { Servers } from '../servers/servers.ts'
import Type from 'typebox'
import { findAction, listActions } from './store.ts'
import { viewAction, viewActionWithEvents } from './view.ts'

interface ActionParts {
  readonly db: Database
  readonly stories: Stories
  readonly servers: Servers
  readonly base: string
}

type Query = Readonly<Record<string, string | string[] | undefined>>
type OfServer = { Params: { server_id: string } }
type OfAction = { Params: { server_id: string; request_id: string } }

/** Actions of servers that are gone are readable from here on. */
const OF_DELETED = microversion('2.21')
const PAGED = microversion('2.58')
const MAX_PAGE = 1000

const ListQuery = query(
  {
    limit: Type.Optional(Type.String({ pattern: '^[0-9]+$' })),
    marker: Type.Optional(Type.String()),
    'changes-since': Type.Optional(Type.String()),
    'changes-before': Type.Optional(Type.String({ since: '2.66' })),
  },
  { looseUntil: '2.57' },
)

export const instanceActionRoutes: FastifyPluginAsync<ActionParts> = async (app, { db, stories, servers, base }) => {
  const url = '/servers/:server_id/os-instance-actions'

  app.get<OfServer>(
    url,
    { config: { policy: 'os_compute_api:os-instance-actions:list' }, schema: { querystring: ListQuery } },
    async (request) => {
      const { caller, microversion: version, params } = request
      const { id } = await servers.get(caller, params.server_id, { withDeleted: version >= OF_DELETED })
      if (version < PAGED) {
        return { instanceActions: (await listActions(db, id)).map((action) => viewAction(action, version)) }
      }
      const asked = request.query as Query
      const changesSince = timeIn(asked, 'changes-since')
      const changesBefore = version >= microversion('2.66') ? timeIn(asked, 'changes-before') : undefined
      if (changesSince !== undefined && changesBefore !== undefined && changesBefore < changesSince) {
        throw badField('The value of changes-since must be less than or equal to changes-before.')
      }
      const { limit, marker } = pageOf(asked, MAX_PAGE)
      if (marker !== undefined && (await findAction(db, id, marker)) === undefined) {
        throw badField(`Marker ${marker.slice(0, 255)} could not be found.`)
      }
      const found = await listActions(db, id, {
        limit: limit + 1,
        ...(marker !== undefined && { marker }),
        ...(changesSince !== undefined && { changesSince }),
        ...(changesBefore !== undefined && { changesBefore }),
      })
      const page = found.slice(0, limit)
      const next = found.length > limit ? page.at(-1)?.requestId : undefined
      return {
        instanceActions: page.map((action) => viewAction(action, version)),
        ...(next !== undefined && {
          links: [{ rel: 'next', href: nextPageUrl(base, `/v2.1/servers/${id}/os-instance-actions`, asked, next) }],
        }),
      }
    },
  )

  app.get<OfAction>(
    `${url}/:request_id`,
    {
      config: { policy: 'os_compute_api:os-instance-actions:show' },
      schema: { querystring: query({}, { looseUntil: '2.101' }) },
    },
    async (request) => {
      const { caller, microversion: version, params } = request
      const server = await servers.get(caller, params.server_id, { withDeleted: version >= OF_DELETED })
      const action = await findAction(db, server.id, params.request_id)
      if (action === undefined) throw noAction(params.request_id, server.id)
      const spans = action.storyId === null ? [] : await stories.steps(action.storyId)
      return { instanceAction: viewActionWithEvents(action, spans, server, { caller, version }) }
    },
  )
}
