/** Tags, as the Image API reference lists them. Rules: ./tags.ts */
import type { FastifyInstance } from 'fastify'
import type { TagRules } from './tags.ts'

type TagRequest = { Params: { image_id: string; tag: string } }

export function tagRoutes(app: FastifyInstance, { tags }: { tags: TagRules }): void {
  const url = '/v2/images/:image_id/tags/:tag'
  const config = { policy: 'modify_image', rawBody: true }
  app.put<TagRequest>(url, { config }, async (request, reply) => {
    await tags.put(request.caller, request.params.image_id, request.params.tag)
    reply.code(204)
  })
  app.delete<TagRequest>(url, { config }, async (request, reply) => {
    await tags.remove(request.caller, request.params.image_id, request.params.tag)
    reply.code(204)
  })
}
