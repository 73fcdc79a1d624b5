/** What can go wrong with hypervisors. */
import { DomainError } from '../../domain-error.ts'

export const noHypervisor = (id: string) =>
  new DomainError(
    'not-found',
    'compute.hypervisor.not-found',
    `Hypervisor with ID '${id.slice(0, 255)}' could not be found.`,
  )
export const noMatchingHypervisor = (pattern: string) =>
  new DomainError(
    'not-found',
    'compute.hypervisor.not-found',
    `No hypervisor matching '${pattern.slice(0, 255)}' could be found.`,
  )
export const badHypervisorId = (id: string) =>
  new DomainError('invalid', 'compute.hypervisor.id', `Invalid uuid ${id.slice(0, 255)}`)
export const badHypervisorQuery = (message: string) => new DomainError('invalid', 'compute.hypervisor.query', message)
export const hostIsSilent = (host: string) =>
  new DomainError(
    'invalid',
    'compute.hypervisor.unavailable',
    `Compute service of ${host} is unavailable at this time.`,
  )
