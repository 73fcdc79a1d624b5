/** Usages of providers and projects, as the Placement API reference lists them. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Database } from '../../database/database.ts'
import { microversion } from '../../http/microversions.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import { cacheable } from '../caching.ts'
import { getProvider } from '../providers/providers.ts'
import { checkQuery, lastOfEach, type Query } from '../query.ts'
import { type ProjectUsage, usageOfProject, usageOfProvider } from './store.ts'

const id = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000\\p{Cs}]*$' })
const UsageQuery = Type.Object(
  {
    project_id: id,
    user_id: Type.Optional(id),
    consumer_type: Type.Optional(
      Type.String({ pattern: '^[A-Z0-9_]+$|^all$|^unknown$', maxLength: 255, since: '1.38' }),
    ),
  },
  { additionalProperties: false },
)

type ByProvider = { Params: { uuid: string } }

const BY_TYPE = microversion('1.38')

export function usageRoutes(app: FastifyInstance, db: Database, policies: PolicyTable): void {
  app.get<ByProvider>(
    '/resource_providers/:uuid/usages',
    { config: { policy: 'placement:resource_providers:usages' } },
    async (request, reply) => {
      const { id: providerId, generation } = await getProvider(db, request.params.uuid)
      cacheable(request, reply)
      return { resource_provider_generation: generation, usages: await usageOfProvider(db, providerId) }
    },
  )

  app.get<{ Querystring: Query }>(
    '/usages',
    { config: { policy: 'placement:usages', since: '1.9' } },
    async (request, reply) => {
      const asked = lastOfEach(request.query).project_id
      authorize(policies, 'placement:usages', request.caller, { projectId: asked ?? '' })
      const version = request.microversion
      const {
        project_id: projectId,
        user_id: userId,
        consumer_type: type,
      } = checkQuery(version, UsageQuery, request.query)
      const whose = { projectId: projectId!, ...(userId !== undefined && { userId }) }
      cacheable(request, reply)
      if (version < BY_TYPE) {
        const rows = await usageOfProject(db, { ...whose, byType: false })
        return { usages: Object.fromEntries(rows.map(({ resourceClass, used }) => [resourceClass, used])) }
      }
      if (type === 'all') return { usages: byType(await usageOfProject(db, { ...whose, byType: false }), 'all') }
      const only = type === undefined ? {} : { type: type === 'unknown' ? null : type }
      return { usages: byType(await usageOfProject(db, { ...whose, byType: true, ...only }), 'unknown') }
    },
  )
}

/** @param nameless what rows without a type are called */
function byType(rows: readonly ProjectUsage[], nameless: string): Record<string, Record<string, number>> {
  const usages: Record<string, Record<string, number>> = {}
  for (const { type, resourceClass, used, consumers } of rows) {
    const name = type ?? nameless
    usages[name] ??= { consumer_count: consumers }
    usages[name][resourceClass] = used
  }
  return usages
}
