/** Every error that block storage raises, with its stable code. How they look to a client is in faults.ts. */
import { DomainError } from '../domain-error.ts'

// Messages follow cinder/exception.py, whose texts clients and their tests match in places.

export const volumeNotFound = (id: string) =>
  new DomainError('not-found', 'volume.volume.not-found', `Volume ${shown(id)} could not be found.`)

export const typeNotFound = (id: string) =>
  new DomainError('not-found', 'volume.type.not-found', `Volume type ${shown(id)} could not be found.`)

export const typeNotFoundByName = (name: string) =>
  new DomainError('not-found', 'volume.type.not-found', `Volume type with name ${shown(name)} could not be found.`)

export const attachmentNotFound = (id: string) =>
  new DomainError(
    'not-found',
    'volume.attachment.not-found',
    `Volume attachment could not be found with filter: attachment_id = ${shown(id)}.`,
  )

export const snapshotNotFound = (id: string) =>
  new DomainError('not-found', 'volume.snapshot.not-found', `Snapshot ${shown(id)} could not be found.`)

export const snapshotMetadataKeyNotFound = (snapshotId: string, key: string) =>
  new DomainError(
    'not-found',
    'volume.snapshot-metadata.not-found',
    `Snapshot ${snapshotId} has no metadata with key ${shown(key)}.`,
  )

/** InvalidSnapshot: the snapshot's state does not allow it. */
export const invalidSnapshot = (code: string, message: string) =>
  new DomainError('invalid', code, `Invalid snapshot: ${message}`)

/** A resource of a kind that is not offered: none exists, so none is found. */
export const noSuch = (kind: 'Backup' | 'Group', id: string) =>
  new DomainError('not-found', `volume.${kind.toLowerCase()}.not-found`, `${kind} ${shown(id)} could not be found.`)

export const metadataKeyNotFound = (volumeId: string, key: string) =>
  new DomainError(
    'not-found',
    'volume.metadata.not-found',
    `Volume ${volumeId} has no metadata with key ${shown(key)}.`,
  )

export const imageMetadataKeyNotFound = (volumeId: string) =>
  new DomainError(
    'not-found',
    'volume.image-metadata.not-found',
    `Glance metadata for volume/snapshot ${volumeId} cannot be found.`,
  )

export const notFound = (code: string, message: string) => new DomainError('not-found', code, message)

/** InvalidInput: what was asked makes no sense in itself. */
export const invalidInput = (code: string, message: string) =>
  new DomainError('invalid', code, `Invalid input received: ${message}`)

/** InvalidVolume: the volume's state does not allow it. A 400, unlike in other services. */
export const invalidVolume = (code: string, message: string) =>
  new DomainError('invalid', code, `Invalid volume: ${message}`)

export const invalidRequest = (code: string, message: string) => new DomainError('invalid', code, message)

export const conflict = (code: string, message: string) => new DomainError('conflict', code, message)

/** Named and refused: a 501. */
export const notOffered = (what: string) =>
  new DomainError('unavailable', 'volume.request.not-offered', `${what} is not offered by this cloud.`)

/** `details.exception` is upstream's class name, which stands before the text of a quota error. */
export const volumeLimitExceeded = (quota: string, limit: number) =>
  new DomainError(
    'over-quota',
    'volume.quota.volumes',
    `VolumeLimitExceeded: Maximum number of volumes allowed (${limit}) exceeded for quota '${quota}'.`,
  )

export const snapshotLimitExceeded = (quota: string, limit: number) =>
  new DomainError(
    'over-quota',
    'volume.quota.snapshots',
    `SnapshotLimitExceeded: Maximum number of snapshots allowed (${limit}) exceeded for quota '${quota}'.`,
  )

export const gigabytesExceeded = (
  quota: string,
  { requested, consumed, limit }: { requested: number; consumed: number; limit: number },
) =>
  new DomainError(
    'over-quota',
    'volume.quota.gigabytes',
    `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed ${quota} quota. ` +
      `Requested ${requested}G, quota is ${limit}G and ${consumed}G has been consumed.`,
  )

export const volumeSizeExceedsLimit = (sizeGiB: number, limit: number) =>
  new DomainError(
    'over-quota',
    'volume.quota.per-volume-gigabytes',
    `VolumeSizeExceedsLimit: Requested volume size ${sizeGiB}G is larger than maximum allowed limit ${limit}G.`,
  )

export const noValidBackend = (why: string) =>
  new DomainError('no-capacity', 'volume.scheduler.no-valid-backend', `No valid back end was found. ${why}`)

export const backendUnknown = (name: string) =>
  new DomainError('unavailable', 'volume.backend.unknown', `No back end answers for ${name}.`)

/** Text from outside, cut to what fits in a message. */
function shown(text: string): string {
  return text.length > 255 ? `${text.slice(0, 252)}...` : text
}
