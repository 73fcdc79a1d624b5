/** Quotas of projects and classes, and the limits that a user sees. Rules: ./quotas.ts */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { last } from '../../http/paging.ts'
import { microversion } from '../../http/microversions.ts'
import { authorize } from '../../http/policy.ts'
import { invalidRequest } from '../errors.ts'
import { flagOf } from '../list-query.ts'
import { volumePolicies as policies } from '../policies.ts'
import type { Limits, Quotas, Usage } from './quotas.ts'

type OfProject = { Params: { projectId: string }; Querystring: Record<string, unknown> }
type OfClass = { Params: { className: string } }

const closed = { additionalProperties: false }
const Values = Type.Unsafe<Record<string, unknown>>({ type: 'object', minProperties: 1 })
const QuotaSetBody = Type.Object({ quota_set: Values }, closed)
const QuotaClassSetBody = Type.Object({ quota_class_set: Values }, closed)

export function quotaRoutes(app: FastifyInstance, { quotas }: { quotas: Quotas }): void {
  app.get<OfProject>(
    '/v3/os-quota-sets/:projectId',
    { config: { policy: 'volume_extension:quotas:show' } },
    async ({ caller, params: { projectId }, query }) => {
      authorize(policies, 'volume_extension:quotas:show', caller, { projectId })
      const usage = flagOf('usage', last(query.usage))
      const values = usage ? withAllocated(await quotas.usageOf(projectId)) : await quotas.of(projectId)
      return { quota_set: { id: projectId, ...values } }
    },
  )
  app.get<OfProject>(
    '/v3/os-quota-sets/:projectId/defaults',
    { config: { policy: 'volume_extension:quotas:show' } },
    async ({ caller, params: { projectId } }) => {
      authorize(policies, 'volume_extension:quotas:show', caller, { projectId })
      return { quota_set: { id: projectId, ...(await quotas.defaults()) } }
    },
  )
  app.put<OfProject & { Body: { quota_set: Record<string, unknown> } }>(
    '/v3/os-quota-sets/:projectId',
    { config: { policy: 'volume_extension:quotas:update' }, schema: { body: QuotaSetBody } },
    async ({ params: { projectId }, body }) => {
      boundedName('quota_set_name', projectId)
      return { quota_set: await quotas.set(projectId, body.quota_set) }
    },
  )
  app.delete<OfProject>(
    '/v3/os-quota-sets/:projectId',
    { config: { policy: 'volume_extension:quotas:delete' } },
    async ({ params: { projectId } }, reply) => {
      await quotas.reset(projectId)
      return reply.code(200).send()
    },
  )

  app.get<OfClass>(
    '/v3/os-quota-class-sets/:className',
    { config: { policy: 'volume_extension:quota_classes:get' } },
    async ({ params: { className } }) => ({
      quota_class_set: { id: className, ...(await quotas.ofClass(className)) },
    }),
  )
  app.put<OfClass & { Body: { quota_class_set: Record<string, unknown> } }>(
    '/v3/os-quota-class-sets/:className',
    { config: { policy: 'volume_extension:quota_classes:update' }, schema: { body: QuotaClassSetBody } },
    async ({ params: { className }, body }) => {
      boundedName('quota_class_name', className)
      return { quota_class_set: await quotas.setClass(className, body.quota_class_set) }
    },
  )

  app.get<{ Querystring: Record<string, unknown> }>(
    '/v3/limits',
    { config: { policy: 'limits_extension:used_limits' } },
    async ({ caller, query, microversion: version }) => {
      const other = last(query.project_id) ?? last(query.tenant_id)
      const projectId =
        version >= microversion('3.39') && caller.isAdmin && other !== undefined ? other : caller.projectId
      return { limits: { rate: [], absolute: absoluteLimits(await quotas.usageOf(projectId ?? '')) } }
    },
  )
}

function withAllocated(usage: Readonly<Record<string, Usage>>) {
  return Object.fromEntries(Object.entries(usage).map(([key, each]) => [key, { ...each, allocated: 0 }]))
}

/** Source: cinder/api/views/limits.py and contrib/used_limits.py */
function absoluteLimits(usage: Readonly<Record<string, Usage>>): Limits {
  const of = (resource: string) => usage[resource]!
  return {
    maxTotalVolumes: of('volumes').limit,
    maxTotalSnapshots: of('snapshots').limit,
    maxTotalVolumeGigabytes: of('gigabytes').limit,
    maxTotalBackups: of('backups').limit,
    maxTotalBackupGigabytes: of('backup_gigabytes').limit,
    totalVolumesUsed: of('volumes').in_use,
    totalGigabytesUsed: of('gigabytes').in_use,
    totalSnapshotsUsed: of('snapshots').in_use,
    totalBackupsUsed: of('backups').in_use,
    totalBackupGigabytesUsed: of('backup_gigabytes').in_use,
  }
}

function boundedName(name: string, value: string): void {
  if (value.length > 255) {
    throw invalidRequest('volume.quota.name-too-long', `${name} has ${value.length} characters, more than 255.`)
  }
}
