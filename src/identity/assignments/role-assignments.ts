/**
 * The list of all role assignments, as they were given or as they take effect.
 * Source: keystone/api/role_assignments.py, keystone/assignment/core.py
 */
import type { Database } from '../../database/database.ts'
import { last } from '../../http/paging.ts'
import type { Caller } from '../../http/caller.ts'
import { mayDo } from '../authorize.ts'
import { invalid, notFound } from '../errors.ts'
import { flag } from '../listing.ts'
import { findProject } from '../projects/store.ts'
import { type AssignmentFilter, type AssignmentRow, listDirect, listEffective } from './assignment-list.ts'

export interface RoleAssignments {
  /** @param query the parsed query string */
  list(caller: Caller, query: unknown): Promise<readonly AssignmentRow[]>
}

export function openRoleAssignments({ db }: { db: Database }): RoleAssignments {
  return {
    async list(caller, query) {
      const { effective, ...filter } = filterOf(query)
      if (filter.subtree) {
        if (filter.projectId === undefined) {
          throw invalid('assignment.subtree-of-what', 'include_subtree needs scope.project.id.')
        }
        const project = await findProject(db, filter.projectId)
        if (project === undefined) throw notFound('project', filter.projectId)
        mayDo('identity:list_role_assignments_for_tree', caller, { listDomainId: project.domainId })
      } else {
        mayDo('identity:list_role_assignments', caller, { listDomainId: caller.domainId ?? null })
      }
      const seen: AssignmentFilter = { ...filter, withinDomainId: caller.domainId }
      return effective ? await listEffective(db, seen) : await listDirect(db, seen)
    },
  }
}

/** @throws DomainError invalid for filters that exclude each other */
function filterOf(query: unknown): AssignmentFilter & { effective: boolean } {
  const given = (name: string) => last((query as Record<string, unknown>)[name]) || undefined
  const [userId, groupId] = [given('user.id'), given('group.id')]
  const [projectId, domainId, system] = [given('scope.project.id'), given('scope.domain.id'), given('scope.system')]
  const inheritedTo = given('scope.OS-INHERIT:inherited_to')
  const effective = flag(query, 'effective')
  const exclusive = (message: string) => invalid('assignment.filters-exclude', message)
  if (userId !== undefined && groupId !== undefined) throw exclusive('Filter by a user or a group, not by both.')
  if ([projectId, domainId, system].filter((each) => each !== undefined).length > 1) {
    throw exclusive('Filter by a project, a domain or the system, not by several.')
  }
  if (effective && groupId !== undefined) throw exclusive('Nothing takes effect for a group, only for its members.')
  if (effective && domainId !== undefined && inheritedTo === 'projects') {
    throw exclusive('Nothing inherited takes effect on a domain, only on its projects.')
  }
  return {
    effective,
    subtree: flag(query, 'include_subtree'),
    roleId: given('role.id'),
    userId,
    groupId,
    projectId,
    domainId,
    system: system === 'all',
    inherited: inheritedTo === undefined ? undefined : inheritedTo === 'projects',
  }
}
