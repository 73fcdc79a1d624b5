/**
 * Imported before a test (`node --import`) when `STRATOLITH_TEST_ROUTES` names a folder: notes which routes the test
 * asks, in process, and how they answer. Fastify announces each instance as it begins, so the tests know nothing of it.
 */
import { randomUUID } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { listedPath } from '../../src/http/route-list.ts'
import type { Conversation } from './conversations.ts'
import { variantOf } from './variants.ts'

const dir = process.env.STRATOLITH_TEST_ROUTES
const file = relative(join(import.meta.dirname, '../..'), process.argv[1] ?? '')
/** Many requests are alike: each stands once. */
const heard = new Map<string, Conversation>()

if (dir !== undefined) {
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onResponse', async (request, reply) => {
      const conversation = conversationOf(request, reply.statusCode)
      if (conversation !== undefined) heard.set(JSON.stringify(conversation), conversation)
    })
  })
  process.on('exit', () => {
    if (heard.size > 0) writeFileSync(join(dir, `${randomUUID()}.json`), JSON.stringify([...heard.values()]))
  })
}

function conversationOf(request: FastifyRequest, status: number): Conversation | undefined {
  const { url, config } = request.routeOptions
  if (url === undefined || config.policy === undefined) return undefined
  const service = url.split('/')[1]!
  const { method } = request
  const path = listedPath(url)
  const { body, microversion } = request
  const params = request.params as Record<string, unknown>
  const query = request.query as Record<string, unknown>
  const variant = variantOf({ service, method, path, params, query, body, microversion })
  const [action] = Object.keys(body ?? {})
  if (config.actions === undefined) return { service, method, path, ...(variant && { variant }), status, file }
  if (action === undefined || !Object.hasOwn(config.actions, action)) return undefined
  return { service, method, path, action, status, file }
}
