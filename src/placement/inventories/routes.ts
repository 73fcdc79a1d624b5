/** Inventories of providers, as the Placement API reference lists them. Rules: ./inventories.ts */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { microversion } from '../../http/microversions.ts'
import { cacheable, newest } from '../caching.ts'
import { methodNotAllowed } from '../errors.ts'
import type { Locations } from '../locations.ts'
import type { Inventories } from './inventories.ts'
import { InventoriesBody, InventoryAddBody, InventoryBody } from './schemas.ts'
import { inventoryOf, viewInventories, viewInventory } from './view.ts'

type ByProvider = { Params: { uuid: string } }
type ByClass = { Params: { uuid: string; resource_class: string } }

const MAY_RESERVE_ALL = microversion('1.26')
const DELETES_ALL = microversion('1.5')

export function inventoryRoutes(app: FastifyInstance, inventories: Inventories, locations: Locations): void {
  const url = '/resource_providers/:uuid/inventories'
  const rule = (request: FastifyRequest) => ({ mayReserveAll: request.microversion >= MAY_RESERVE_ALL })

  app.get<ByProvider>(
    url,
    { config: { policy: 'placement:resource_providers:inventories:list' } },
    async (request, reply) => {
      const found = await inventories.ofProvider(request.params.uuid)
      cacheable(request, reply, newest(found.inventories))
      return viewInventories(found)
    },
  )

  app.post<ByProvider & { Body: Static<typeof InventoryAddBody> }>(
    url,
    { config: { policy: 'placement:resource_providers:inventories:create' }, schema: { body: InventoryAddBody } },
    async (request, reply) => {
      const { resource_class: name, ...record } = request.body
      const { uuid } = request.params
      const added = await inventories.add(uuid, inventoryOf(name, record), rule(request))
      cacheable(request, reply, newest(added.inventories))
      reply.code(201).header('location', locations.url(`/resource_providers/${uuid}/inventories/${name}`))
      return viewInventory(added)
    },
  )

  app.put<ByProvider & { Body: Static<typeof InventoriesBody> }>(
    url,
    { config: { policy: 'placement:resource_providers:inventories:update' }, schema: { body: InventoriesBody } },
    async (request, reply) => {
      const { inventories: records, resource_provider_generation: seen } = request.body
      const all = Object.entries(records).map(([name, record]) => inventoryOf(name, record))
      const set = await inventories.setAll(request.params.uuid, all, seen, rule(request))
      cacheable(request, reply, newest(set.inventories))
      return viewInventories(set)
    },
  )

  app.delete<ByProvider>(
    url,
    { config: { policy: 'placement:resource_providers:inventories:delete' } },
    async (request, reply) => {
      if (request.microversion < DELETES_ALL) throw methodNotAllowed('DELETE', ['GET', 'POST', 'PUT'])
      await inventories.setAll(request.params.uuid, [], undefined, rule(request))
      return reply.code(204).send()
    },
  )

  app.get<ByClass>(
    `${url}/:resource_class`,
    { config: { policy: 'placement:resource_providers:inventories:show' } },
    async (request, reply) => {
      const found = await inventories.get(request.params.uuid, request.params.resource_class)
      cacheable(request, reply, newest(found.inventories))
      return viewInventory(found)
    },
  )

  app.put<ByClass & { Body: Static<typeof InventoryBody> }>(
    `${url}/:resource_class`,
    { config: { policy: 'placement:resource_providers:inventories:update' }, schema: { body: InventoryBody } },
    async (request, reply) => {
      const { uuid, resource_class: name } = request.params
      const inventory = inventoryOf(name, request.body)
      const { resource_provider_generation: seen } = request.body
      const updated = await inventories.update(uuid, inventory, seen, rule(request))
      cacheable(request, reply, newest(updated.inventories))
      return viewInventory(updated)
    },
  )

  app.delete<ByClass>(
    `${url}/:resource_class`,
    { config: { policy: 'placement:resource_providers:inventories:delete' } },
    async (request, reply) => {
      await inventories.remove(request.params.uuid, request.params.resource_class)
      return reply.code(204).send()
    },
  )
}
