/** Attachments. Rules: ./attachments.ts */
import type { FastifyInstance } from 'fastify'
import { action, actionRoute } from '../../http/actions.ts'
import { type AttachmentId, newId, type ServerId } from '../../ids.ts'
import { canonicalUuid } from '../parameter-types.ts'
import { volumePolicies as policies } from '../policies.ts'
import { Anything } from '../volumes/schemas.ts'
import type { VolumeRow } from '../volumes/store.ts'
import type { Caller } from '../../http/caller.ts'
import { type Attachments, initiatorOf } from './attachments.ts'
import { type AttachmentCreate, AttachmentCreateBody, AttachmentUpdateBody } from './schemas.ts'
import { viewAttachment, viewAttachmentSummary } from './view.ts'

const since = '3.27'
type ById = { Params: { id: string } }

export function attachmentRoutes(
  app: FastifyInstance,
  {
    attachments,
    getVolume,
  }: { attachments: Attachments; getVolume: (caller: Caller, id: string) => Promise<VolumeRow> },
): void {
  app.get('/v3/attachments', { config: { policy: 'volume:attachment_get', since } }, async (request) => {
    const rows = await attachments.list(request.caller, request.query as Record<string, unknown>, request.microversion)
    return { attachments: rows.map(viewAttachmentSummary) }
  })

  app.get('/v3/attachments/detail', { config: { policy: 'volume:attachment_get', since } }, async (request) => {
    const rows = await attachments.list(request.caller, request.query as Record<string, unknown>, request.microversion)
    return { attachments: rows.map((row) => viewAttachment(row, request.caller)) }
  })

  app.get<ById>('/v3/attachments/:id', { config: { policy: 'volume:attachment_get', since } }, async (request) => ({
    attachment: viewAttachment(await attachments.get(request.caller, request.params.id), request.caller),
  }))

  app.post<{ Body: { attachment: AttachmentCreate } }>(
    '/v3/attachments',
    { config: { policy: 'volume:attachment_create', since }, schema: { body: AttachmentCreateBody } },
    async ({ caller, body }) => {
      const { volume_uuid, instance_uuid, connector, mode } = body.attachment
      const volume = await getVolume(caller, volume_uuid)
      const connects = connector !== undefined && connector !== null && Object.keys(connector).length > 0
      if (connects) initiatorOf(connector)
      const id = newId<AttachmentId>()
      await attachments.reserve({
        attachmentId: id,
        volumeId: volume.id,
        serverId: instance_uuid === undefined ? null : canonicalUuid<ServerId>(instance_uuid),
        mode: mode ?? null,
        heldByCompute: false,
      })
      if (connects) await attachments.connect(id, connector)
      return { attachment: viewAttachment(await attachments.get(caller, id), caller) }
    },
  )

  app.put<ById & { Body: { attachment: { connector: Record<string, unknown> } } }>(
    '/v3/attachments/:id',
    { config: { policy: 'volume:attachment_update', since }, schema: { body: AttachmentUpdateBody } },
    async ({ caller, params, body }) => {
      const attachment = await attachments.get(caller, params.id)
      attachments.refuseIfHeld(caller, attachment)
      await attachments.connect(attachment.id, body.attachment.connector)
      return { attachment: viewAttachment(await attachments.get(caller, params.id), caller) }
    },
  )

  app.delete<ById>(
    '/v3/attachments/:id',
    { config: { policy: 'volume:attachment_delete', since } },
    async ({ caller, params }) => {
      const attachment = await attachments.get(caller, params.id)
      attachments.refuseIfHeld(caller, attachment)
      await attachments.detach(attachment.id)
      return { attachments: (await attachments.of(attachment.volumeId)).map(viewAttachmentSummary) }
    },
  )

  actionRoute(app, '/v3/attachments/:id/action', {
    policies,
    anyPolicy: 'volume:attachment_complete',
    actions: {
      'os-complete': action({
        policy: 'volume:attachment_complete',
        since: '3.44',
        body: Anything,
        handle: async (request, reply) => {
          const attachment = await attachments.get(request.caller, (request.params as { id: string }).id)
          await attachments.complete(attachment.id, null)
          return reply.code(204).send()
        },
      }),
    },
  })
}
