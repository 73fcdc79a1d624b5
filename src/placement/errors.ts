/**
 * Every error that placement raises, with its stable code. `details.code` is the word that clients see in the error
 * object from microversion 1.23 on (placement/errors.py); those without one show `placement.undefined_code`.
 */
import { DomainError, type Reason } from '../domain-error.ts'

const error = (reason: Reason, code: string, message: string, wireCode?: string) =>
  new DomainError(reason, code, message, wireCode === undefined ? {} : { details: { code: wireCode } })

const CONCURRENT = 'placement.concurrent_update'
const INVENTORY_IN_USE = 'placement.inventory.inuse'
const DUPLICATE = 'placement.duplicate_name'

// --- Requests -----------------------------------------------------------------------------------------------------

export const badQuery = (message: string, wireCode?: 'bad_value' | 'missing_value' | 'duplicate_key') =>
  error('invalid', 'placement.query.invalid', message, wireCode && `placement.query.${wireCode}`)
export const methodNotAllowed = (method: string, allowed: readonly string[]) =>
  new DomainError('invalid', 'placement.method.not-allowed', `The method ${method} is not allowed for this resource.`, {
    details: { allow: allowed.join(', ') },
  })
export const notAcceptable = () => error('invalid', 'placement.accept.unknown', 'Only application/json is provided')
export const noContentType = () =>
  error('invalid', 'placement.content-type.missing', 'content-type header required when content-length > 0')
export const badContentType = (type: string) =>
  error('invalid', 'placement.content-type.unknown', `The media type ${type} is not supported, use application/json`)

// --- Providers ----------------------------------------------------------------------------------------------------

export const noProvider = (id: string, why = '') =>
  error('not-found', 'placement.provider.not-found', `No resource provider with uuid ${id} found${why}`)
export const providerExists = (what: string) =>
  error('conflict', 'placement.provider.exists', `Conflicting resource provider ${what} already exists.`, DUPLICATE)
export const badProvider = (deed: string, message: string) =>
  error('invalid', 'placement.provider.invalid', `Unable to ${deed}: ${message}`)
export const providerInUse = (id: string) =>
  error(
    'conflict',
    'placement.provider.in-use',
    `Unable to delete resource provider ${id}: Resource provider has allocations.`,
    'placement.resource_provider.inuse',
  )
export const providerHasChildren = (id: string) =>
  error(
    'conflict',
    'placement.provider.has-children',
    `Unable to delete parent resource provider ${id}: It has child resource providers.`,
    'placement.resource_provider.cannot_delete_parent',
  )
/** Somebody else has changed the provider since the caller read it. */
export const staleProvider = (message: string) => error('conflict', 'placement.provider.stale', message, CONCURRENT)
export const noProviderForInventory = (id: string) =>
  error(
    'invalid',
    'placement.provider.unknown',
    `Resource provider ${id} in inventories not found`,
    'placement.resource_provider.not_found',
  )

// --- Resource classes and traits ----------------------------------------------------------------------------------

export const noClass = (name: string) =>
  error('not-found', 'placement.resource-class.not-found', `No such resource class ${name}.`)
export const unknownClass = (where: string, name: string) =>
  error('invalid', 'placement.resource-class.unknown', `${where}: No such resource class ${name}.`)
export const classExists = (name: string) =>
  error('conflict', 'placement.resource-class.exists', `Conflicting resource class already exists: ${name}`)
export const classNameTaken = (name: string) =>
  error('conflict', 'placement.resource-class.exists', `Resource class already exists: ${name}`)
export const classIsStandard = (deed: 'delete' | 'update', name: string) =>
  error('invalid', 'placement.resource-class.standard', `Cannot ${deed} standard resource class ${name}.`)
export const classInUse = (name: string) =>
  error(
    'conflict',
    'placement.resource-class.in-use',
    `Error in delete resource class: Cannot delete resource class ${name}. Class is in use in inventory.`,
  )

export const badTraitName = () =>
  error(
    'invalid',
    'placement.trait.invalid',
    'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"',
  )
export const noTrait = (name: string) => error('not-found', 'placement.trait.not-found', `No such trait(s): ${name}.`)
/** The same for a trait in a query, which is a bad request. */
export const unknownTraits = (where: string, names: readonly string[]) =>
  error('invalid', 'placement.trait.unknown', `${where}No such trait(s): ${names.join(', ')}.`)
export const noSuchTraitToSet = (names: readonly string[]) =>
  error('invalid', 'placement.trait.unknown', `No such trait ${names.join(', ')}`)
export const traitIsStandard = (name: string) =>
  error('invalid', 'placement.trait.standard', `Cannot delete standard trait ${name}.`)
export const traitInUse = (name: string) =>
  error('conflict', 'placement.trait.in-use', `The trait ${name} is in use by a resource provider.`)

// --- Inventories --------------------------------------------------------------------------------------------------

export const noInventory = (resourceClass: string, providerId: string) =>
  error('not-found', 'placement.inventory.not-found', `No inventory of class ${resourceClass} for ${providerId}`)
export const noInventoryToDelete = (resourceClass: string) =>
  error('not-found', 'placement.inventory.not-found', `No inventory of class ${resourceClass} found for delete`)
export const noInventoryToUpdate = (resourceClass: string, providerId: string) =>
  error(
    'invalid',
    'placement.inventory.unknown',
    `No inventory record with resource class for resource provider ${providerId}: No inventory of class ${resourceClass} found.`,
  )
export const inventoryExists = (resourceClass: string, providerId: string) =>
  error(
    'conflict',
    'placement.inventory.exists',
    `Update conflict: resource provider ${providerId} has an inventory of ${resourceClass} already.`,
    CONCURRENT,
  )
/** Upstream answers the deletion of one inventory with the code of a concurrent update, all others with its own. */
export const inventoryInUse = (
  where: string,
  classes: readonly string[],
  providerId: string,
  wireCode = INVENTORY_IN_USE,
) =>
  error(
    'conflict',
    'placement.inventory.in-use',
    `${where}Inventory for '${classes.join(', ')}' on resource provider '${providerId}' in use.`,
    wireCode,
  )
export const singleInventoryInUse = (resourceClass: string, providerId: string) =>
  inventoryInUse(`Unable to delete inventory of class ${resourceClass}: `, [resourceClass], providerId, CONCURRENT)
export const badCapacity = (
  deed: 'create' | 'update',
  resourceClass: string,
  providerId: string,
  mayEqualTotal: boolean,
) =>
  error(
    'invalid',
    'placement.inventory.capacity',
    `Unable to ${deed} inventory for resource provider ${providerId}: Invalid inventory for '${resourceClass}' on resource provider '${providerId}'. The reserved value is ${mayEqualTotal ? 'greater than' : 'greater than or equal to'} total.`,
  )

// --- Allocations --------------------------------------------------------------------------------------------------

const unable = 'Unable to allocate inventory: '
export const noInventoryToAllocate = (resourceClass: string, providerId: string) =>
  error(
    'no-capacity',
    'placement.inventory.missing',
    `${unable}Inventory for '${resourceClass}' on resource provider '${providerId}' invalid.`,
  )
export const inventoryFull = (resourceClass: string, providerId: string) =>
  error(
    'no-capacity',
    'placement.inventory.full',
    `${unable}Unable to create allocation for '${resourceClass}' on resource provider '${providerId}'. The requested amount would exceed the capacity.`,
  )
export const amountRefused = (resourceClass: string, providerId: string) =>
  error(
    'no-capacity',
    'placement.inventory.constraints',
    `${unable}Unable to create allocation for '${resourceClass}' on resource provider '${providerId}'. The requested amount would violate inventory constraints.`,
  )
export const badConsumerId = (id: string) =>
  error('invalid', 'placement.consumer.malformed', `Malformed consumer_uuid: ${id.slice(0, 255)}`)
export const staleConsumer = (expected: number | null, got: unknown) =>
  error(
    'conflict',
    'placement.consumer.stale',
    `consumer generation conflict - expected ${expected ?? 'null'} but got ${got ?? 'None'}`,
    CONCURRENT,
  )
export const allocationsChanged = () =>
  error(
    'conflict',
    'placement.allocations.changed',
    'Inventory and/or allocations changed while attempting to allocate: Another thread concurrently updated the data. Please retry your update',
    CONCURRENT,
  )
export const noAllocations = (consumerId: string) =>
  error('not-found', 'placement.allocations.none', `No allocations for consumer '${consumerId.slice(0, 255)}'`)
export const noProviderToAllocate = (id: string) =>
  error('invalid', 'placement.provider.unknown', `Allocation for resource provider '${id}' that does not exist.`)
