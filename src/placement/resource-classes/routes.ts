/** Resource classes, as the Placement API reference lists them. Rules: ./resource-classes.ts */
import type { FastifyInstance } from 'fastify'
import Type, { type Static } from 'typebox'
import { microversion } from '../../http/microversions.ts'
import { validate } from '../../http/schema-versions.ts'
import { cacheable, newest } from '../caching.ts'
import type { Locations } from '../locations.ts'
import { customName } from '../shapes.ts'
import type { ResourceClasses } from './resource-classes.ts'

const ClassBody = Type.Object({ name: customName }, { additionalProperties: false })
type ByName = { Params: { name: string } }

const PUT_ENSURES = microversion('1.7')

export function resourceClassRoutes(app: FastifyInstance, classes: ResourceClasses, locations: Locations): void {
  const view = (name: string) => ({
    name,
    links: [{ rel: 'self', href: locations.path(`/resource_classes/${name}`) }],
  })

  app.get(
    '/resource_classes',
    { config: { policy: 'placement:resource_classes:list', since: '1.2' } },
    async (request, reply) => {
      const found = await classes.list()
      cacheable(request, reply, newest(found))
      return { resource_classes: found.map(({ name }) => view(name)) }
    },
  )

  app.post<{ Body: Static<typeof ClassBody> }>(
    '/resource_classes',
    { config: { policy: 'placement:resource_classes:create', since: '1.2' }, schema: { body: ClassBody } },
    async (request, reply) => {
      const { name } = request.body
      await classes.create(name)
      return reply
        .code(201)
        .header('location', locations.url(`/resource_classes/${name}`))
        .send()
    },
  )

  app.get<ByName>(
    '/resource_classes/:name',
    { config: { policy: 'placement:resource_classes:show', since: '1.2' } },
    async (request, reply) => {
      const found = await classes.get(request.params.name)
      cacheable(request, reply, found.updatedAt)
      return view(found.name)
    },
  )

  // Up to 1.6 it renames a class, from 1.7 on it makes sure that there is one: the body is read by hand.
  app.put<ByName>(
    '/resource_classes/:name',
    {
      config: { policy: 'placement:resource_classes:update', since: '1.2', rawBody: true },
      schema: { body: ClassBody },
    },
    async (request, reply) => {
      const { name } = request.params
      const version = request.microversion
      if (version < PUT_ENSURES) {
        validate(version, ClassBody, request.body)
        const { name: to } = request.body as Static<typeof ClassBody>
        await classes.rename(name, to)
        return view(to)
      }
      validate(version, ClassBody, { name })
      const made = await classes.ensure(name)
      return reply
        .code(made ? 201 : 204)
        .header('location', locations.url(`/resource_classes/${name}`))
        .send()
    },
  )

  app.delete<ByName>(
    '/resource_classes/:name',
    { config: { policy: 'placement:resource_classes:delete', since: '1.2' } },
    async (request, reply) => {
      await classes.remove(request.params.name)
      return reply.code(204).send()
    },
  )
}
