/**
 * The rules of projects: where they may hang, what must be true before one is disabled or removed.
 * Source: keystone/resource/core.py
 */
import type { Static } from 'typebox'
import type { Database, Transaction } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { type DomainId, newHexId, type ProjectId } from '../../ids.ts'
import { projectsWithRoles } from '../assignments/effective-roles.ts'
import { extraOf, liftsImmutability, mergedOptions, requireSameId } from '../attributes.ts'
import { type IdentityPolicy, mayDo } from '../authorize.ts'
import type { Changes } from '../changes.ts'
import { forbidden, immutable, invalid, markerNotFound, notFound } from '../errors.ts'
import type { ListQuery } from '../listing.ts'
import type { IdentitySettings } from '../settings.ts'
import { PROJECT_ATTRIBUTES, type ProjectCreateBody, type ProjectUpdateBody } from './schemas.ts'
import * as store from './store.ts'
import type { Project, TagFilter } from './store.ts'

export const DEFAULT_DOMAIN = 'default' as DomainId

const MAX_TAGS = 80

export interface Projects {
  create(caller: Caller, body: Static<typeof ProjectCreateBody>['project']): Promise<Project>
  show(caller: Caller, id: string): Promise<Project>
  list(caller: Caller, list: ListQuery, tags: TagFilter): Promise<readonly Project[]>
  /** The projects on which a user has a role. */
  listOf(userId: string, list: ListQuery): Promise<readonly Project[]>
  update(caller: Caller, id: string, body: Static<typeof ProjectUpdateBody>['project']): Promise<Project>
  delete(caller: Caller, id: string): Promise<void>
  /** From the parent up to the domain. */
  ancestors(id: string): Promise<readonly Project[]>
  descendants(id: string): Promise<readonly Project[]>
  /** Those on which the caller has a role. */
  accessible(caller: Caller, projects: readonly Project[]): Promise<readonly Project[]>
  setTags(caller: Caller, id: string, tags: readonly string[]): Promise<readonly string[]>
  deleteTags(caller: Caller, id: string): Promise<void>
  addTag(caller: Caller, id: string, tag: string): Promise<void>
  /** Asks for the project's tags under a policy of its own. */
  tags(caller: Caller, id: string, policy: IdentityPolicy): Promise<readonly string[]>
  deleteTag(caller: Caller, id: string, tag: string): Promise<void>
}

export function openProjects({
  db,
  changes,
  settings,
}: {
  db: Database
  changes: Changes
  settings: IdentitySettings
}): Projects {
  /** The project, when the caller may; a 403 whether it is there or not, when not. */
  const permitted = async (policy: IdentityPolicy, caller: Caller, id: string): Promise<Project> => {
    const found = await store.findProject(db, id)
    mayDo(policy, caller, { targetProjectId: found?.id ?? null, projectDomainId: found?.domainId ?? null })
    if (found === undefined) throw notFound('project', id)
    return found
  }

  return {
    async create(caller, body) {
      mayDo('identity:create_project', caller, { projectDomainId: body.domain_id ?? null })
      const isDomain = body.is_domain === true
      const domainId = isDomain ? null : ((body.domain_id ?? caller.domainId ?? DEFAULT_DOMAIN) as DomainId)
      if (isDomain && (body.parent_id ?? body.domain_id ?? null) !== null) {
        throw invalid('project.domain-with-parent', 'A project that acts as a domain has neither parent nor domain.')
      }
      const project: Project = {
        id: newHexId(),
        name: body.name.trim(),
        domainId,
        parentId: isDomain ? null : ((body.parent_id ?? domainId) as ProjectId),
        isDomain,
        enabled: body.enabled ?? true,
        description: body.description === undefined ? '' : body.description,
        options: mergedOptions({}, body.options),
        extra: extraOf(body, PROJECT_ATTRIBUTES),
        tags: body.tags ?? [],
      }
      await changes.commit(async (tx) => {
        if (!isDomain) await checkPlace(tx, project)
        await store.insertProject(tx, project)
        await store.replaceTags(tx, project.id, project.tags)
      })
      return project
    },

    show: (caller, id) => permitted('identity:get_project', caller, id),

    async list(caller, list, tags) {
      mayDo('identity:list_projects', caller, { listDomainId: caller.domainId ?? null })
      if (list.marker !== undefined && (await store.findProject(db, list.marker)) === undefined) {
        throw markerNotFound(list.marker)
      }
      return await store.listProjects(db, list, { tags, domainId: caller.domainId })
    },

    listOf: (userId, list) => store.listProjectsIn(db, projectsWithRoles(db, userId), list),

    async update(caller, id, body) {
      await permitted('identity:update_project', caller, id)
      return await changes.commit(async (tx) => {
        const before = await store.lockProject(tx, id)
        if (before === undefined) throw notFound('project', id)
        const after = await changed(tx, before, body)
        await store.updateProject(tx, after, before.enabled && !after.enabled)
        if (body.tags !== undefined) await store.replaceTags(tx, id, body.tags)
        return after
      })
    },

    async delete(caller, id) {
      await permitted('identity:delete_project', caller, id)
      await changes.commit(async (tx) => {
        const project = await store.lockProject(tx, id)
        if (project === undefined) throw notFound('project', id)
        mayGo(project)
        if (!project.isDomain && (await store.listDescendants(tx, id)).length > 0) {
          throw forbidden('project.not-a-leaf', `The project ${id} has projects below it; remove them first.`)
        }
        await store.clearDefaultProject(tx, id)
        await store.deleteProject(tx, id)
      })
    },

    ancestors: (id) => store.listAncestors(db, id),
    descendants: (id) => store.listDescendants(db, id),

    async accessible(caller, projects) {
      const ids = await store.filterAccessible(
        db,
        caller.userId,
        projects.map((project) => project.id),
      )
      return projects.filter((project) => ids.has(project.id))
    },

    async tags(caller, id, policy) {
      return (await permitted(policy, caller, id)).tags
    },

    async setTags(caller, id, tags) {
      await permitted('identity:update_project_tags', caller, id)
      await changes.commit((tx) => retag(tx, id, tags))
      return tags
    },

    async deleteTags(caller, id) {
      await permitted('identity:delete_project_tags', caller, id)
      await changes.commit((tx) => retag(tx, id, []))
    },

    async addTag(caller, id, tag) {
      await permitted('identity:create_project_tag', caller, id)
      await changes.commit(async (tx) => {
        const project = await taggable(tx, id)
        if (project.tags.includes(tag)) throw invalid('project.tag-taken', `The project has the tag ${tag} already.`)
        if (project.tags.length >= MAX_TAGS) {
          throw invalid('project.too-many-tags', `A project has at most ${MAX_TAGS} tags.`)
        }
        await store.insertTag(tx, id, tag)
      })
    },

    async deleteTag(caller, id, tag) {
      await permitted('identity:delete_project_tag', caller, id)
      const was = await changes.commit(async (tx) => {
        await taggable(tx, id)
        return await store.deleteTag(tx, id, tag)
      })
      if (!was) throw notFound('project tag', tag)
    },
  }

  /** The project, which nobody else changes until the transaction ends. @throws DomainError not-found; forbidden for an immutable one */
  async function taggable(tx: Transaction, id: string): Promise<Project> {
    const project = await store.lockProject(tx, id)
    if (project === undefined) throw notFound('project', id)
    if (project.options.immutable === true) throw immutable('project', id)
    return project
  }

  /** Those who do it at once do it one after the other: the tags of one of them stay. */
  async function retag(tx: Transaction, id: string, tags: readonly string[]): Promise<void> {
    await taggable(tx, id)
    await store.replaceTags(tx, id, tags)
  }

  /**
   * What is above stays as it is found until the transaction ends.
   * @throws DomainError invalid for an unknown, foreign or disabled place; forbidden for one too deep
   */
  async function checkPlace(tx: Transaction, project: Project): Promise<void> {
    const domain = await store.findProject(tx, project.domainId!)
    if (domain === undefined || !domain.isDomain) {
      throw invalid('project.domain-unknown', `There is no domain ${project.domainId}.`)
    }
    const parent = await store.findProject(tx, project.parentId!, 'lock')
    if (parent === undefined) throw invalid('project.parent-unknown', `There is no project ${project.parentId}.`)
    if ((parent.domainId ?? parent.id) !== (domain.id as string)) {
      throw invalid('project.parent-elsewhere', `The parent ${parent.id} is not in the domain ${domain.id}.`)
    }
    const above = [parent, ...(await store.listAncestors(tx, parent.id, 'lock'))]
    const disabled = above.find((each) => !each.enabled)
    if (disabled !== undefined) {
      throw invalid('project.parent-disabled', `The project ${disabled.id} above is disabled.`)
    }
    if (above.length > settings.maxProjectTreeDepth) {
      throw forbidden('project.too-deep', `Projects nest at most ${settings.maxProjectTreeDepth} deep.`)
    }
  }
}

/** The project after an update. Shared with domains, which are projects too. */
export async function changed(
  tx: Parameters<typeof store.lockProject>[0],
  before: Project,
  body: Static<typeof ProjectUpdateBody>['project'] & { id?: unknown },
): Promise<Project> {
  const kind = before.isDomain ? 'domain' : 'project'
  requireSameId(body, before.id)
  if (before.options.immutable === true && !liftsImmutability(body)) throw immutable(kind, before.id)
  if (body.parent_id !== undefined && body.parent_id !== before.parentId) {
    throw forbidden('project.parent-fixed', 'The parent of a project cannot be changed.')
  }
  if (body.domain_id !== undefined && body.domain_id !== before.domainId) {
    throw invalid('project.domain-fixed', 'The domain of a project cannot be changed.')
  }
  if (body.is_domain !== undefined && body.is_domain !== before.isDomain) {
    throw invalid('project.kind-fixed', 'Whether a project acts as a domain cannot be changed.')
  }
  const enabled = body.enabled ?? before.enabled
  if (!before.isDomain && enabled && !before.enabled) {
    const disabled = (await store.listAncestors(tx, before.id, 'lock')).find((each) => !each.enabled)
    if (disabled !== undefined) {
      throw forbidden('project.parent-disabled', `The project ${disabled.id} above is disabled.`)
    }
  }
  if (!before.isDomain && !enabled && before.enabled) {
    const below = (await store.listDescendants(tx, before.id)).find((each) => each.enabled)
    if (below !== undefined) {
      throw forbidden('project.child-enabled', `The project ${below.id} below is still enabled.`)
    }
  }
  return {
    ...before,
    name: body.name?.trim() ?? before.name,
    enabled,
    description: body.description === undefined ? before.description : body.description,
    options: mergedOptions(before.options, body.options),
    extra: { ...before.extra, ...extraOf(body, PROJECT_ATTRIBUTES) },
    tags: body.tags ?? before.tags,
  }
}

/** @throws DomainError forbidden while the project or domain must not be removed */
export function mayGo(project: Project): void {
  if (project.options.immutable === true) throw immutable(project.isDomain ? 'domain' : 'project', project.id)
  if (!project.isDomain) return
  if (project.id === (DEFAULT_DOMAIN as string)) {
    throw forbidden('domain.default', 'The default domain stays.')
  }
  if (project.enabled) {
    throw forbidden('domain.enabled', `The domain ${project.id} is enabled; disable it before you remove it.`)
  }
}
