/** The list of extensions, deprecated upstream and still asked for by old clients. */
import type { FastifyPluginAsync } from 'fastify'
import { DomainError } from '../../domain-error.ts'
import { query } from '../parameter-types.ts'
import { EXTENSIONS } from './aliases.ts'

const NoQuery = query({}, { looseUntil: '2.101' })

export const extensionRoutes: FastifyPluginAsync = async (app) => {
  app.get(
    '/extensions',
    { config: { policy: 'os_compute_api:extensions' }, schema: { querystring: NoQuery } },
    async () => ({ extensions: Object.keys(EXTENSIONS).map(viewExtension) }),
  )

  app.get<{ Params: { alias: string } }>(
    '/extensions/:alias',
    { config: { policy: 'os_compute_api:extensions' }, schema: { querystring: NoQuery } },
    async ({ params }) => {
      if (!Object.hasOwn(EXTENSIONS, params.alias)) {
        throw new DomainError('not-found', 'compute.extension.not-found', 'The resource could not be found.')
      }
      return { extension: viewExtension(params.alias) }
    },
  )
}

function viewExtension(alias: string) {
  return {
    alias,
    name: EXTENSIONS[alias],
    description: `${EXTENSIONS[alias]} is part of the API.`,
    links: [],
    namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
    updated: '2014-12-03T00:00:00Z',
  }
}
