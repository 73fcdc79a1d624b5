/**
 * Quotas of projects. Limits are kept here and enforced where resources are counted: migrations/0002-quotas.sql.
 * Source: neutron/extensions/quotasv2.py, quotasv2_detail.py, neutron/db/quota/driver.py.
 */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { refusal } from '../errors.ts'
import { POLICIES } from '../policies.ts'
import { readValue } from '../resources/attributes.ts'
import { boolean, integer, isObject, text } from '../resources/values.ts'
import * as store from './store.ts'

const limitValue = integer(-1, 2 ** 31 - 1)
const projectText = text(255)
/** Of the body: taken, but no limits. The check is made unless it is forced. */
const SWITCHES: readonly string[] = ['force', 'check_limit']

export function quotaRoutes(app: FastifyInstance, db: Database): void {
  const shown = async (projectId: string) =>
    Object.fromEntries((await store.ofProject(db, projectId)).map(({ resource, limit }) => [resource, limit]))
  const projectIn = (request: { params: unknown }) =>
    readValue('project_id', projectText, (request.params as { project: string }).project)

  app.get('/v2.0/quotas', { config: { policy: 'get_quotas' } }, async ({ caller }) => {
    const projects = (await store.projectsWithOwn(db)).filter((id) => caller.isAdmin || id === caller.projectId)
    const quotas = await Promise.all(
      projects.map(async (id) => ({ ...(await shown(id)), project_id: id, tenant_id: id })),
    )
    return { quotas }
  })

  for (const name of ['project', 'tenant']) {
    app.get(`/v2.0/quotas/${name}`, { config: { policy: 'get_quota' } }, async ({ caller }) => {
      if (caller.projectId === undefined) throw refusal('network.request.malformed', 'The token is of no project.')
      return { [name]: { [`${name}_id`]: caller.projectId } }
    })
  }

  app.get('/v2.0/quotas/:project', { config: { policy: 'get_quota' } }, async (request) => {
    const projectId = projectIn(request)
    mayRead(request.caller, projectId)
    return { quota: await shown(projectId) }
  })

  app.get('/v2.0/quotas/:project/default', { config: { policy: 'get_quota' } }, async (request) => {
    mayRead(request.caller, projectIn(request))
    return { quota: Object.fromEntries((await store.defaults(db)).map(({ resource, limit }) => [resource, limit])) }
  })

  for (const suffix of ['', '.json']) {
    app.get(`/v2.0/quotas/:project/details${suffix}`, { config: { policy: 'get_quota' } }, async (request) => {
      const projectId = projectIn(request)
      mayRead(request.caller, projectId)
      const rows = await store.ofProject(db, projectId)
      // Nothing is ever reserved: what is asked for is counted in the transaction that makes it.
      return {
        quota: Object.fromEntries(rows.map(({ resource, limit, used }) => [resource, { limit, used, reserved: 0 }])),
      }
    })
  }

  app.put('/v2.0/quotas/:project', { config: { policy: 'update_quota', rawBody: true } }, async (request) => {
    const projectId = projectIn(request)
    const rows = await store.ofProject(db, projectId)
    const { limits, force } = readLimits(request.body, new Set(rows.map(({ resource }) => resource)))
    for (const { resource, used } of rows) {
      const limit = limits[resource]
      if (limit === undefined || limit < 0 || force || used <= limit) continue
      throw refusal('network.request.malformed', `The limit ${limit} of ${resource} is below what is in use: ${used}`)
    }
    if (Object.keys(limits).length > 0) await store.set(db, projectId, limits)
    return { quota: await shown(projectId) }
  })

  app.delete('/v2.0/quotas/:project', { config: { policy: 'delete_quota', rawBody: true } }, async (request, reply) => {
    await store.forget(db, projectIn(request))
    return reply.code(204).send()
  })
}

function mayRead(caller: Caller, projectId: string): void {
  authorize(POLICIES, 'get_quota', caller, { projectId })
}

function readLimits(body: unknown, known: ReadonlySet<string>) {
  const quota = isObject(body) ? body.quota : undefined
  if (!isObject(quota)) throw refusal('network.request.malformed', `Unable to find 'quota' in request body`)
  const limits: Record<string, number> = {}
  for (const [name, value] of Object.entries(quota)) {
    if (SWITCHES.includes(name) || name === 'project_id' || name === 'tenant_id') continue
    if (!known.has(name)) throw refusal('network.request.malformed', `Unrecognized attribute(s) '${name.slice(0, 64)}'`)
    limits[name] = readValue(name, limitValue, value)
  }
  return { limits, force: quota.force !== undefined && readValue('force', boolean, quota.force) }
}
