/** What this service is and has: versions, schemas, import methods, stores, usage. Source: glance/api/v2/discovery.py */
import type { FastifyInstance } from 'fastify'
import { IMAGE_DOCUMENT, IMAGES_DOCUMENT } from '../images/schemas.ts'
import { STORE } from '../images/view.ts'
import { MEMBER_DOCUMENT, MEMBERS_DOCUMENT } from '../members/schemas.ts'
import { TASK_DOCUMENT, TASKS_DOCUMENT } from '../tasks/schemas.ts'
import { versionsDocument } from '../versions.ts'
import type { Usage } from './usage.ts'

interface Options {
  readonly baseUrl: string
  readonly importMethods: readonly string[]
  /** Where the one store keeps its files. */
  readonly dataDir: string
  readonly usage: Usage
}

const SCHEMAS = {
  image: IMAGE_DOCUMENT,
  images: IMAGES_DOCUMENT,
  member: MEMBER_DOCUMENT,
  members: MEMBERS_DOCUMENT,
  task: TASK_DOCUMENT,
  tasks: TASKS_DOCUMENT,
} as const

export function discoveryRoutes(app: FastifyInstance, { baseUrl, importMethods, dataDir, usage }: Options): void {
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

  const store = { id: STORE, description: 'Files of the control plane', default: 'true' }
  app.get('/v2/info/stores', { config: { policy: 'info' } }, async () => ({ stores: [store] }))

  app.get('/v2/info/stores/detail', { config: { policy: 'stores_info_detail' } }, async () => ({
    stores: [
      {
        ...store,
        type: 'file',
        weight: 0,
        properties: { data_dir: dataDir, chunk_size: 2 ** 20, thin_provisioning: true },
      },
    ],
  }))

  app.get('/v2/info/usage', { config: { policy: 'info' } }, async (request) => ({
    usage: await usage.of(request.caller.projectId ?? ''),
  }))
}
