/** The version documents, which clients read before they have a token. Source: keystone/api/discovery.py */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Links } from '../links.ts'
import { routeList } from '../../http/route-list.ts'
import { jsonHome } from './json-home.ts'

const VERSION = 'v3.14'
const UPDATED = '2020-04-07T00:00:00Z'

export const versionRoutes: FastifyPluginAsync<{ links: Links }> = async (app, { links }) => {
  const version = {
    id: VERSION,
    status: 'stable',
    updated: UPDATED,
    links: [{ rel: 'self', href: `${links.base}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  }
  const config = { policy: 'versions:get' }

  app.get('/', { config }, async (request, reply) => {
    if (wantsJsonHome(request)) return reply.type('application/json-home').send(homeOf('/v3'))
    reply.code(300).header('location', `${links.base}/v3/`)
    return { versions: { values: [version] } }
  })

  app.get('/v3', { config }, async (request, reply) => {
    if (wantsJsonHome(request)) return reply.type('application/json-home').send(homeOf(''))
    return { version }
  })

  const homeOf = (prefix: string) =>
    JSON.stringify(
      jsonHome(
        routeList()
          .filter((route) => route.service === 'identity')
          .map((route) => route.path),
        prefix,
      ),
    )
}

function wantsJsonHome(request: FastifyRequest): boolean {
  const accept = request.headers.accept ?? ''
  const weight = (type: string) => {
    const part = accept.split(',').find((each) => each.trim().split(';')[0]!.trim() === type)
    return part === undefined ? 0 : Number(/q=([\d.]+)/.exec(part)?.[1] ?? 1)
  }
  return weight('application/json-home') > weight('application/json')
}
