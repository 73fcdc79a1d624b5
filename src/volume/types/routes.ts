/** Volume types, their extra specs and who may use private ones; default types of projects. Rules: ./types.ts */
import type { FastifyInstance } from 'fastify'
import { action, actionRoute } from '../../http/actions.ts'
import { notFound, notOffered } from '../errors.ts'
import { linksOf } from '../list-query.ts'
import { volumePolicies as policies } from '../policies.ts'
import {
  DefaultTypeBody,
  ExtraSpecBody,
  ExtraSpecsBody,
  ProjectAccess,
  TypeCreateBody,
  type TypeCreate,
  TypeUpdateBody,
  type TypeUpdate,
} from './schemas.ts'
import { type Types, visibleSpecs } from './types.ts'
import { viewCreatedType, viewType, viewUpdatedType } from './view.ts'
import { invalidRequest } from '../errors.ts'

type ById = { Params: { id: string } }
type ByKey = { Params: { id: string; key: string } }

export function typeRoutes(app: FastifyInstance, { types, publicUrl }: { types: Types; publicUrl: string }): void {
  app.get('/v3/types', { config: { policy: 'volume_extension:type_get_all' } }, async (request) => {
    const rows = await types.list(request.caller, request.query as Record<string, unknown>, request.microversion)
    const next = linksOf(publicUrl, request).next('volume_type', 'types', { rows })
    return { volume_types: rows.map((type) => viewType(type, request.caller)), ...next }
  })

  app.post<{ Body: { volume_type: TypeCreate } }>(
    '/v3/types',
    { config: { policy: 'volume_extension:type_create' }, schema: { body: TypeCreateBody } },
    async (request) => ({ volume_type: viewCreatedType(await types.create(request.body.volume_type)) }),
  )

  app.get<ById>('/v3/types/:id', { config: { policy: 'volume_extension:type_get' } }, async (request) => {
    const { id } = request.params
    const type =
      id === 'default' ? await types.defaultOf(request.caller.projectId) : await types.get(request.caller, id)
    return { volume_type: viewType(type, request.caller) }
  })

  app.put<ById & { Body: { volume_type: TypeUpdate } }>(
    '/v3/types/:id',
    { config: { policy: 'volume_extension:type_update' }, schema: { body: TypeUpdateBody } },
    async (request) => ({
      volume_type: viewUpdatedType(await types.update(request.caller, request.params.id, request.body.volume_type)),
    }),
  )

  app.delete<ById>('/v3/types/:id', { config: { policy: 'volume_extension:type_delete' } }, async (request, reply) => {
    await types.remove(request.caller, request.params.id)
    return reply.code(202).send()
  })

  extraSpecRoutes(app, types)
  encryptionRoutes(app, types)
  accessRoutes(app, types)
  defaultTypeRoutes(app, types)
}

function extraSpecRoutes(app: FastifyInstance, types: Types): void {
  const url = '/v3/types/:id/extra_specs'

  app.get<ById>(url, { config: { policy: 'volume_extension:types_extra_specs:index' } }, async (request) => ({
    extra_specs: visibleSpecs(request.caller, await types.get(request.caller, request.params.id)),
  }))

  app.post<ById & { Body: { extra_specs: Record<string, string | null> } }>(
    url,
    { config: { policy: 'volume_extension:types_extra_specs:create' }, schema: { body: ExtraSpecsBody } },
    async (request) => {
      await types.putExtraSpecs(request.caller, request.params.id, request.body.extra_specs)
      return request.body
    },
  )

  app.get<ByKey>(
    `${url}/:key`,
    { config: { policy: 'volume_extension:types_extra_specs:show' } },
    async ({ caller, params: { id, key } }) => {
      const specs = visibleSpecs(caller, await types.get(caller, id))
      if (!Object.hasOwn(specs, key)) {
        throw notFound('volume.type.spec-not-found', `Volume Type ${id} has no extra specs with key ${key}.`)
      }
      return { [key]: specs[key] }
    },
  )

  app.put<ByKey & { Body: Record<string, string | null> }>(
    `${url}/:key`,
    { config: { policy: 'volume_extension:types_extra_specs:update' }, schema: { body: ExtraSpecBody } },
    async ({ caller, params: { id, key }, body }) => {
      if (!Object.hasOwn(body, key)) {
        throw invalidRequest('volume.request.key-mismatch', 'Request body and URI mismatch')
      }
      await types.putExtraSpecs(caller, id, body)
      return body
    },
  )

  app.delete<ByKey>(
    `${url}/:key`,
    { config: { policy: 'volume_extension:types_extra_specs:delete' } },
    async ({ caller, params: { id, key } }, reply) => {
      await types.removeExtraSpec(caller, id, key)
      return reply.code(202).send()
    },
  )
}

/** No type is encrypted: the answer to that question is an empty one, and asking for more is refused. */
function encryptionRoutes(app: FastifyInstance, types: Types): void {
  app.get<ById>(
    '/v3/types/:id/encryption',
    { config: { policy: 'volume_extension:volume_type_encryption:get' } },
    async (request) => {
      await types.get(request.caller, request.params.id)
      return {}
    },
  )
  app.post<ById>(
    '/v3/types/:id/encryption',
    { config: { policy: 'volume_extension:volume_type_encryption:create' } },
    async (request) => {
      await types.get(request.caller, request.params.id)
      throw notOffered('Encryption of volumes')
    },
  )
}

function accessRoutes(app: FastifyInstance, types: Types): void {
  app.get<ById>(
    '/v3/types/:id/os-volume-type-access',
    { config: { policy: 'volume_extension:volume_type_access:get_all_for_type' } },
    async (request) => {
      const projects = await types.access(request.caller, request.params.id)
      return {
        volume_type_access: projects.map((project_id) => ({ volume_type_id: request.params.id, project_id })),
      }
    },
  )

  const typeId = (request: { params: unknown }) => (request.params as { id: string }).id
  actionRoute(app, '/v3/types/:id/action', {
    policies,
    anyPolicy: 'volume_extension:volume_type_access:addProjectAccess',
    actions: {
      addProjectAccess: action({
        policy: 'volume_extension:volume_type_access:addProjectAccess',
        body: ProjectAccess,
        handle: async (request, reply, { project }) => {
          await types.grant(request.caller, typeId(request), project)
          return reply.code(202).send()
        },
      }),
      removeProjectAccess: action({
        policy: 'volume_extension:volume_type_access:removeProjectAccess',
        body: ProjectAccess,
        handle: async (request, reply, { project }) => {
          await types.revoke(request.caller, typeId(request), project)
          return reply.code(202).send()
        },
      }),
    },
  })
}

function defaultTypeRoutes(app: FastifyInstance, types: Types): void {
  const view = (row: { projectId: string; typeId: string }) => ({
    project_id: row.projectId,
    volume_type_id: row.typeId,
  })
  type ByProject = { Params: { projectId: string } }
  const since = '3.62'

  app.get('/v3/default-types', { config: { policy: 'volume_extension:default_get_all', since } }, async () => ({
    default_types: (await types.defaults()).map(view),
  }))
  app.get<ByProject>(
    '/v3/default-types/:projectId',
    { config: { policy: 'volume_extension:default_get', since } },
    async (request) => ({ default_type: view(await types.defaultFor(request.params.projectId)) }),
  )
  app.put<ByProject & { Body: { default_type: { volume_type: string } } }>(
    '/v3/default-types/:projectId',
    { config: { policy: 'volume_extension:default_set_or_update', since }, schema: { body: DefaultTypeBody } },
    async ({ caller, params, body }) => ({
      default_type: view(await types.setDefault(caller, params.projectId, body.default_type.volume_type)),
    }),
  )
  app.delete<ByProject>(
    '/v3/default-types/:projectId',
    { config: { policy: 'volume_extension:default_unset', since } },
    async (request, reply) => {
      await types.unsetDefault(request.params.projectId)
      return reply.code(204).send()
    },
  )
}
