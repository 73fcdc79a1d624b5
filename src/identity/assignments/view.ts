/** Role assignments as they go out; each links to the grant that it comes from. Source: keystone/api/role_assignments.py */
import type { Links } from '../links.ts'
import type { AssignmentRow } from './assignment-list.ts'

export function viewAssignment(row: AssignmentRow, { links, names }: { links: Links; names: boolean }) {
  const named = (id: string, name: string | null, domain?: readonly [string | null, string | null]) => ({
    id,
    ...(names && { name }),
    ...(names && domain?.[0] != null && { domain: { id: domain[0], name: domain[1] } }),
  })
  const actorDomain = [row.actorDomainId, row.actorDomainName] as const
  return {
    role: named(row.roleId, row.roleName, [row.roleDomainId, row.roleDomainName]),
    ...(row.userId !== null && { user: named(row.userId, row.userName, actorDomain) }),
    ...(row.groupId !== null && { group: named(row.groupId, row.groupName, actorDomain) }),
    scope: {
      ...(row.projectId !== null && {
        project: named(row.projectId, row.projectName, [row.projectDomainId, row.projectDomainName]),
      }),
      ...(row.domainId !== null && { domain: named(row.domainId, row.domainName) }),
      ...(row.onSystem && { system: { all: true } }),
      ...(row.inherited && { 'OS-INHERIT:inherited_to': 'projects' }),
    },
    links: {
      assignment: links.self(...grantPath(row)),
      ...(row.viaGroupId !== null && { membership: links.self('groups', row.viaGroupId, 'users', row.userId!) }),
      ...(row.givenRoleId !== row.roleId && {
        prior_role: links.self('prior_role', row.givenRoleId, 'implies', row.roleId),
      }),
    },
  }
}

function grantPath(row: AssignmentRow): string[] {
  const projectId = row.fromProjectId ?? (row.fromDomainId === null ? row.projectId : null)
  const domainId = row.fromDomainId ?? row.domainId
  const target = row.onSystem ? ['system'] : projectId !== null ? ['projects', projectId] : ['domains', domainId!]
  const groupId = row.viaGroupId ?? row.groupId
  const actor = groupId !== null ? ['groups', groupId] : ['users', row.userId!]
  const grant = [...target, ...actor, 'roles', row.givenRoleId]
  return row.inherited ? ['OS-INHERIT', ...grant, 'inherited_to_projects'] : grant
}
