/** Tasks: how imports went. All but those of the older kind are made by imports alone. Source: glance/api/v2/tasks.py */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../../database/database.ts'
import { invalidQuery, taskNotFound } from '../errors.ts'
import { isImageId, type ImageRules } from '../images/images.ts'
import type { ImportRules } from '../imports/imports.ts'
import type { ImageSettings } from '../settings.ts'
import * as store from './store.ts'
import { TASK_SORT_KEYS, type TaskQuery } from './store.ts'
import { viewTask, viewTaskBrief, viewTaskOfImage } from './view.ts'

interface Options {
  readonly db: Database
  readonly images: ImageRules
  readonly imports: ImportRules
  readonly baseUrl: string
  readonly settings: ImageSettings
}

export function taskRoutes(app: FastifyInstance, { db, images, imports, settings, baseUrl }: Options): void {
  app.get('/v2/tasks', { config: { policy: 'tasks_api_access' } }, async (request) => {
    const asked = new URL(request.url, 'http://any').searchParams
    const query = readTaskQuery(asked, settings)
    const isMarkerThere = query.marker === undefined || (await store.find(db, query.marker)) !== undefined
    if (!isMarkerThere) throw invalidQuery(`Task with the given id ${query.marker} was not found`)
    const tasks = query.limit === 0 ? [] : await store.list(db, query)
    asked.delete('marker')
    const first = asked.size > 0 ? `/v2/tasks?${asked}` : '/v2/tasks'
    const last = tasks.at(-1)
    const hasMore = last !== undefined && tasks.length === query.limit
    if (hasMore) asked.set('marker', last.id)
    return {
      tasks: tasks.map(viewTaskBrief),
      first,
      ...(hasMore && { next: `/v2/tasks?${asked}` }),
      schema: '/v2/schemas/tasks',
    }
  })

  app.post('/v2/tasks', { config: { policy: 'tasks_api_access', rawBody: true } }, async (request, reply) => {
    const id = await imports.beginLegacyTask(request.caller, request.body)
    reply.code(201).header('location', `${baseUrl}/v2/tasks/${id}`)
    return viewTask((await store.find(db, id))!)
  })

  app.get<{ Params: { task_id: string } }>(
    '/v2/tasks/:task_id',
    { config: { policy: 'tasks_api_access' } },
    async (request) => {
      const { task_id } = request.params
      const task = isImageId(task_id) ? await store.find(db, task_id) : undefined
      if (task === undefined) throw taskNotFound(task_id)
      return viewTask(task)
    },
  )

  app.get<{ Params: { image_id: string } }>(
    '/v2/images/:image_id/tasks',
    { config: { policy: 'get_image' } },
    async (request) => {
      const image = await images.get(request.caller, request.params.image_id)
      return { tasks: (await store.ofImage(db, image.id)).map(viewTaskOfImage) }
    },
  )
}

function readTaskQuery(query: URLSearchParams, { pageDefault, pageMax }: ImageSettings): TaskQuery {
  const one = (name: string) => query.getAll(name).at(-1)
  const oneOf = <const T extends readonly string[]>(name: string, allowed: T): T[number] | undefined => {
    const value = one(name)
    if (value === undefined || value === '') return undefined
    if (allowed.includes(value)) return value
    throw invalidQuery(`Invalid ${name} value: ${value.slice(0, 64)}`)
  }
  const limit = one('limit')
  if (limit !== undefined && !/^\d+$/.test(limit)) throw invalidQuery('limit param must be a positive integer')
  const marker = one('marker')
  if (marker !== undefined && !isImageId(marker)) throw invalidQuery('Invalid marker format')
  const status = oneOf('status', ['pending', 'processing', 'success', 'failure'])
  const type = oneOf('type', ['import', 'api_image_import', 'location_import'])
  return {
    limit: limit === undefined ? pageDefault : Math.min(Number(limit), pageMax),
    ...(marker !== undefined && { marker }),
    sortKey: oneOf('sort_key', TASK_SORT_KEYS) ?? 'created_at',
    sortDir: oneOf('sort_dir', ['asc', 'desc']) ?? 'desc',
    ...(status !== undefined && { status }),
    ...(type !== undefined && { type }),
  }
}
