/** Every error that the image service can raise, with its stable code. How they look to a client: faults.ts. */
import { DomainError } from '../domain-error.ts'

// --- Finding ------------------------------------------------------------------------------------------------------

export const imageNotFound = (id: string) =>
  new DomainError('not-found', 'image.image.not-found', `No image found with ID ${shown(id)}`)

export const tagNotFound = () => new DomainError('not-found', 'image.tag.not-found', 'The resource could not be found.')

export const memberNotFound = (imageId: string, memberId: string) =>
  new DomainError(
    'not-found',
    'image.member.not-found',
    `${shown(memberId)} not found in the member list of the image ${imageId}.`,
  )

export const taskNotFound = (id: string) =>
  new DomainError('not-found', 'image.task.not-found', `Task with the given id ${shown(id)} was not found`)

export const storeNotFound = (store: string) =>
  new DomainError('not-found', 'image.store.not-found', `There is no store ${shown(store)} at this site.`)

// --- Bodies and queries -------------------------------------------------------------------------------------------

export const invalidBody = (message: string) => new DomainError('invalid', 'image.body.invalid', message)

export const invalidQuery = (message: string) => new DomainError('invalid', 'image.query.invalid', message)

/** PostgreSQL keeps neither NUL nor half a surrogate pair. */
export const textUnstorable = () =>
  new DomainError('invalid', 'image.text.unstorable', 'Text must not contain NUL characters or unpaired surrogates.')

export const unsupportedMediaType = (message: string, headers: Record<string, string> = {}) =>
  new DomainError('invalid', 'image.body.media-type', message, { details: { headers } })

// --- What an image lets be done to it -----------------------------------------------------------------------------

export const duplicateImage = (id: string) =>
  new DomainError('conflict', 'image.image.duplicate', `Image ID ${id} already exists!`)

export const propertyReadOnly = (name: string) =>
  new DomainError('forbidden', 'image.property.read-only', `Attribute '${shown(name)}' is read-only.`)

export const propertyReserved = (name: string) =>
  new DomainError('forbidden', 'image.property.reserved', `Attribute '${shown(name)}' is reserved.`)

export const propertyNotRemovable = (name: string) =>
  new DomainError('forbidden', 'image.property.not-removable', `Property ${shown(name)} may not be removed.`)

export const propertyMissing = (name: string) =>
  new DomainError('conflict', 'image.property.missing', `Property ${shown(name)} does not exist.`)

export const propertyPresent = (name: string) =>
  new DomainError('conflict', 'image.property.present', `Property ${shown(name)} already present.`)

export const formatFrozen = (name: string) =>
  new DomainError(
    'forbidden',
    'image.image.format-frozen',
    `Attribute ${name} can be only replaced for a queued image.`,
  )

export const foreignOwner = (owner: string) =>
  new DomainError(
    'forbidden',
    'image.image.foreign-owner',
    `You are not permitted to create images owned by '${shown(owner)}'.`,
  )

export const ownerFrozen = () =>
  new DomainError('forbidden', 'image.image.owner-frozen', "Owner can't be updated by non admin.")

/** Locations are kept from sight, and so from change: upstream's `show_multiple_locations = False`. */
export const locationsInvisible = () =>
  new DomainError(
    'forbidden',
    'image.image.locations-invisible',
    "It's not allowed to show or update locations: locations are invisible.",
  )

export const imageProtected = (id: string) =>
  new DomainError('forbidden', 'image.image.protected', `Image ${id} is protected and cannot be deleted.`)

export const notInStatus = (deed: 'deactivate' | 'reactivate', status: string) =>
  new DomainError('forbidden', 'image.image.wrong-status', `Not allowed to ${deed} image in status '${status}'`)

export const noTransition = (from: string, to: string) =>
  new DomainError(
    'conflict',
    'image.image.no-transition',
    `Image status transition from ${from} to ${to} is not allowed`,
  )

// --- Imports and stores -------------------------------------------------------------------------------------------

/** The image is not in a state in which it can be imported so. */
export const importImpossible = (message: string) => new DomainError('conflict', 'image.import.impossible', message)

/** Another import or copy has the image. */
export const importUnderWay = () => importImpossible('Image has active task')

/** A store's name that a body or a header holds. */
export const storeUnknown = (store: string) => importImpossible(storeNotFound(store).message)

export const alreadyInStore = (store: string) =>
  new DomainError('invalid', 'image.store.already-there', `Image is already present at store '${store}'`)

/** Which rule forbids it stays in the log: a user could map a network by it. */
export const sourceRefused = (uri: string, cause?: unknown) =>
  new DomainError(
    'invalid',
    'image.import.source-refused',
    `URI for web-download does not pass filtering: ${shown(uri)}`,
    { cause },
  )

export const sourceFailed = (why: string, cause?: unknown) =>
  new DomainError('unavailable', 'image.import.source-failed', `The image could not be fetched: ${why}.`, { cause })

export const sourceCutShort = (expectedBytes: number, receivedBytes: number) =>
  new DomainError(
    'unavailable',
    'image.import.source-cut-short',
    `Downloaded data size ${receivedBytes} is different from expected ${expectedBytes}.`,
  )

export const hashMismatch = (algorithm: string, expected: string, found: string) =>
  new DomainError(
    'invalid',
    'image.import.hash-mismatch',
    `The ${algorithm} of what was fetched is ${found}, and ${expected} was expected.`,
  )

export const noStoreTookIt = () =>
  new DomainError('unavailable', 'image.import.no-store', 'None of the uploads finished!')

export const notInStore = (message: string) => new DomainError('conflict', 'image.store.not-there', message)

export const notStoredThere = (imageId: string, store: string) =>
  new DomainError('not-found', 'image.store.not-stored', `Image ${imageId} is not stored in store ${shown(store)}.`)

export const storeNotOnNode = (store: string) =>
  new DomainError(
    'conflict',
    'image.store.unknown',
    `The selected store ${shown(store)} is not available on this node.`,
  )

export const lastStore = () =>
  new DomainError(
    'forbidden',
    'image.store.last',
    'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
  )

// --- Metadata definitions -----------------------------------------------------------------------------------------

export const namespaceNotFound = (name: string) =>
  new DomainError('not-found', 'image.metadef.namespace-not-found', `Namespace ${shown(name)} not found`)

export const metadefNotFound = (kind: string, name: string, namespace: string) =>
  new DomainError(
    'not-found',
    'image.metadef.not-found',
    `The metadata definition ${kind} with name=${shown(name)} was not found in namespace=${shown(namespace)}.`,
  )

export const duplicateMetadef = (kind: string, name: string) =>
  new DomainError(
    'conflict',
    'image.metadef.duplicate',
    `A metadata definition ${kind} with name=${shown(name)} already exists.`,
  )

export const metadefProtected = (kind: string, namespace: string) =>
  new DomainError(
    'forbidden',
    'image.metadef.protected',
    `Metadata definition ${kind} of ${shown(namespace)} is protected and cannot be deleted.`,
  )

// --- Members ------------------------------------------------------------------------------------------------------

export const onlySharedHaveMembers = (deed: string, imageId: string) =>
  new DomainError(
    'forbidden',
    'image.member.not-shared',
    `Not allowed to ${deed} members for image ${imageId}: Only shared images have members.`,
  )

export const membersNotForCaller = (deed: string, imageId: string) =>
  new DomainError('forbidden', 'image.member.forbidden', `Not allowed to ${deed} members for image ${imageId}.`)

export const duplicateMember = (imageId: string, memberId: string) =>
  new DomainError('conflict', 'image.member.duplicate', `Member ${shown(memberId)} is duplicated for image ${imageId}`)

// --- Not offered --------------------------------------------------------------------------------------------------

export const tasksStay = () =>
  new DomainError('not-found', 'image.task.stays', 'Tasks are not removed by hand: their time ends by itself.', {
    details: { allow: 'GET' },
  })

export const cacheNotOffered = () =>
  new DomainError('not-found', 'image.cache.not-offered', 'Caching via API is not supported at this site.')

// --- Quotas -------------------------------------------------------------------------------------------------------

export const tooMany = (kind: 'properties' | 'tags' | 'members', attempted: number, maximum: number) =>
  new DomainError(
    'over-quota',
    `image.quota.${kind}`,
    `The limit has been exceeded on the number of allowed image ${kind}. Attempted: ${attempted}, Maximum: ${maximum}`,
  )

export const overLimit = (
  project: string,
  { name, limit, used, more }: { name: string; limit: number; used: number; more: number },
) =>
  new DomainError(
    'over-quota',
    'image.quota.limit',
    `Project ${project} is over a limit for [Resource ${name} is over limit of ${limit} due to current usage ${used} and delta ${more}]`,
  )

export const storageQuotaFull = (sizeBytes: number, remainingBytes: number) =>
  new DomainError(
    'over-quota',
    'image.quota.storage',
    `Image exceeds the storage quota: The size of the data ${sizeBytes} will exceed the limit. ${remainingBytes} bytes remaining.`,
  )

// --- Bytes --------------------------------------------------------------------------------------------------------

export const formatsMissing = (missing: readonly string[]) =>
  new DomainError(
    'invalid',
    'image.data.formats-missing',
    missing.length === 1
      ? `Property ${missing[0]} must be set prior to saving data.`
      : `Properties ${missing.join(', ')} must be set prior to saving data.`,
  )

export const imageTooLarge = (capBytes: number) =>
  new DomainError(
    'over-quota',
    'image.data.too-large',
    `The incoming image is too large: at most ${capBytes} bytes are taken.`,
  )

export const storageFull = (cause: unknown) =>
  new DomainError('over-quota', 'image.data.storage-full', 'Image storage media is full.', { cause })

export const sizeMismatch = (declared: number, received: number) =>
  new DomainError(
    'invalid',
    'image.data.size-mismatch',
    `The size of the data, ${received} bytes, is not what was announced, ${declared} bytes.`,
  )

export const uploadBroken = (cause: unknown) =>
  new DomainError('invalid', 'image.data.broken-off', 'The client broke off while sending the image.', { cause })

export const uploadStalled = (idleMs: number) =>
  new DomainError('invalid', 'image.data.stalled', `No data came for ${idleMs / 1000} s; the upload was given up.`)

/** The bytes are not what the image says, or not safe to hand to a hypervisor. */
export const dataUnacceptable = (why: string, cause?: unknown) =>
  new DomainError('invalid', 'image.data.unacceptable', `Image data is not acceptable: ${why}`, { cause })

export const goneWhileUploading = (id: string) =>
  new DomainError(
    'not-found',
    'image.data.gone',
    `Image ${id} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`,
  )

export const deactivatedDownload = () =>
  new DomainError(
    'forbidden',
    'image.data.deactivated',
    'The requested image has been deactivated. Image data download is forbidden.',
  )

export const rangeUnsatisfiable = (message: string) => new DomainError('invalid', 'image.data.range', message)

export const imageNotActive = (id: string, status: string) =>
  new DomainError('conflict', 'image.image.not-active', `Image ${id} is not active: its status is ${status}.`)

/** What users sent comes back shortened. */
function shown(text: string): string {
  return text.length > 255 ? `${text.slice(0, 252)}...` : text
}
