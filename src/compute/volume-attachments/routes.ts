/** `os-volume_attachments`. Source: nova/api/openstack/compute/volume_attachments.py */
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import { type Microversion, microversion } from '../../http/microversions.ts'
import { last, pageOf } from '../../http/paging.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import { badField, notOffered } from '../errors.ts'
import { booleanOrText, isTrue, many, query } from '../parameter-types.ts'
import { Tag } from '../servers/schemas.ts'
import type { BlockDevice } from '../servers/server.ts'
import type { Servers } from '../servers/servers.ts'
import type { VolumeAttachments } from './volume-attachments.ts'

type OfServer = { Params: { server_id: string } }
type OfVolume = { Params: { server_id: string; volume_id: string } }

const strict = { additionalProperties: false } as const
const Uuid = Type.String({ format: 'uuid' })
/** Any name that a device may have; null is no wish. */
const Device = Type.Union([
  Type.String({ minLength: 0, maxLength: 255, pattern: '(^/dev/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$' }),
  Type.Null(),
])

const AttachBody = Type.Object(
  {
    volumeAttachment: Type.Object(
      {
        volumeId: Uuid,
        device: Type.Optional(Device),
        tag: Type.Optional(Type.String({ ...Tag, since: '2.49' })),
        delete_on_termination: Type.Optional(Type.Enum(booleanOrText.enum as string[], { since: '2.79' })),
      },
      strict,
    ),
  },
  strict,
)
const UpdateBody = Type.Object(
  {
    volumeAttachment: Type.Object(
      {
        volumeId: Uuid,
        id: Type.Optional(Type.String({ format: 'uuid', since: '2.85' })),
        serverId: Type.Optional(Type.String({ format: 'uuid', since: '2.85' })),
        device: Type.Optional(Type.Union([...Device.anyOf], { since: '2.85' })),
        tag: Type.Optional(Type.Union([Tag, Type.Null()], { since: '2.85' })),
        delete_on_termination: Type.Optional(Type.Enum(booleanOrText.enum as string[], { since: '2.85' })),
      },
      strict,
    ),
  },
  strict,
)
const ListQuery = query(
  {
    limit: Type.Optional(many(Type.String({ pattern: '^[0-9]+$' }))),
    offset: Type.Optional(many(Type.String({ pattern: '^[0-9]+$' }))),
  },
  { looseUntil: '2.74' },
)

const V = {
  multiattach: microversion('2.60'),
  tag: microversion('2.70'),
  deleteOnTermination: microversion('2.79'),
  update: microversion('2.85'),
  attachmentId: microversion('2.89'),
  noBody: microversion('2.101'),
} as const

interface AttachmentParts {
  readonly servers: Servers
  readonly attachments: VolumeAttachments
  readonly policies: PolicyTable
}

export const volumeAttachmentRoutes: FastifyPluginAsync<AttachmentParts> = async (
  app,
  { servers, attachments, policies },
) => {
  const url = '/servers/:server_id/os-volume_attachments'
  const config = (name: string) => ({ policy: `os_compute_api:os-volumes-attachments:${name}` })

  app.get<OfServer>(url, { config: config('index'), schema: { querystring: ListQuery } }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    const asked = request.query as Record<string, string | string[] | undefined>
    const { limit } = pageOf(asked, 1000)
    const offset = Number(last(asked.offset) ?? 0)
    const found = (await attachments.list(server)).slice(offset, offset + limit)
    return { volumeAttachments: found.map((device) => viewAttachment(device, request.microversion)) }
  })

  app.get<OfVolume>(`${url}/:volume_id`, { config: config('show') }, async (request) => {
    const server = await servers.get(request.caller, request.params.server_id)
    const device = await attachments.get(server, request.params.volume_id)
    return { volumeAttachment: viewAttachment(device, request.microversion) }
  })

  app.post<OfServer>(url, { config: config('create'), schema: { body: AttachBody } }, async (request, reply) => {
    const { volumeAttachment: asked } = request.body as Static<typeof AttachBody>
    const version = request.microversion
    const server = await servers.get(request.caller, request.params.server_id)
    const device = await attachments.attach(request.caller, server, {
      volumeId: asked.volumeId,
      ...(asked.device !== undefined && { device: asked.device }),
      ...(asked.tag !== undefined && { tag: asked.tag }),
      deleteOnTermination: isTrue(asked.delete_on_termination),
      multiattach: version >= V.multiattach,
    })
    if (version >= V.noBody) return reply.code(202).send()
    return { volumeAttachment: viewNewAttachment(device, version) }
  })

  app.put<OfVolume>(
    `${url}/:volume_id`,
    // Guarded twice: changing is for members, swapping for services.
    { config: config('index'), schema: { body: UpdateBody } },
    async (request, reply) => {
      const { volumeAttachment: asked } = request.body as Static<typeof UpdateBody>
      const { server_id, volume_id } = request.params
      const server = await servers.get(request.caller, server_id)
      if (request.microversion < V.update || asked.volumeId !== volume_id) {
        authorize(policies, config('swap').policy, request.caller)
        throw notOffered('Swapping a volume')
      }
      authorize(policies, config('update').policy, request.caller)
      const device = await attachments.get(server, volume_id)
      checkUnchanged(asked, device)
      if (asked.delete_on_termination !== undefined) {
        await attachments.setDeleteOnTermination(device, isTrue(asked.delete_on_termination))
      }
      return reply.code(202).send()
    },
  )

  app.delete<OfVolume>(`${url}/:volume_id`, { config: config('delete') }, async (request, reply) => {
    const server = await servers.get(request.caller, request.params.server_id)
    await attachments.detach(request.caller, server, request.params.volume_id)
    return reply.code(202).send()
  })
}

function checkUnchanged(asked: Static<typeof UpdateBody>['volumeAttachment'], device: BlockDevice): void {
  const fixed = { id: device.volumeId, serverId: device.serverId, device: device.deviceName, tag: device.tag } as const
  for (const [field, value] of Object.entries(fixed)) {
    const wish = asked[field as keyof typeof fixed]
    if (wish !== undefined && wish !== value) throw badField(`The ${field} property is not mutable`)
  }
}

/** Upstream's answer to an attach has kept its first form. */
function viewNewAttachment(device: BlockDevice, version: Microversion) {
  return {
    id: device.volumeId,
    volumeId: device.volumeId,
    serverId: device.serverId,
    device: device.deviceName,
    ...(version >= V.tag && { tag: device.tag }),
    ...(version >= V.deleteOnTermination && { delete_on_termination: device.deleteOnTermination }),
  }
}

function viewAttachment(device: BlockDevice, version: Microversion) {
  const { id, ...rest } = viewNewAttachment(device, version)
  return {
    ...(version < V.attachmentId && { id }),
    ...rest,
    ...(version >= V.attachmentId && { attachment_id: device.attachmentId, bdm_uuid: device.id }),
  }
}
