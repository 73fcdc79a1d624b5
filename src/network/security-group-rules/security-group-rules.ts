/** The rules of security group rules. What does not fit together is refused in plan.ts. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { Caller } from '../../http/caller.ts'
import { refusal } from '../errors.ts'
import type { Planes } from '../plane/planes.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import { inOrder, markerIsUuid, refuseMarker } from '../resources/listing.ts'
import type { Resource } from '../resources/resource-routes.ts'
import { refuseOtherRevision } from '../resources/revision.ts'
import { changeTags } from '../resources/tags.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import * as groups from '../security-groups/store.ts'
import { planRule } from './plan.ts'
import { securityGroupRuleAttributes } from './schemas.ts'
import * as store from './store.ts'
import type { RuleRow } from './store.ts'
import { viewRule } from './view.ts'

export function securityGroupRules(
  db: Database,
  planes: Planes,
): Resource<typeof securityGroupRuleAttributes, RuleRow> {
  return {
    singular: 'security_group_rule',
    plural: 'security_group_rules',
    path: 'security-group-rules',
    attributes: securityGroupRuleAttributes,
    view: viewRule,
    target: ({ projectId, groupProjectId }) => ({ projectId, groupProjectId }),

    async get(caller, id) {
      const [rule] = isCanonicalUuid(id) ? await store.find(db, [id], caller) : []
      if (rule === undefined) throw refusal('network.security-group-rule.not-found', id.slice(0, 64))
      return rule
    },

    async list(caller, listing) {
      if (listing.marker !== undefined) {
        if (!markerIsUuid(listing) || (await store.find(db, [listing.marker])).length === 0)
          refuseMarker(listing.marker)
      }
      return inOrder(await store.list(db, caller, listing), listing)
    },

    async targets(caller, orders) {
      const projects = await groupProjects(
        db,
        caller,
        orders.map((order) => order.security_group_id),
      )
      return orders.map((order, index) => ({ projectId: order.project_id, groupProjectId: projects[index]! }))
    },

    async create(caller, orders) {
      const planned = orders.map(planRule)
      const groupIds = new Set(planned.map(({ securityGroupId }) => securityGroupId))
      if (groupIds.size > 1) throw refusal('network.security-group-rule.several-groups')
      if (new Set(planned.map(({ ruleKey }) => ruleKey)).size < planned.length) {
        throw refusal('network.security-group-rule.twice-in-request')
      }
      const remotes = planned.flatMap(({ remoteGroupId }) => (remoteGroupId === null ? [] : [remoteGroupId]))
      await groupProjects(db, caller, remotes)
      const made = await withinQuota(() =>
        transaction(db, async (tx) => {
          for (const rule of planned) await store.insert(tx, rule)
          await groups.touch(tx, [...groupIds])
          const rows = await store.find(
            tx,
            planned.map(({ id }) => id),
          )
          return planned.map(({ id }) => rows.find((row) => row.id === id)!)
        }),
      )
      await planes.groupsChanged([...groupIds])
      return made
    },

    async remove(_caller, rule, revision) {
      refuseOtherRevision(rule, revision)
      await transaction(db, async (tx) => {
        if (!(await store.remove(tx, rule.id, revision))) {
          throw revision === undefined
            ? refusal('network.security-group-rule.not-found', rule.id)
            : refusal('network.revision.mismatch', revision, rule.revisionNumber + 1)
        }
        await groups.touch(tx, [rule.securityGroupId])
      })
      await planes.groupsChanged([rule.securityGroupId])
    },

    changeTags: (rule, change) => changeTags(db, 'network.security_group_rules', rule.id, change),
  }
}

/** Whose each group is. @throws DomainError `network.security-group.not-found` for one that the caller may not see */
async function groupProjects(db: Database, caller: Caller, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const wanted = [...new Set(ids)].filter(isCanonicalUuid)
  const found = await groups.ownersOf(db, wanted, caller)
  return ids.map((id) => {
    const projectId = found.get(id.toLowerCase())
    if (projectId === undefined) throw refusal('network.security-group.not-found', id)
    return projectId
  })
}
