/** User messages. Rules: ./messages.ts; shapes: cinder/api/v3/views/messages.py */
import type { FastifyInstance } from 'fastify'
import { type Links, linksOf, timeOf } from '../list-query.ts'
import { eventId, type Messages } from './messages.ts'
import type { MessageRow } from './store.ts'

const since = '3.3'
type ById = { Params: { id: string } }

export function messageRoutes(
  app: FastifyInstance,
  { messages, publicUrl }: { messages: Messages; publicUrl: string },
): void {
  app.get('/v3/messages', { config: { policy: 'message:get_all', since } }, async (request) => {
    const rows = await messages.list(request.caller, request.query as Record<string, unknown>, request.microversion)
    const links = linksOf(publicUrl, request)
    return {
      messages: rows.map((message) => viewMessage(message, links)),
      ...links.next('messages', 'messages', { rows }),
    }
  })
  app.get<ById>('/v3/messages/:id', { config: { policy: 'message:get', since } }, async (request) => {
    const message = await messages.get(request.caller, request.params.id)
    return { message: viewMessage(message, linksOf(publicUrl, request)) }
  })
  app.delete<ById>('/v3/messages/:id', { config: { policy: 'message:delete', since } }, async (request, reply) => {
    await messages.remove(request.caller, request.params.id)
    return reply.code(204).send()
  })
}

function viewMessage(message: MessageRow, links: Links) {
  return {
    id: message.id,
    event_id: eventId(message),
    user_message: message.userMessage,
    message_level: message.level,
    created_at: timeOf(message.createdAt),
    guaranteed_until: timeOf(message.expiresAt),
    request_id: message.requestId,
    links: links.of('messages', message.id),
    resource_type: message.resourceType,
    ...(message.resourceId !== null && { resource_uuid: message.resourceId }),
  }
}
