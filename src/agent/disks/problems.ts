/** Every error that disks of servers can end in. */
import { DomainError } from '../../domain-error.ts'

/** A tool of the host said no; what it said stays in the cause. */
export const toolFailed = (attempted: string, cause: unknown) =>
  new DomainError('unavailable', 'agent.disk.failed', `The host could not ${attempted}.`, { cause })

export const toolMissing = (tool: string, cause: unknown) =>
  new DomainError('unavailable', 'agent.disk.tool-missing', `${tool} is not installed on the host.`, { cause })

export const imageUnacceptable = (imageId: string, why: string, cause: unknown) =>
  new DomainError('invalid', 'agent.disk.image-unacceptable', `Image ${imageId} is not acceptable: ${why}.`, { cause })

export const imageCutShort = (imageId: string, expected: number, received: number) =>
  new DomainError(
    'unavailable',
    'agent.disk.image-cut-short',
    `Image ${imageId} has ${expected} bytes, but only ${received} arrived.`,
  )

export const noRoom = (neededBytes: number, freeBytes: number) =>
  new DomainError(
    'no-capacity',
    'agent.disk.no-room',
    `${neededBytes} bytes are needed on the host's disk, and ${freeBytes} are free.`,
  )

export const diskTooSmall = (diskGiB: number, virtualSizeBytes: number) =>
  new DomainError(
    'invalid',
    'agent.disk.too-small',
    `A disk of ${diskGiB} GiB is too small for an image whose disk has ${virtualSizeBytes} bytes.`,
  )
