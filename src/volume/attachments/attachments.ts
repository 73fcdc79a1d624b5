/**
 * Who uses a volume: reserved, then connected, then complete; and gone. Compute's stories and the attachments API both
 * come through here. Source: cinder/volume/api.py (attachment_create and its neighbours), cinder/objects/volume.py
 */
import type { Connector, VolumeConnection } from '../../agent/contract.ts'
import type { Database, Sql, Transaction } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { Microversion } from '../../http/microversions.ts'
import { type AttachmentId, isUuid, type ServerId, type VolumeId } from '../../ids.ts'
import type { Backends } from '../backends.ts'
import { attachmentNotFound, conflict, invalidInput, invalidVolume, volumeNotFound } from '../errors.ts'
import { allowedFilters, type Fragment, flagOf, listQuery, orderBy } from '../list-query.ts'
import { BY_ATTACHMENTS, reservable, type VolumeStatus } from '../volumes/states.ts'
import * as volumes from '../volumes/store.ts'
import { settleExport } from './exports.ts'
import * as store from './store.ts'

export interface ReserveOrder {
  readonly attachmentId: AttachmentId
  readonly volumeId: VolumeId
  readonly serverId: ServerId | null
  readonly mode: 'rw' | 'ro' | null
  readonly heldByCompute: boolean
}

export interface DirectOrder {
  readonly attachmentId: AttachmentId
  readonly volumeId: VolumeId
  readonly serverId: ServerId | null
  readonly host: string | null
  readonly mountpoint: string
  readonly mode: 'rw' | 'ro'
}

export interface Attachments {
  /**
   * Repeating it with the same id changes nothing.
   * @param tx of a caller with whose rows it stands or falls
   * @throws DomainError not-found `volume.volume.not-found`; invalid `volume.volume.not-available`
   */
  reserve(order: ReserveOrder, tx?: Transaction): Promise<void>
  /** The flow from before attachments: at once and with no connector. @throws DomainError invalid `volume.volume.not-available` */
  attachDirectly(order: DirectOrder): Promise<void>
  /** Exports the volume to the connector. Repeating it changes nothing. @throws DomainError not-found, `volume.attachment.not-found` */
  connect(id: AttachmentId, connector: store.ConnectorDocument): Promise<VolumeConnection>
  complete(id: AttachmentId, mountpoint: string | null): Promise<void>
  /** Finding none is fine. */
  detach(id: AttachmentId): Promise<void>
  /** Everybody leaves: what `os-reset_status` does with `attach_status`. */
  detachAll(volumeId: VolumeId): Promise<void>
  /** One that the caller may see. @throws DomainError not-found, `volume.attachment.not-found` */
  get(caller: Caller, id: string): Promise<store.AttachmentRow>
  of(volumeId: VolumeId): Promise<readonly store.AttachmentRow[]>
  list(
    caller: Caller,
    query: Readonly<Record<string, unknown>>,
    version: Microversion,
  ): Promise<readonly store.AttachmentRow[]>
  /**
   * What our compute service holds it lets go itself, after the guest has: taking a disk from under a guest leaves the
   * host with a broken device. Services and admins may all the same.
   * @throws DomainError conflict, `volume.attachment.in-use-by-server`
   */
  refuseIfHeld(caller: Caller, attachment: store.AttachmentRow): void
  /** The flow from before attachments: a connection without one. */
  openConnection(volumeId: VolumeId, connector: store.ConnectorDocument): Promise<VolumeConnection>
  closeConnection(volumeId: VolumeId, initiator: string | undefined): Promise<void>
}

const SORT_COLUMNS = {
  id: 'a.id',
  volume_id: 'a.volume_id',
  instance_id: 'a.server_id',
  instance_uuid: 'a.server_id',
  attach_status: 'a.status',
  status: 'a.status',
  created_at: 'a.created_at',
  updated_at: 'a.updated_at',
  attach_time: 'a.attached_at',
  mountpoint: 'a.mountpoint',
}

const USER_FILTERS = ['volume_id', 'status', 'instance_id', 'attach_status']

export function openAttachments(db: Database, backends: Backends): Attachments {
  /** Runs `work` on an attachment and its volume, both unchanged by others until it ends. */
  const withAttachment = async <T>(
    id: string,
    work: (tx: Sql, attachment: store.AttachmentRow, volume: volumes.VolumeRow) => Promise<T>,
  ): Promise<T | undefined> => {
    const result = await db.begin(async (tx) => {
      const found = await store.findAttachment(tx, id)
      const volume = found === undefined ? undefined : await volumes.lockVolume(tx, found.volumeId)
      // Read again behind the lock: it may have gone while we waited.
      const attachment = volume === undefined ? undefined : await store.findAttachment(tx, id)
      if (attachment === undefined || volume === undefined) return { done: undefined }
      return { done: await work(tx, attachment, volume) }
    })
    return result.done as T | undefined
  }

  const withVolume = async <T>(
    id: string,
    work: (tx: Sql, volume: volumes.VolumeRow) => Promise<T>,
    within?: Transaction,
  ): Promise<T> => {
    const locked = async (tx: Transaction) => {
      const volume = await volumes.lockVolume(tx, id)
      if (volume === undefined) throw volumeNotFound(id)
      return { done: await work(tx, volume) }
    }
    const result = within === undefined ? await db.begin(locked) : await locked(within)
    return result.done as T
  }

  /** The state that follows from who is left, where it is one that does. */
  const settleStatus = async (tx: Sql, volume: volumes.VolumeRow) => {
    if (!BY_ATTACHMENTS.includes(volume.status)) return
    const left = await store.attachmentsOf(tx, volume.id)
    await volumes.setStatus(tx, volume.id, statusFrom(left))
    if (left.length === 0) await volumes.removeAdminMetadataKey(tx, volume.id, 'attached_mode')
  }

  return {
    async reserve({ attachmentId, volumeId, serverId, mode, heldByCompute }, within) {
      const reserving = async (tx: Sql, volume: volumes.VolumeRow) => {
        if ((await store.findAttachment(tx, attachmentId)) !== undefined) return
        refuseReservation(volume, serverId)
        await store.insertAttachment(tx, {
          id: attachmentId,
          volumeId: volume.id,
          projectId: volume.projectId,
          serverId,
          mode: volume.adminMetadata.readonly === 'True' ? 'ro' : mode,
          heldByCompute,
        })
        await volumes.setStatus(tx, volume.id, 'reserved')
      }
      await withVolume(volumeId, reserving, within)
    },

    async attachDirectly({ attachmentId, volumeId, serverId, host, mountpoint, mode }) {
      await withVolume(volumeId, async (tx, volume) => {
        const from: VolumeStatus[] = ['attaching', ...reservable(volume.multiattach)]
        if (!from.includes(volume.status)) {
          throw invalidVolume(
            'volume.volume.not-available',
            `Volume ${volume.id} status must be ${from.join(' or ')} to attach, but the current status is ${volume.status}.`,
          )
        }
        const { projectId } = volume
        await store.insertAttachment(tx, {
          id: attachmentId,
          volumeId,
          projectId,
          serverId,
          mode,
          heldByCompute: false,
        })
        await store.setAttached(tx, attachmentId, { mountpoint, host })
        await volumes.setStatus(tx, volumeId, 'in-use')
        await volumes.mergeAdminMetadata(tx, volumeId, {
          attached_mode: mode,
          readonly: volume.adminMetadata.readonly ?? 'False',
        })
      })
    },

    async connect(id, connector) {
      const initiator = initiatorOf(connector)
      const connection = await withAttachment(id, async (tx, attachment, volume) => {
        await refuseSecondHost(tx, attachment, volume)
        await store.setConnector(tx, id, connector)
        const endpoint = await settleExport(tx, volume, backends)
        await store.setEndpoint(tx, id, endpoint!)
        const { mode } = (await store.findAttachment(tx, id))!
        return { ...connectionOf(endpoint!, volume, initiator), ...(mode !== null && { accessMode: mode }) }
      })
      if (connection === undefined) throw attachmentNotFound(id)
      return connection
    },

    async complete(id, mountpoint) {
      const found = await withAttachment(id, async (tx, attachment, volume) => {
        await store.setAttached(tx, id, { mountpoint })
        await volumes.setStatus(tx, volume.id, 'in-use')
        await volumes.mergeAdminMetadata(tx, volume.id, { attached_mode: attachment.mode ?? 'rw' })
        return true
      })
      if (found === undefined) throw attachmentNotFound(id)
    },

    async detach(id) {
      await withAttachment(id, async (tx, _attachment, volume) => {
        await store.deleteAttachment(tx, id)
        await settleExport(tx, volume, backends)
        await settleStatus(tx, volume)
      })
    },

    async detachAll(volumeId) {
      await withVolume(volumeId, async (tx, volume) => {
        await store.deleteAttachmentsOf(tx, volumeId)
        await store.closeConnection(tx, volumeId, undefined)
        await settleExport(tx, volume, backends)
        await volumes.removeAdminMetadataKey(tx, volumeId, 'attached_mode')
      })
    },

    async get(caller, id) {
      const found = isUuid(id) ? await store.findAttachment(db, id) : undefined
      if (found === undefined || (!caller.isAdmin && found.projectId !== caller.projectId)) throw attachmentNotFound(id)
      return found
    },
    of: (volumeId) => store.attachmentsOf(db, volumeId),

    async list(caller, query, version) {
      const { filters, sort, ...page } = listQuery(query)
      if (page.marker !== undefined) await this.get(caller, page.marker)
      const { all_tenants, ...asked } = allowedFilters(filters, USER_FILTERS, caller, version)
      const everyProject = caller.isAdmin && flagOf('all_tenants', all_tenants)
      return await store.listAttachments(db, {
        ...page,
        order: orderBy(db, sort, SORT_COLUMNS),
        where: [
          ...(everyProject ? [] : [db`a.project_id = ${caller.projectId ?? ''}`]),
          ...Object.entries(asked).map(([key, value]) => conditionOf(db, key, value)),
        ],
      })
    },

    refuseIfHeld(caller, attachment) {
      if (!attachment.heldByCompute || attachment.connection === null) return
      if (caller.isAdmin || caller.roles.includes('service')) return
      throw conflict(
        'volume.attachment.in-use-by-server',
        `Detach volume from instance ${attachment.serverId} using the Compute API`,
      )
    },

    async openConnection(volumeId, connector) {
      const initiator = initiatorOf(connector)
      return await withVolume(volumeId, async (tx, volume) => {
        await store.openConnection(tx, volumeId, initiator, connector)
        const endpoint = await settleExport(tx, volume, backends)
        return connectionOf(endpoint!, volume, initiator)
      })
    },

    async closeConnection(volumeId, initiator) {
      await withVolume(volumeId, async (tx, volume) => {
        await store.closeConnection(tx, volumeId, initiator)
        await settleExport(tx, volume, backends)
      })
    },
  }
}

function refuseReservation(volume: volumes.VolumeRow, serverId: ServerId | null): void {
  if (volume.status.includes('error')) {
    throw invalidVolume(
      'volume.volume.not-available',
      `Volume attachments can not be created if the volume is in an error state. The Volume ${volume.id} currently has a status of: ${volume.status} `,
    )
  }
  const states = reservable(volume.multiattach)
  if (states.includes(volume.status)) return
  // A server that is to move holds the volume on both of its hosts for a while.
  const sameServer =
    (volume.status === 'in-use' || volume.status === 'reserved') &&
    serverId !== null &&
    volume.attachments.some((attachment) => attachment.serverId === serverId)
  if (sameServer) return
  throw invalidVolume(
    'volume.volume.not-available',
    `Volume ${volume.id} status must be ${states.join(' or ')} to reserve, but the current status is ${volume.status}.`,
  )
}

/** A volume that is not made for it is connected for one server at a time. */
async function refuseSecondHost(tx: Sql, attachment: store.AttachmentRow, volume: volumes.VolumeRow): Promise<void> {
  if (volume.status.includes('error')) {
    throw conflict(
      'volume.volume.in-error',
      `Volume attachments can not be updated if the volume is in an error state. The Volume ${volume.id} currently has a status of: ${volume.status} `,
    )
  }
  if (volume.multiattach) return
  const others = (await store.attachmentsOf(tx, volume.id)).filter(
    (other) => other.id !== attachment.id && other.connection !== null && other.serverId !== attachment.serverId,
  )
  if (others.length > 0) {
    throw conflict('volume.attachment.duplicate-connectors', `duplicate connectors detected on volume ${volume.id}`)
  }
}

/** The name by which the host presents itself; iSCSI needs no more. */
export function initiatorOf(connector: store.ConnectorDocument): string {
  const { initiator } = connector
  if (typeof initiator === 'string' && /^(iqn\.|eui\.|naa\.)[A-Za-z0-9.:_-]{1,218}$/.test(initiator)) return initiator
  throw invalidInput(
    'volume.connector.initiator-missing',
    "Connector doesn't have required information: initiator (an iSCSI qualified name)",
  )
}

function statusFrom(left: readonly store.AttachmentRow[]): VolumeStatus {
  const has = (status: store.AttachStatus) => left.some((attachment) => attachment.status === status)
  if (has('attached')) return 'in-use'
  if (has('attaching')) return 'attaching'
  return has('reserved') ? 'reserved' : 'available'
}

export function connectionOf(
  endpoint: store.Endpoint,
  account: { authUsername: string; authPassword: string },
  initiator: string,
): VolumeConnection {
  return {
    driverVolumeType: 'iscsi',
    ...endpoint,
    authUsername: account.authUsername,
    authPassword: account.authPassword,
    initiator,
  }
}

function conditionOf(sql: Sql, key: string, value: string): Fragment {
  switch (key) {
    case 'volume_id':
      return isUuid(value) ? sql`a.volume_id = ${value}` : sql`false`
    case 'instance_id':
    case 'instance_uuid':
      return isUuid(value) ? sql`a.server_id = ${value}` : sql`false`
    case 'id':
      return isUuid(value) ? sql`a.id = ${value}` : sql`false`
    case 'status':
    case 'attach_status':
      return sql`a.status = ${value}`
    case 'project_id':
      return sql`a.project_id = ${value}`
    default:
      return sql`false`
  }
}

/** Of a host of ours, as a client would write it. */
export function connectorDocument({ host, ip, initiator }: Connector): store.ConnectorDocument {
  return { host, ip, initiator, multipath: false, platform: 'x86_64', os_type: 'linux' }
}
