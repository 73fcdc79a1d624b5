/**
 * Policy files kept for services that fetch them. They decide nothing here: who may do what is in ../policies.ts.
 * Source: keystone/policy/core.py, keystone/api/policy.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import { newHexId } from '../../ids.ts'
import { extraOf, requireSameId } from '../attributes.ts'
import type { Changes } from '../changes.ts'
import { markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { POLICY_ATTRIBUTES, type PolicyCreateBody, type PolicyUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { StoredPolicy } from './store.ts'

export interface StoredPolicies {
  create(body: Static<typeof PolicyCreateBody>['policy']): Promise<StoredPolicy>
  show(id: string): Promise<StoredPolicy>
  list(list: ListQuery): Promise<readonly StoredPolicy[]>
  update(id: string, body: Static<typeof PolicyUpdateBody>['policy']): Promise<StoredPolicy>
  delete(id: string): Promise<void>
}

export function openStoredPolicies({ db, changes }: { db: Database; changes: Changes }): StoredPolicies {
  return {
    async create(body) {
      const policy: StoredPolicy = {
        id: newHexId(),
        type: body.type,
        blob: body.blob,
        extra: extraOf(body, POLICY_ATTRIBUTES),
      }
      await changes.commit((tx) => store.insertPolicy(tx, policy))
      return policy
    },

    async show(id) {
      const found = await store.findPolicy(db, id)
      if (found === undefined) throw notFound('policy', id)
      return found
    },

    async list(list) {
      if (list.marker !== undefined && (await store.findPolicy(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listPolicies(db, list)
    },

    async update(id, body) {
      requireSameId(body, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockPolicy(tx, id)
        if (before === undefined) throw notFound('policy', id)
        const after: StoredPolicy = {
          ...before,
          type: body.type ?? before.type,
          blob: body.blob ?? before.blob,
          extra: { ...before.extra, ...extraOf(body, POLICY_ATTRIBUTES) },
        }
        await store.updatePolicy(tx, after)
        return after
      })
    },

    async delete(id) {
      const was = await changes.commit((tx) => store.deletePolicy(tx, id))
      if (!was) throw notFound('policy', id)
    },
  }
}
