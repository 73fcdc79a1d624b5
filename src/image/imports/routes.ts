/** `PUT …/stage`, `POST …/import`, and taking an image out of a store. Rules: ./imports.ts */
import type { FastifyInstance } from 'fastify'
import { readingBody } from '../data/routes.ts'
import type { ImportRules } from './imports.ts'

type OfImage = { Params: { image_id: string } }
type OfStore = { Params: { store_id: string; image_id: string } }

export function importRoutes(app: FastifyInstance, { imports }: { imports: ImportRules }): void {
  app.put<OfImage>(
    '/v2/images/:image_id/stage',
    { config: { policy: 'modify_image', rawBody: true, takesBytes: true } },
    async (request, reply) => {
      await readingBody(request, reply, (source, declaredBytes) =>
        imports.stage(request.caller, request.params.image_id, source, declaredBytes),
      )
      reply.code(204)
    },
  )

  app.post<OfImage>(
    '/v2/images/:image_id/import',
    { config: { policy: 'modify_image', rawBody: true } },
    async (request, reply) => {
      const store = request.headers['x-image-meta-store'] as string | undefined
      await imports.begin(request.caller, request.params.image_id, request.body, store)
      reply.code(202)
    },
  )

  app.delete<OfStore>(
    '/v2/stores/:store_id/:image_id',
    { config: { policy: 'delete_image_location' } },
    async (request, reply) => {
      const { store_id, image_id } = request.params
      await imports.leaveStore(request.caller, image_id, store_id)
      reply.code(204)
    },
  )
}
