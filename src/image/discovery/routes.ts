/** What this service is and has: versions, schemas, import methods, stores, usage. Source: glance/api/v2/discovery.py */
import type { FastifyInstance } from 'fastify'
import { IMAGE_DOCUMENT, IMAGES_DOCUMENT } from '../images/schemas.ts'
import { MEMBER_DOCUMENT, MEMBERS_DOCUMENT } from '../members/schemas.ts'
import { TASK_DOCUMENT, TASKS_DOCUMENT } from '../tasks/schemas.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { DEFAULT_STORE, type Stores } from '../stores/stores.ts'
import { versionsDocument } from '../versions.ts'

interface Options {
  readonly baseUrl: string
  readonly importMethods: readonly string[]
  readonly stores: Stores
  readonly quotas: Quotas
}

const SCHEMAS = {
  image: IMAGE_DOCUMENT,
  images: IMAGES_DOCUMENT,
  member: MEMBER_DOCUMENT,
  members: MEMBERS_DOCUMENT,
  task: TASK_DOCUMENT,
  tasks: TASKS_DOCUMENT,
} as const

export function discoveryRoutes(app: FastifyInstance, { baseUrl, importMethods, stores, quotas }: Options): void {
  app.get('/', { config: { policy: 'versions' } }, async (_request, reply) => {
    reply.code(300)
    return versionsDocument(baseUrl)
  })
  app.get('/versions', { config: { policy: 'versions' } }, async () => versionsDocument(baseUrl))

  for (const [name, document] of Object.entries(SCHEMAS)) {
    app.get(`/v2/schemas/${name}`, { config: { policy: 'schemas' } }, async () => document)
  }

  app.get('/v2/info/import', { config: { policy: 'info' } }, async () => ({
    'import-methods': { description: 'Import methods available.', type: 'array', value: importMethods },
  }))

  const viewStores = stores.all.map(({ id, description }) => ({
    id,
    description,
    ...(id === DEFAULT_STORE && { default: 'true' }),
  }))
  app.get('/v2/info/stores', { config: { policy: 'info' } }, async () => ({ stores: viewStores }))

  app.get('/v2/info/stores/detail', { config: { policy: 'stores_info_detail' } }, async () => ({
    stores: stores.all.map(({ dir }, index) => ({
      ...viewStores[index],
      type: 'file',
      weight: 0,
      properties: { data_dir: dir, chunk_size: 2 ** 20, thin_provisioning: true },
    })),
  }))

  app.get('/v2/info/usage', { config: { policy: 'info' } }, async (request) => ({
    usage: await quotas.usage(request.caller),
  }))
}
