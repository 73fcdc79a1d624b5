/** What can go wrong with flavors. */
import { DomainError } from '../../domain-error.ts'

export const noFlavor = (id: string) =>
  new DomainError('not-found', 'compute.flavor.not-found', `Flavor ${id.slice(0, 255)} could not be found.`)
export const flavorNameTaken = (name: string) =>
  new DomainError('conflict', 'compute.flavor.name-taken', `Flavor with name ${name} already exists.`)
export const flavorIdTaken = (id: string) =>
  new DomainError('conflict', 'compute.flavor.id-taken', `Flavor with ID ${id} already exists.`)
export const badFlavor = (message: string) => new DomainError('invalid', 'compute.flavor.invalid', message)
export const noMarker = (marker: string) =>
  new DomainError('invalid', 'http.paging.marker', `marker [${marker.slice(0, 255)}] not found`)

export const flavorIsPublic = () =>
  new DomainError('not-found', 'compute.flavor.is-public', 'Access list not available for public flavors.')
/** From 2.7 on; before it the access of a public flavor was noted and had no effect. */
export const cannotRestrictPublic = () =>
  new DomainError('conflict', 'compute.flavor.access-to-public', 'Can not add access to a public flavor.')
export const accessExists = (flavorId: string, projectId: string) =>
  new DomainError(
    'conflict',
    'compute.flavor.access-exists',
    `Flavor access already exists for flavor ${flavorId} and project ${projectId} combination.`,
  )
export const noAccess = (flavorId: string, projectId: string) =>
  new DomainError(
    'not-found',
    'compute.flavor.no-access',
    `Flavor access not found for ${flavorId} / ${projectId} combination.`,
  )
export const noProject = (projectId: string) =>
  new DomainError('invalid', 'compute.project.unknown', `Project ID ${projectId.slice(0, 255)} is not a valid project.`)

export const noExtraSpec = (flavorId: string, key: string) =>
  new DomainError(
    'not-found',
    'compute.flavor.no-extra-spec',
    `Flavor ${flavorId} has no extra specs with key ${key.slice(0, 255)}.`,
  )
export const badExtraSpec = (message: string) =>
  new DomainError('invalid', 'compute.flavor.extra-spec-invalid', `Validation failed; ${message}`)
