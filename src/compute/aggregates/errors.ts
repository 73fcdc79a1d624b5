/** What can go wrong with aggregates. */
import { DomainError } from '../../domain-error.ts'

export const noAggregate = (id: string | number) =>
  new DomainError('not-found', 'compute.aggregate.not-found', `Aggregate ${id} could not be found.`)
export const badAggregateId = (id: string) =>
  new DomainError(
    'invalid',
    'compute.aggregate.id',
    `Invalid input received: id must be an integer, got ${id.slice(0, 64)}`,
  )
export const aggregateExists = (name: string) =>
  new DomainError('conflict', 'compute.aggregate.exists', `Aggregate ${name} already exists.`)
export const aggregateIsNotEmpty = (id: number) =>
  new DomainError(
    'invalid',
    'compute.aggregate.not-empty',
    `Cannot remove host from aggregate ${id}. Reason: Host aggregate is not empty.`,
  )
export const zoneNeedsAName = (id: number | string) =>
  new DomainError(
    'invalid',
    'compute.aggregate.zone-empty',
    `Cannot update aggregate ${id}. Reason: Aggregate does not support empty named availability zone.`,
  )
export const hostHasOtherZone = (deed: string, id: number, zones: readonly string[], reason: 'invalid' | 'conflict') =>
  new DomainError(
    reason,
    'compute.aggregate.zone-conflict',
    `Cannot ${deed} aggregate ${id}. Reason: One or more hosts already in availability zone(s) ${zones.join(', ')}.`,
  )
export const hostsHaveServers = (deed: string, id: number, reason: 'invalid' | 'conflict') =>
  new DomainError(
    reason,
    'compute.aggregate.zone-in-use',
    `Cannot ${deed} aggregate ${id}. Reason: One or more hosts contain instances in this zone.`,
  )
export const noSuchHost = (host: string) =>
  new DomainError('not-found', 'compute.host.not-found', `Compute host ${host} could not be found.`)
export const hostIsMember = (id: number, host: string) =>
  new DomainError('conflict', 'compute.aggregate.host-exists', `Aggregate ${id} already has host ${host}.`)
export const hostIsNoMember = (id: number, host: string) =>
  new DomainError('not-found', 'compute.aggregate.no-host', `Cannot remove host ${host} in aggregate ${id}`)
