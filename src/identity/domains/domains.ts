/**
 * Domains: projects that act as one, seen under their own name. Removing one removes everything in it.
 * Source: keystone/resource/core.py
 */
import type { Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { newHexId, type ProjectId } from '../../ids.ts'
import { extraOf, mergedOptions } from '../attributes.ts'
import { mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import { changed, mayGo } from '../projects/projects.ts'
import * as store from '../projects/store.ts'
import type { Project } from '../projects/store.ts'
import { DOMAIN_ATTRIBUTES, type DomainCreateBody, type DomainUpdateBody } from './schemas.ts'
import { listDomainsOf } from './store.ts'

export interface Domains {
  create(caller: Caller, body: Static<typeof DomainCreateBody>['domain']): Promise<Project>
  show(caller: Caller, id: string): Promise<Project>
  list(caller: Caller, list: ListQuery): Promise<readonly Project[]>
  /** The enabled domains on which a user has a role. */
  listOf(userId: string): Promise<readonly Project[]>
  update(caller: Caller, id: string, body: Static<typeof DomainUpdateBody>['domain']): Promise<Project>
  delete(caller: Caller, id: string): Promise<void>
}

export function openDomains({ db, changes }: { db: Database; changes: Changes }): Domains {
  const find = async (id: string): Promise<Project | undefined> => {
    const found = await store.findProject(db, id)
    return found?.isDomain === true ? found : undefined
  }

  return {
    async create(_caller, body) {
      const domain: Project = {
        id: (body.explicit_domain_id ?? newHexId()) as ProjectId,
        name: body.name.trim(),
        domainId: null,
        parentId: null,
        isDomain: true,
        enabled: body.enabled ?? true,
        description: body.description === undefined ? '' : body.description,
        options: mergedOptions({}, body.options),
        extra: extraOf(body, DOMAIN_ATTRIBUTES),
        tags: body.tags ?? [],
      }
      await changes.commit(async (tx) => {
        await store.insertProject(tx, domain)
        await store.replaceTags(tx, domain.id, domain.tags)
      })
      return domain
    },

    async show(caller, id) {
      const found = await find(id)
      mayDo('identity:get_domain', caller, { targetDomainId: found?.id ?? null })
      if (found === undefined) throw notFound('domain', id)
      return found
    },

    async list(caller, list) {
      mayDo('identity:list_domains', caller, { targetDomainId: caller.domainId ?? null })
      if (list.marker !== undefined && (await find(list.marker)) === undefined) throw markerNotFound(list.marker)
      const all = await store.listProjects(db, list, { isDomain: true })
      return caller.domainId === undefined ? all : all.filter((each) => each.id === (caller.domainId as string))
    },

    listOf: (userId) => listDomainsOf(db, userId),

    async update(_caller, id, body) {
      return await changes.commit(async (tx) => {
        const before = await store.lockProject(tx, id)
        if (before?.isDomain !== true) throw notFound('domain', id)
        const after = await changed(tx, before, body)
        await store.updateProject(tx, after, before.enabled && !after.enabled)
        if (body.tags !== undefined) await store.replaceTags(tx, id, body.tags)
        return after
      })
    },

    async delete(_caller, id) {
      await changes.commit(async (tx) => {
        const domain = await store.lockProject(tx, id)
        if (domain?.isDomain !== true) throw notFound('domain', id)
        mayGo(domain)
        await store.deleteProject(tx, id)
      })
    },
  }
}
