/** Quota sets, quota classes and limits, as the Compute API reference lists them. Rules: ./quotas.ts */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { last } from '../../http/paging.ts'
import { authorize, type PolicyTable } from '../../http/policy.ts'
import { noProject } from '../flavors/errors.ts'
import { classNameTooLong } from './errors.ts'
import { isTrue, wholeNumber } from '../parameter-types.ts'
import type { Limits, Quotas } from './quotas.ts'
import { LimitsQuery, NoQuery, QuotaClassBody, QuotaSetBody, UserQuery } from './schemas.ts'
import { viewLimits, viewQuotaClass, viewQuotaDetail, viewQuotaSet } from './view.ts'

export interface QuotaRouteOptions {
  readonly quotas: Quotas
  readonly policies: PolicyTable
  readonly projectExists: (id: string) => Promise<boolean>
}

type OfProject = { Params: { tenant_id: string }; Querystring: Record<string, unknown> }
type OfClass = { Params: { id: string } }

export const quotaRoutes: FastifyPluginAsync<QuotaRouteOptions> = async (app, { quotas, policies, projectExists }) => {
  const url = '/os-quota-sets/:tenant_id'
  const user = (request: FastifyRequest<OfProject>) => {
    const userId = last(request.query.user_id)
    return userId === undefined || userId === '' ? undefined : userId
  }
  /** The project of the path, which the caller may ask about and which is there. */
  const projectOf = async (request: FastifyRequest<OfProject>, deed: string) => {
    const projectId = request.params.tenant_id
    authorize(policies, `os_compute_api:os-quota-sets:${deed}`, request.caller, { projectId })
    if (!(await projectExists(projectId))) throw noProject(projectId)
    return projectId
  }

  app.get<OfProject>(
    url,
    { config: { policy: 'os_compute_api:os-quota-sets:show' }, schema: { querystring: UserQuery } },
    async (request) => {
      const id = await projectOf(request, 'show')
      const limits = await quotas.limits(id, user(request))
      return { quota_set: { id, ...viewQuotaSet(limits, request.microversion) } }
    },
  )

  app.get<OfProject>(
    `${url}/detail`,
    { config: { policy: 'os_compute_api:os-quota-sets:detail' }, schema: { querystring: UserQuery } },
    async (request) => {
      const id = await projectOf(request, 'detail')
      const [limits, usage] = await Promise.all([quotas.limits(id, user(request)), quotas.usage(id, user(request))])
      return { quota_set: { id, ...viewQuotaDetail(limits, usage, request.microversion) } }
    },
  )

  app.get<OfProject>(
    `${url}/defaults`,
    { config: { policy: 'os_compute_api:os-quota-sets:defaults' }, schema: { querystring: NoQuery } },
    async (request) => {
      const id = await projectOf(request, 'defaults')
      return { quota_set: { id, ...viewQuotaSet(await quotas.defaults(), request.microversion) } }
    },
  )

  app.put<OfProject & { Body: Static<typeof QuotaSetBody> }>(
    url,
    {
      config: { policy: 'os_compute_api:os-quota-sets:update' },
      schema: { body: QuotaSetBody, querystring: UserQuery },
    },
    async (request) => {
      const id = await projectOf(request, 'update')
      const { force, ...limits } = request.body.quota_set
      const userId = user(request)
      await quotas.set(id, numbersOf(limits), { force: isTrue(force), ...(userId !== undefined && { userId }) })
      return { quota_set: viewQuotaSet(await quotas.limits(id, userId), request.microversion) }
    },
  )

  app.delete<OfProject>(
    url,
    { config: { policy: 'os_compute_api:os-quota-sets:delete' }, schema: { querystring: UserQuery } },
    async (request, reply) => {
      await quotas.reset(request.params.tenant_id, user(request))
      return reply.code(202).send()
    },
  )

  app.get<OfClass>(
    '/os-quota-class-sets/:id',
    { config: { policy: 'os_compute_api:os-quota-class-sets:show' }, schema: { querystring: NoQuery } },
    async ({ params, microversion }) => ({
      quota_class_set: { id: params.id, ...viewQuotaClass(await quotas.ofClass(params.id), microversion) },
    }),
  )

  app.put<OfClass & { Body: Static<typeof QuotaClassBody> }>(
    '/os-quota-class-sets/:id',
    { config: { policy: 'os_compute_api:os-quota-class-sets:update' }, schema: { body: QuotaClassBody } },
    async ({ params, body, microversion }) => {
      if (params.id.length > 255) throw classNameTooLong()
      await quotas.setClass(params.id, numbersOf(body.quota_class_set))
      return { quota_class_set: viewQuotaClass(await quotas.ofClass(params.id), microversion) }
    },
  )

  app.get<{ Querystring: Record<string, unknown> }>(
    '/limits',
    { config: { policy: 'os_compute_api:limits' }, schema: { querystring: LimitsQuery } },
    async ({ caller, query, microversion }) => {
      const asked = last(query.tenant_id)
      if (asked !== undefined) authorize(policies, 'os_compute_api:limits:other_project', caller)
      const projectId = asked ?? caller.projectId ?? ''
      const [limits, usage] = await Promise.all([quotas.limits(projectId), quotas.usage(projectId)])
      return { limits: viewLimits(limits, usage, microversion) }
    },
  )
}

/** Limits come as numbers or as texts. */
function numbersOf(limits: Readonly<Record<string, unknown>>): Partial<Limits> {
  return Object.fromEntries(
    Object.entries(limits).map(([resource, limit]) => [
      resource,
      wholeNumber(resource, limit as number | string, { minimum: -1 }),
    ]),
  )
}
