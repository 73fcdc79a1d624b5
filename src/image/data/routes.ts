/** `PUT` and `GET /v2/images/{image_id}/file`: the bytes. Rules: ./data.ts */
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { invalidBody, invalidQuery, storeNotFound } from '../errors.ts'
import { DEFAULT_STORE, type Stores } from '../stores/stores.ts'
import type { DataRules } from './data.ts'
import { sendFile } from './send.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a stream of bytes: `application/octet-stream` and nothing else. */
    takesBytes?: boolean
  }
}

type ImageRequest = { Params: { image_id: string } }

export function dataRoutes(app: FastifyInstance, { data, stores }: { data: DataRules; stores: Stores }): void {
  app.put<ImageRequest>(
    '/v2/images/:image_id/file',
    { config: { policy: 'upload_image', rawBody: true, takesBytes: true } },
    async (request, reply) => {
      const store = String(request.headers['x-image-meta-store'] ?? DEFAULT_STORE)
      if (!stores.isKnown(store)) throw invalidBody(storeNotFound(store).message)
      await readingBody(
        request,
        reply,
        async (source, declaredBytes) =>
          await data.upload(request.caller, request.params.image_id, source, declaredBytes, store),
      )
      reply.code(204)
    },
  )

  app.get<ImageRequest>(
    '/v2/images/:image_id/file',
    { config: { policy: 'download_image' } },
    async (request, reply) => {
      const preferred = readPreferred(new URL(request.url, 'http://any').searchParams, stores)
      const { image_id } = request.params
      const download = await data.download(request.caller, image_id, request.headers as never, preferred)
      if (download === undefined) return reply.code(204).send()
      const { range, sizeBytes, isPart } = download
      reply
        .header('content-type', 'application/octet-stream')
        .header('content-md5', download.checksum)
        .header('content-length', range.end - range.start)
      if (isPart) reply.header('content-range', `bytes ${range.start}-${range.end - 1}/${sizeBytes}`)
      // From here on the bytes go out by themselves; what goes wrong now can only be shown by breaking off.
      reply.hijack()
      reply.raw.writeHead(isPart ? 206 : 200, reply.getHeaders() as OutgoingHttpHeaders)
      try {
        await sendFile(download.file, range, reply.raw)
      } catch (error) {
        request.log.error({ err: error, image: request.params.image_id }, 'download broke off')
        reply.raw.destroy()
      }
    },
  )
}

/** `?prefer=one,two`: from which stores, if they have it. Source: download in glance/api/v2/image_data.py */
function readPreferred(query: URLSearchParams, stores: Stores): readonly string[] {
  const wanted = (query.getAll('prefer').at(-1) ?? '').split(',').map((each) => each.trim())
  const preferred = wanted.filter((each) => each !== '')
  const unknown = preferred.find((each) => !stores.isKnown(each))
  if (unknown !== undefined) throw invalidQuery(storeNotFound(unknown).message)
  return preferred
}

/** How long what is still coming is read, after the answer was no. */
const DRAIN_MS = 10_000

/**
 * Hands the body's stream over. When that is refused half-way, the rest is read and thrown away for a while, for many
 * clients read an answer only after they have sent everything; then the connection ends.
 */
export async function readingBody(
  request: FastifyRequest,
  reply: FastifyReply,
  read: (source: Readable, declaredBytes: number | undefined) => Promise<void>,
): Promise<void> {
  const source = (request.body ?? request.raw) as Readable
  try {
    await read(source, declaredSize(request))
  } catch (error) {
    if (!source.readableEnded && !source.destroyed) {
      reply.header('connection', 'close')
      source.resume()
      const end = setTimeout(() => source.destroy(), DRAIN_MS)
      source.once('close', () => clearTimeout(end))
    }
    throw error
  }
}

/** What the client says it will send. A chunked body may say it in a header of its own. */
function declaredSize({ headers }: FastifyRequest): number | undefined {
  const own = headers['x-openstack-image-size'] ?? headers['content-length']
  if (own === undefined) return undefined
  if (!/^\d{1,15}$/.test(String(own))) throw invalidBody('Invalid or missing image size in request headers.')
  return Number(own)
}
