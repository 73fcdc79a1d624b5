/** Puts the image service together: rules, routes, the gardener, and what other services may ask. */
import { join } from 'node:path'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { jsonParser } from '../http/json-body.ts'
import { asService } from '../http/service.ts'
import type { ServiceContext } from '../http/service-context.ts'
import { openByteStore } from './data/byte-store.ts'
import { dataRules } from './data/data.ts'
import { startGardener } from './data/gardener.ts'
import { importFiles } from './data/import-file.ts'
import { inspectUpTo } from './data/inspect.ts'
import { dataRoutes } from './data/routes.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { imageNotFound, textUnstorable, unsupportedMediaType } from './errors.ts'
import { imageFault } from './faults.ts'
import { bootFacts } from './images/boot-facts.ts'
import { imageRules } from './images/images.ts'
import { PATCH_TYPES } from './images/json-patch.ts'
import { imageRoutes } from './images/routes.ts'
import * as store from './images/store.ts'
import { tendImports } from './imports/gardener.ts'
import { importStory } from './imports/import-image.ts'
import { copyStory } from './imports/copy-image.ts'
import { importRules } from './imports/imports.ts'
import { IMPORT_METHODS } from './imports/request.ts'
import { importRoutes } from './imports/routes.ts'
import type { Images } from './index.ts'
import { memberRules } from './members/members.ts'
import { memberRoutes } from './members/routes.ts'
import { metadefRules } from './metadefs/metadefs.ts'
import { metadefRoutes } from './metadefs/routes.ts'
import { routesNotOffered } from './not-offered.ts'
import { imagePolicies } from './policies.ts'
import { type LimitsOf, openQuotas } from './quotas/quotas.ts'
import { isStorable } from './storable.ts'
import { openStores, readFromAnywhere } from './stores/stores.ts'
import { DEFAULT_SETTINGS, type ImageSettings } from './settings.ts'
import { tagRoutes } from './tags/routes.ts'
import { tagRules } from './tags/tags.ts'
import { taskRoutes } from './tasks/routes.ts'

export async function openImages(
  context: ServiceContext,
  changed: Partial<ImageSettings> = {},
  limitsOf: LimitsOf = async () => new Map(),
): Promise<Images> {
  const { db, log } = context
  const settings = { ...DEFAULT_SETTINGS, ...changed }
  const dataDir = join(context.stateDir, 'image')
  const baseUrl = context.publicUrl('image')
  const fileStore = await openByteStore(dataDir)
  const stores = await openStores(fileStore, dataDir, settings.furtherStores)
  const { bytes } = stores
  const inspect = inspectUpTo(settings.virtualSizeCapBytes)
  const quotas = openQuotas({ db, settings, limitsOf })
  const images = imageRules({ db, settings, bytes, quotas })
  const dataTools = { db, settings, quotas, bytes, stores, inspect, log }
  const data = dataRules(dataTools)
  const imports = importRules({
    ...dataTools,
    images,
    stories: context.stories,
    importStory: context.stories.define('image.import-image', importStory(dataTools)),
    copyStory: context.stories.define('image.copy-image', copyStory(dataTools)),
  })
  const gardener = startGardener({ db, stores, log }, () => tendImports({ db, stories: context.stories, log }))

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'image',
      policies: imagePolicies,
      scopes: ['project'],
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: imageFault,
    })
    takeBodies(app)
    refuseUnstorable(app)
    discoveryRoutes(app, { baseUrl, importMethods: IMPORT_METHODS, stores, quotas })
    imageRoutes(app, {
      images,
      settings,
      importMethods: IMPORT_METHODS,
      storeIds: stores.all.map(({ id }) => id),
      baseUrl,
    })
    dataRoutes(app, { data, stores })
    importRoutes(app, { imports })
    taskRoutes(app, { db, images, imports, settings, baseUrl })
    metadefRoutes(app, { metadefs: metadefRules(db), settings, baseUrl })
    routesNotOffered(app)
    memberRoutes(app, { members: memberRules({ db, settings }) })
    tagRoutes(app, { tags: tagRules({ db, settings }) })
  }

  return {
    plugin,
    policies: imagePolicies,
    ...bootFacts(db),
    source: {
      async open(imageId, signal) {
        const image = await store.find(db, imageId)
        if (image?.status !== 'active' || image.sizeBytes === null) throw imageNotFound(imageId)
        const stream = await readFromAnywhere(bytes, image.id, { start: 0, end: image.sizeBytes })
        signal?.addEventListener('abort', () => stream.destroy(signal.reason), { once: true })
        return stream
      },
    },
    importFile: importFiles({ db, settings, bytes, inspect }),
    async close() {
      await gardener.stop()
      await bytes.close()
    },
  }
}

/** Bytes come as a stream and only where they belong; everything else is JSON, whatever it calls itself. */
function takeBodies(app: FastifyInstance): void {
  const parseJson = jsonParser(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/octet-stream', (request, stream, done) => {
    if (request.routeOptions.config.takesBytes === true) return done(null, stream)
    stream.resume()
    // Clients call each request's body bytes, also where there is none (glanceclient's DELETE).
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
    if (length === '0' && encoding === undefined) return done(null, undefined)
    done(unsupportedMediaType('The request media type application/octet-stream is not supported by this server.'))
  })
  app.addContentTypeParser([...PATCH_TYPES, '*'], { parseAs: 'string' }, (request, body, done) => {
    if (request.routeOptions.config.takesBytes !== true) {
      return body === '' ? done(null, undefined) : parseJson(request, body as string, done)
    }
    const type = request.headers['content-type'] ?? ''
    done(unsupportedMediaType(`Invalid content type ${type.slice(0, 128)}: application/octet-stream is expected.`))
  })
}

function refuseUnstorable(app: FastifyInstance): void {
  app.addHook('preHandler', async (request) => {
    const body = request.routeOptions.config.takesBytes === true ? undefined : request.body
    if (![request.params, request.query, body].every(isStorable)) throw textUnstorable()
  })
}
