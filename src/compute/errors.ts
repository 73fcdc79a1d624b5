/** Every error that compute raises, with its stable code. How they look to a client is in faults.ts. */
import { DomainError, isDomainError } from '../domain-error.ts'

const invalid = (code: string, message: string) => new DomainError('invalid', code, message)
const conflict = (code: string, message: string) => new DomainError('conflict', code, message)
const notFound = (code: string, message: string) => new DomainError('not-found', code, message)

// --- Servers ------------------------------------------------------------------------------------------------------

export const noServer = (id: string) =>
  notFound('compute.server.not-found', `Instance ${id.slice(0, 255)} could not be found.`)
export const serverLocked = (id: string) => conflict('compute.server.locked', `Instance ${id} is locked`)
/** `what` is the kind of state that stands in the way: vm_state, task_state, launched_at. */
export const wrongState = (id: string, deed: string, what: string, state: string) =>
  conflict('compute.server.wrong-state', `Cannot '${deed}' instance ${id} while it is in ${what} ${state}`)
export const notReady = (id: string) =>
  conflict('compute.server.not-ready', `Instance ${id} is not ready: it is on no host`)
export const pinnedElsewhere = (id: string) =>
  conflict(
    'compute.server.pinned-elsewhere',
    `Instance ${id} can be pinned to the availability zone that it is in, and to no other.`,
  )
export const onlyAdminsListDeleted = () =>
  new DomainError('forbidden', 'compute.server.deleted-hidden', 'Only administrators may list deleted instances')
export const noValidHost = (explanation: string, cause?: unknown) =>
  new DomainError('no-capacity', 'compute.server.no-valid-host', explanation, { cause })

// --- What a create may get wrong ----------------------------------------------------------------------------------

export const badField = (message: string) => invalid('compute.server.invalid', message)
export const noSuchImage = (id: string) =>
  invalid('compute.server.image-not-found', `Can not find requested image ${id.slice(0, 255)}`)
export const imageNotUsable = (message: string) => invalid('compute.server.image-not-usable', message)
export const flavorTooSmall = (message: string) => invalid('compute.server.flavor-too-small', message)
export const volumeNotUsable = (message: string) =>
  invalid('compute.server.volume-not-usable', `Invalid volume: ${message}`)
export const badMapping = (message: string) =>
  invalid('compute.block-device.invalid', `Block Device Mapping is Invalid: ${message}`)
export const noSuchKeypair = () => invalid('compute.keypair.unknown', 'Invalid key_name provided.')
export const noSuchZone = () =>
  invalid('compute.availability-zone.unknown', 'The requested availability zone is not available')
export const noSuchHost = (name: string) =>
  invalid('compute.host.unknown', `Compute host ${name.slice(0, 255)} could not be found.`)

/** Upstream words over quota as: Quota exceeded for cores: Requested 4, but already used 18 of 20 cores */
export const overQuota = (message: string, resource: string) =>
  new DomainError('over-quota', 'compute.quota.exceeded', message, { details: { resource } })

/** Of one request: metadata items, injected files and their bytes. */
export const limitExceeded = (message: string) => new DomainError('over-quota', 'compute.limit.exceeded', message)

/** Conflicts of a neighbour's that upstream's compute answers as mistakes in the request. */
const MISTAKES: ReadonlySet<string> = new Set(['network.address.in-use', 'network.address.none-left'])

/**
 * Runs a neighbour's check of what a request names: what is not there is a mistake in the request, so a 404 of the
 * neighbour's becomes a 400 here. Other refusals pass: over quota stays so, a conflict too.
 */
export async function asInvalid<T>(
  check: () => Promise<T>,
  reword: (message: string) => DomainError = (message) => invalid('compute.request.invalid', message),
): Promise<T> {
  try {
    return await check()
  } catch (error) {
    if (isDomainError(error) && (error.reason === 'not-found' || MISTAKES.has(error.code))) {
      const { code, message } = reword(error.message)
      throw new DomainError('invalid', code, message, { cause: error, details: { from: error.code } })
    }
    throw error
  }
}

// --- Parts of a server --------------------------------------------------------------------------------------------

export const noMetadataItem = () => notFound('compute.metadata.not-found', 'Metadata item was not found')
export const noTag = (tag: string, server: string) =>
  notFound('compute.tag.not-found', `Server ${server} has no tag '${tag.slice(0, 60)}'`)
export const noNetworkOfThatName = (label: string) =>
  notFound('compute.address.network-not-found', `Network ${label.slice(0, 255)} not found`)
export const noAction = (requestId: string, server: string) =>
  notFound(
    'compute.action.not-found',
    `Action for request_id ${requestId.slice(0, 255)} on instance ${server} not found`,
  )
export const noMigration = (id: string, server: string) =>
  notFound('compute.migration.not-found', `Migration ${id.slice(0, 64)} not found for instance ${server}`)
export const noInterface = (port: string, server: string) =>
  notFound('compute.interface.not-found', `Instance ${server} does not have a port with id ${port.slice(0, 255)}`)
export const noVolumeAttachment = (volume: string, server: string) =>
  notFound(
    'compute.volume-attachment.not-found',
    `Instance ${server} is not attached to volume ${volume.slice(0, 255)}`,
  )
export const noSuchVolume = (id: string) =>
  notFound('compute.volume.not-found', `Volume ${id.slice(0, 255)} could not be found.`)
export const noSchedule = (id: string) =>
  notFound('compute.schedule.not-found', `Instance ${id} has not been scheduled yet`)
export const attachmentBusy = (volume: string) =>
  invalid(
    'compute.volume-attachment.busy',
    `Invalid volume: volume ${volume} is being attached to this server or detached from it`,
  )
export const deviceTaken = (device: string) =>
  conflict('compute.block-device.taken', `The device ${device} is already in use on this server.`)
export const noDeviceLeft = () => conflict('compute.block-device.none-left', 'No free disk device names left.')
/** By what the story ran into: the network's answers are about the request, the others about the host. */
export function attachFailed({
  errorCode,
  details,
}: {
  errorCode: string | null
  details: string | null
}): DomainError {
  const isRequests = errorCode?.startsWith('network.') === true
  return new DomainError(
    isRequests ? 'invalid' : 'unavailable',
    'compute.attach.failed',
    isRequests && details !== null ? details : 'Failed to attach interface',
    { details: { from: errorCode } },
  )
}

// --- What is not offered ------------------------------------------------------------------------------------------

/** A 501. `what` begins the sentence: "Suspending a server". */
export const notOffered = (what: string) =>
  new DomainError('unavailable', 'compute.not-offered', `${what} is not offered yet.`)
/** A 400 for a field of a request that is otherwise good. */
export const fieldNotOffered = (what: string) => invalid('compute.field.not-offered', `${what} is not offered yet.`)
export const gone = () =>
  new DomainError('not-found', 'compute.gone', 'This API was removed upstream; it is gone here as well.')
