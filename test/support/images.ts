/** The image service on a real database. Who asks is named by token; see service.ts. */
import { type Answer, type Person, serviceUnderTest, type ServiceUnderTest } from './service.ts'
import { imageMigrations, type Images, openImages } from '../../src/image/index.ts'
import type { ImageSettings } from '../../src/image/settings.ts'

export interface ImageServiceUnderTest extends AsyncDisposable {
  readonly service: ServiceUnderTest
  readonly images: Images
  ask(
    who: Person | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** A raw image of the caller's, queued unless `wish` says otherwise. Answers its id. */
  anImage(who?: Person, wish?: Record<string, unknown>): Promise<string>
  upload(who: Person, id: string, bytes: Buffer | string, headers?: Record<string, string>): Promise<Answer>
  /** An image with bytes. */
  anActiveImage(who?: Person, wish?: Record<string, unknown>, bytes?: Buffer | string): Promise<string>
  patch(who: Person, id: string, ...changes: unknown[]): Promise<Answer>
}

/** @param limits of every project, by name, where `unifiedLimits` is set; may be changed meanwhile */
export async function imageServiceUnderTest(
  settings: Partial<ImageSettings> = {},
  limits: ReadonlyMap<string, number> = new Map(),
): Promise<ImageServiceUnderTest> {
  const service = await serviceUnderTest([imageMigrations])
  const images = await openImages(service.context, settings, async () => limits)
  await service.mount('/image', images.plugin)

  const ask: ImageServiceUnderTest['ask'] = (who, method, path, body, headers = {}) =>
    service.ask(who, method, `/image${path}`, body, { accept: 'application/json', ...headers })
  const anImage: ImageServiceUnderTest['anImage'] = async (who = 'demo', wish = {}) => {
    const body = { name: 'an image', disk_format: 'raw', container_format: 'bare', ...wish }
    const made = await ask(who, 'POST', '/v2/images', body)
    if (made.status !== 201) throw new Error(`image not made: ${made.status} ${JSON.stringify(made.body)}`)
    return made.body.id
  }
  const upload: ImageServiceUnderTest['upload'] = async (who, id, bytes, headers = {}) =>
    await ask(who, 'PUT', `/v2/images/${id}/file`, bytes, { 'content-type': 'application/octet-stream', ...headers })

  return {
    service,
    images,
    ask,
    anImage,
    upload,
    async anActiveImage(who = 'demo', wish = {}, bytes = 'some bytes') {
      const id = await anImage(who, wish)
      const up = await upload(who, id, bytes)
      if (up.status !== 204) throw new Error(`image not filled: ${up.status} ${JSON.stringify(up.body)}`)
      return id
    },
    patch: (who, id, ...changes) =>
      ask(who, 'PATCH', `/v2/images/${id}`, JSON.stringify(changes), {
        'content-type': 'application/openstack-images-v2.1-json-patch',
      }),
    async [Symbol.asyncDispose]() {
      await images.close()
      await service[Symbol.asyncDispose]()
    },
  }
}
