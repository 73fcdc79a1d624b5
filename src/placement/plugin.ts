/** Placement's routes in one plugin, and what its requests have in common: bodies and `Accept`. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { ServiceContext } from '../http/service-context.ts'
import { asService } from '../http/service.ts'
import { openAggregates } from './aggregates/aggregates.ts'
import { aggregateRoutes } from './aggregates/routes.ts'
import { openAllocations } from './allocations/allocations.ts'
import { allocationRoutes } from './allocations/routes.ts'
import { candidateRoutes } from './candidates/routes.ts'
import { badContentType, noContentType, notAcceptable } from './errors.ts'
import { placementFault } from './faults.ts'
import { openInventories } from './inventories/inventories.ts'
import { inventoryRoutes } from './inventories/routes.ts'
import { locationsOf } from './locations.ts'
import { policies } from './policies.ts'
import { openProviders } from './providers/providers.ts'
import { providerRoutes } from './providers/routes.ts'
import { reshaperRoutes } from './reshaper/routes.ts'
import { openResourceClasses } from './resource-classes/resource-classes.ts'
import { resourceClassRoutes } from './resource-classes/routes.ts'
import { rootRoutes } from './root.ts'
import { traitRoutes } from './traits/routes.ts'
import { openTraits } from './traits/traits.ts'
import { usageRoutes } from './usages/routes.ts'
import { RANGE } from './versions.ts'

export function placementPlugin(context: ServiceContext): FastifyPluginAsync {
  const { db } = context
  const locations = locationsOf(context)
  return async (app: FastifyInstance) => {
    asService(app, {
      name: 'placement',
      policies,
      scopes: ['project'],
      microversions: RANGE,
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: placementFault,
    })
    refuseByHeaders(app)
    rootRoutes(app)
    providerRoutes(app, openProviders(db), locations)
    resourceClassRoutes(app, openResourceClasses(db), locations)
    inventoryRoutes(app, openInventories(db), locations)
    aggregateRoutes(app, openAggregates(db))
    traitRoutes(app, openTraits(db), locations)
    allocationRoutes(app, openAllocations(db))
    usageRoutes(app, db, policies)
    candidateRoutes(app, db)
    reshaperRoutes(app, db)
  }
}

/** A body says what it is, and JSON is all that is spoken. */
function refuseByHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const { 'content-type': type, 'content-length': length, accept } = request.headers
    if (Number(length ?? 0) > 0 && (type === undefined || type === '')) throw noContentType()
    const takesBody = (request.routeOptions.schema as { body?: unknown } | undefined)?.body !== undefined
    const isJson = type?.split(';')[0]?.trim().toLowerCase() === 'application/json'
    if (takesBody && !isJson && request.routeOptions.config.rawBody !== true) throw badContentType(type ?? 'None')
    if (request.method === 'GET' && !request.is404 && accept !== undefined && !takesJson(accept)) throw notAcceptable()
  })
}

function takesJson(accept: string): boolean {
  return accept.split(',').some((part) => {
    const [type, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    const refused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    return !refused && (type === '*/*' || type === 'application/*' || type === 'application/json' || type === '')
  })
}
