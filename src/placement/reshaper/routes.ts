/** The reshaper, as the Placement API reference lists it. Rules: ./reshaper.ts */
import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { AnyAllocationsBody } from '../allocations/schemas.ts'
import { type ConsumerBody, orderOf } from '../allocations/view.ts'
import { InventoriesBody } from '../inventories/schemas.ts'
import { inventoryOf } from '../inventories/view.ts'
import { dashed } from '../query.ts'
import { uuidKey } from '../shapes.ts'
import { reshape } from './reshaper.ts'

const ReshapeBody = Type.Object(
  {
    inventories: Type.Record(uuidKey, InventoriesBody, { minProperties: 1, additionalProperties: false }),
    allocations: AnyAllocationsBody,
  },
  { additionalProperties: false },
)

export function reshaperRoutes(app: FastifyInstance, db: Database): void {
  app.post<{ Body: Static<typeof ReshapeBody> }>(
    '/reshaper',
    { config: { policy: 'placement:reshaper:reshape', since: '1.30' }, schema: { body: ReshapeBody } },
    async (request, reply) => {
      const shapes = Object.entries(request.body.inventories).map(([id, shape]) => ({
        providerId: dashed(id),
        generation: shape.resource_provider_generation,
        inventories: Object.entries(shape.inventories).map(([name, record]) => inventoryOf(name, record)),
      }))
      const consumers = Object.entries(request.body.allocations as Record<string, ConsumerBody>)
      await reshape(
        db,
        shapes,
        consumers.map(([id, body]) => orderOf(id, body)),
      )
      return reply.code(204).send()
    },
  )
}
