/** The rules of security groups. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'
import type { Caller } from '../../http/caller.ts'
import { newId, type ProjectId, type SecurityGroupId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import type { Planes } from '../plane/planes.ts'
import { withinQuota } from '../quotas/within-quota.ts'
import { inOrder, type Listing, markerIsUuid, refuseMarker } from '../resources/listing.ts'
import type { Resource } from '../resources/resource-routes.ts'
import { refuseOtherRevision } from '../resources/revision.ts'
import { changeTags } from '../resources/tags.ts'
import { isCanonicalUuid } from '../resources/values.ts'
import * as rules from '../security-group-rules/store.ts'
import { egressRules, ensureDefaultGroup } from './default-group.ts'
import { securityGroupAttributes } from './schemas.ts'
import * as store from './store.ts'
import type { SecurityGroupRow } from './store.ts'
import { viewSecurityGroup } from './view.ts'

export function securityGroups(
  db: Database,
  planes: Planes,
): Resource<typeof securityGroupAttributes, SecurityGroupRow> {
  const get = async (caller: Caller, id: string) => {
    const [group] = isCanonicalUuid(id) ? await store.find(db, [id], caller) : []
    if (group === undefined) throw refusal('network.security-group.not-found', id.slice(0, 64))
    return group
  }

  return {
    singular: 'security_group',
    plural: 'security_groups',
    path: 'security-groups',
    attributes: securityGroupAttributes,
    view: viewSecurityGroup,
    target: ({ projectId }) => ({ projectId }),
    get,

    async list(caller, listing) {
      const project = projectLookedAt(caller, listing)
      if (project !== undefined) await ensureDefaultGroup(db, project)
      if (listing.marker !== undefined) {
        if (!markerIsUuid(listing) || (await store.find(db, [listing.marker])).length === 0)
          refuseMarker(listing.marker)
      }
      return inOrder(await store.list(db, caller, listing), listing)
    },

    async targets(_caller, orders) {
      return orders.map((order) => ({ projectId: order.project_id }))
    },

    async create(_caller, orders) {
      for (const projectId of new Set(orders.map((order) => order.project_id))) await ensureDefaultGroup(db, projectId)
      const planned = orders.map((order) => ({
        id: newId<SecurityGroupId>(),
        projectId: order.project_id,
        name: order.name,
        description: order.description,
        isDefault: false,
      }))
      return await withinQuota(() =>
        transaction(db, async (tx) => {
          for (const group of planned) {
            await store.insert(tx, group)
            for (const rule of egressRules(group)) await rules.insert(tx, rule)
          }
          const rows = await store.find(
            tx,
            planned.map(({ id }) => id),
          )
          return planned.map(({ id }) => rows.find((row) => row.id === id)!)
        }),
      )
    },

    async update(caller, group, order, revision) {
      refuseOtherRevision(group, revision)
      if (group.isDefault && order.name !== undefined) throw refusal('network.security-group.default-keeps-name')
      const changes = {
        ...(order.name !== undefined && { name: order.name }),
        ...(order.description !== undefined && { description: order.description }),
      }
      if (Object.keys(changes).length === 0) return group
      await transaction(db, async (tx) => {
        if (!(await store.update(tx, group.id, changes, revision))) throw changedMeanwhile(group, revision)
      })
      return await get(caller, group.id)
    },

    async remove(caller, group, revision) {
      refuseOtherRevision(group, revision)
      if (group.isDefault && !caller.isAdmin) throw refusal('network.security-group.default-stays')
      const referring = await transaction(db, async (tx) => {
        const others = await store.referringTo(tx, group.id)
        if (!(await store.remove(tx, group.id, revision))) throw changedMeanwhile(group, revision)
        return others
      })
      await planes.groupsChanged(referring.filter((id) => id !== group.id))
    },

    changeTags: (group, change) => changeTags(db, 'network.security_groups', group.id, change),
  }
}

/** Whose default group a list is about to show: the caller's own, or what an administrator filters by. */
function projectLookedAt(caller: Caller, listing: Listing): ProjectId | undefined {
  const filter = listing.filters.find(({ name }) => name === 'project_id' || name === 'tenant_id')
  const [asked] = filter?.values ?? []
  if (asked !== undefined && asked !== '' && caller.isAdmin) return asked as ProjectId
  return caller.projectId
}

function changedMeanwhile(group: SecurityGroupRow, revision: number | undefined) {
  return revision === undefined
    ? refusal('network.security-group.not-found', group.id)
    : refusal('network.revision.mismatch', revision, group.revisionNumber + 1)
}
