/** What can go wrong with compute services. */
import { DomainError } from '../../domain-error.ts'

export const noService = (id: string) =>
  new DomainError('not-found', 'compute.service.not-found', `Service ${id.slice(0, 255)} could not be found.`)
export const noBinary = (binary: string, host: string) =>
  new DomainError('not-found', 'compute.service.not-found', `Could not find binary ${binary} on host ${host}.`)
export const badServiceId = (id: string, kind: 'uuid' | 'integer') =>
  new DomainError('invalid', 'compute.service.id', `Invalid ${kind} ${id.slice(0, 255)}`)
export const badServiceUpdate = (message: string) => new DomainError('invalid', 'compute.service.update', message)
export const hostHasServers = () =>
  new DomainError(
    'conflict',
    'compute.service.in-use',
    'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
  )
