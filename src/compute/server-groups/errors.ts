/** What can go wrong with server groups. */
import { DomainError } from '../../domain-error.ts'

export const noGroup = (id: string) =>
  new DomainError(
    'not-found',
    'compute.server-group.not-found',
    `Instance group ${id.slice(0, 255)} could not be found.`,
  )
export const rulesNeedAntiAffinity = () =>
  new DomainError('invalid', 'compute.server-group.rules', 'Only anti-affinity policy supports rules.')
export const tooManyGroups = () =>
  new DomainError('over-quota', 'compute.server-group.quota', 'Quota exceeded, too many server groups.', {
    details: { resource: 'server_groups' },
  })
export const groupIsFull = () =>
  new DomainError('over-quota', 'compute.server-group.full', 'Quota exceeded, too many servers in group', {
    details: { resource: 'server_group_members' },
  })
