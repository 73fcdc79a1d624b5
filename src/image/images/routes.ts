/** Images, as the Image API reference lists them. Rules: ./images.ts */
import type { FastifyInstance } from 'fastify'
import type { ImageSettings } from '../settings.ts'
import type { ImageRules } from './images.ts'
import { readPatch } from './json-patch.ts'
import { readListQuery } from './list-query.ts'
import { viewImage, viewPage } from './view.ts'

interface Options {
  readonly images: ImageRules
  readonly settings: ImageSettings
  readonly importMethods: readonly string[]
  readonly storeIds: readonly string[]
  /** `http://host/image` */
  readonly baseUrl: string
}

export function imageRoutes(
  app: FastifyInstance,
  { images, settings, importMethods, storeIds, baseUrl }: Options,
): void {
  app.post('/v2/images', { config: { policy: 'add_image', rawBody: true } }, async (request, reply) => {
    const image = await images.create(request.caller, request.body)
    reply
      .code(201)
      .header('location', `${baseUrl}/v2/images/${image.id}`)
      .header('openstack-image-import-methods', importMethods.join(','))
      .header('openstack-image-store-ids', storeIds.join(','))
    return viewImage(image)
  })

  app.get('/v2/images', { config: { policy: 'get_images' } }, async (request) => {
    const asked = new URL(request.url, 'http://any').searchParams
    const query = readListQuery(asked, { default: settings.pageDefault, max: settings.pageMax })
    const { images: page, next } = await images.list(request.caller, query)
    return viewPage(page, asked, next)
  })

  app.get<{ Params: { image_id: string } }>(
    '/v2/images/:image_id',
    { config: { policy: 'get_image' } },
    async (request) => viewImage(await images.get(request.caller, request.params.image_id)),
  )

  app.patch<{ Params: { image_id: string } }>(
    '/v2/images/:image_id',
    { config: { policy: 'modify_image', rawBody: true } },
    async (request) => {
      const changes = readPatch(request.headers['content-type'], request.body)
      return viewImage(await images.update(request.caller, request.params.image_id, changes))
    },
  )

  app.delete<{ Params: { image_id: string } }>(
    '/v2/images/:image_id',
    { config: { policy: 'delete_image' } },
    async (request, reply) => {
      await images.remove(request.caller, request.params.image_id)
      reply.code(204)
    },
  )

  for (const deed of ['deactivate', 'reactivate'] as const) {
    app.post<{ Params: { image_id: string } }>(
      `/v2/images/:image_id/actions/${deed}`,
      { config: { policy: deed, rawBody: true } },
      async (request, reply) => {
        await images[deed](request.caller, request.params.image_id)
        reply.code(204)
      },
    )
  }
}
