/** What can go wrong with keypairs. */
import { DomainError } from '../../domain-error.ts'

export const noKeypair = (name: string, userId: string) =>
  new DomainError(
    'not-found',
    'compute.keypair.not-found',
    `Keypair ${name.slice(0, 255)} not found for user ${userId.slice(0, 255)}`,
  )
export const keypairExists = (name: string) =>
  new DomainError('conflict', 'compute.keypair.exists', `Key pair '${name}' already exists.`)
export const badKeypair = (reason: string) =>
  new DomainError('invalid', 'compute.keypair.invalid', `Keypair data is invalid: ${reason}`)
export const tooManyKeypairs = () =>
  new DomainError('over-quota', 'compute.keypair.quota', 'Quota exceeded, too many key pairs.', {
    details: { resource: 'key_pairs' },
  })
export const noMarker = (marker: string) =>
  new DomainError('invalid', 'http.paging.marker', `Marker ${marker.slice(0, 255)} could not be found.`)
