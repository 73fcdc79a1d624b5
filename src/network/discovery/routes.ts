/**
 * What clients ask first: versions, collections, extensions.
 * Source: neutron/pecan_wsgi/controllers/root.py, extensions.py.
 */
import type { FastifyInstance } from 'fastify'
import { refusal } from '../errors.ts'
import { EXTENSIONS } from './extensions.ts'

const COLLECTIONS = [
  { name: 'network', collection: 'networks' },
  { name: 'subnet', collection: 'subnets' },
  { name: 'port', collection: 'ports' },
  { name: 'security_group', collection: 'security-groups' },
  { name: 'security_group_rule', collection: 'security-group-rules' },
  { name: 'quota', collection: 'quotas' },
  { name: 'agent', collection: 'agents' },
  { name: 'availability_zone', collection: 'availability_zones' },
  { name: 'network_ip_availability', collection: 'network-ip-availabilities' },
  { name: 'extension', collection: 'extensions' },
] as const

/** @param serviceUrl the service's root, without a slash at its end */
export function discoveryRoutes(app: FastifyInstance, serviceUrl: string): void {
  const version = {
    id: 'v2.0',
    status: 'CURRENT',
    links: [{ rel: 'self', href: `${serviceUrl}/v2.0/` }],
  }
  app.get('/', { config: { policy: 'versions' } }, async () => ({ versions: [version] }))

  app.get('/v2.0/', { config: { policy: 'resources' } }, async () => ({
    resources: COLLECTIONS.map(({ name, collection }) => ({
      name,
      collection,
      links: [{ rel: 'self', href: `${serviceUrl}/v2.0/${collection}` }],
    })),
  }))

  app.get('/v2.0/extensions', { config: { policy: 'get_extension' } }, async () => ({
    extensions: EXTENSIONS.map((extension) => ({ ...extension, links: [] })),
  }))

  app.get('/v2.0/extensions/:alias', { config: { policy: 'get_extension' } }, async (request) => {
    const { alias } = request.params as { alias: string }
    const extension = EXTENSIONS.find((each) => each.alias === alias)
    if (extension === undefined) throw refusal('network.extension.not-found', alias.slice(0, 64))
    return { extension: { ...extension, links: [] } }
  })
}
