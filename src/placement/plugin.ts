/** Placement's routes in one plugin, and what its requests have in common: bodies, `Accept`, methods not allowed. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { ServiceContext } from '../http/service-context.ts'
import { asService } from '../http/service.ts'
import { placementFault } from './faults.ts'
import { policies } from './policies.ts'
import { rootRoutes } from './root.ts'
import { RANGE } from './versions.ts'

export function placementPlugin(context: ServiceContext): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    asService(app, {
      name: 'placement',
      policies,
      microversions: RANGE,
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: placementFault,
    })
    rootRoutes(app)
  }
}
