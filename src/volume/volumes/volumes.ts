/** The rules of volumes: what may be asked of one, and in which state. Source: cinder/volume/api.py */
import type { Database } from '../../database/database.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { DomainError, isDomainError } from '../../domain-error.ts'
import { type Caller, cloudItself } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import type { Images } from '../../image/index.ts'
import { isUuid, newId, type StoryId, type VolumeId } from '../../ids.ts'
import type { Attachments } from '../attachments/attachments.ts'
import type { Backends } from '../backends.ts'
import {
  imageMetadataKeyNotFound,
  invalidInput,
  invalidRequest,
  invalidVolume,
  metadataKeyNotFound,
  notOffered,
  volumeNotFound,
} from '../errors.ts'
import type { CreateVolume } from '../lifecycle/create-volume.ts'
import type { DeleteVolume } from '../lifecycle/delete-volume.ts'
import type { ExtendVolume } from '../lifecycle/extend-volume.ts'
import { flagOf, listQuery, orderBy } from '../list-query.ts'
import type { Messages } from '../messages/messages.ts'
import { last } from '../../http/paging.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { rank } from '../scheduler/scheduler.ts'
import { type SnapshotRow, snapshotsOf } from '../snapshots/store.ts'
import type { TypeRow } from '../types/store.ts'
import type { Types } from '../types/types.ts'
import { type CreateOrder, type CreatePlan, isMultiattach, planCreate } from './create.ts'
import { conditionsOf, SORT_COLUMNS } from './filters.ts'
import { MIGRATION_STATES } from './schemas.ts'
import { BEING_CREATED, DELETABLE, VOLUME_STATES, type VolumeStatus } from './states.ts'
import * as store from './store.ts'

type Query = Readonly<Record<string, unknown>>

export interface VolumeRules {
  /** One that the caller may see. @throws DomainError not-found, `volume.volume.not-found` */
  get(caller: Caller, id: string): Promise<store.VolumeRow>
  list(
    caller: Caller,
    query: Query,
    version: Microversion,
  ): Promise<{ rows: readonly store.VolumeRow[]; count?: number }>
  summary(caller: Caller, query: Query, version: Microversion): Promise<store.Summary>
  /** The volume is `creating` when this resolves, and its story is asked for. */
  create(caller: Caller, order: CreateOrder): Promise<store.VolumeRow>
  checkCreate(caller: Caller, order: CreateOrder): Promise<void>
  /** The volume is there and `available` when this resolves. Repeating it changes nothing. */
  ensure(order: CreateOrder): Promise<void>
  update(caller: Caller, id: string, changes: store.VolumeChanges): Promise<store.VolumeRow>
  /** @param force whatever its state, unless it is attached */
  remove(caller: Caller, id: string, options: { force: boolean; cascade: boolean }): Promise<void>
  /** Of our own accord, whoever's it is. Finding none is fine; one with snapshots stays. Resolves when it is gone. */
  removeAndWait(id: VolumeId): Promise<void>
  extend(caller: Caller, id: string, sizeGiB: number, options: { attachedToo: boolean }): Promise<void>
  setMetadata(caller: Caller, id: string, metadata: Readonly<Record<string, string>>): Promise<void>
  addMetadata(
    caller: Caller,
    id: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>>
  removeMetadata(caller: Caller, id: string, key: string): Promise<void>
  addImageMetadata(
    caller: Caller,
    id: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>>
  removeImageMetadata(caller: Caller, id: string, key: string): Promise<void>
  setBootable(caller: Caller, id: string, bootable: boolean): Promise<void>
  setReadOnly(caller: Caller, id: string, readOnly: boolean): Promise<void>
  /** @throws DomainError invalid `volume.volume.not-available` */
  reserve(caller: Caller, id: string): Promise<void>
  unreserve(caller: Caller, id: string): Promise<void>
  /** @throws DomainError invalid `volume.volume.not-in-use` */
  beginDetaching(id: VolumeId): Promise<void>
  rollDetaching(id: VolumeId): Promise<void>
  resetStatus(caller: Caller, id: string, to: ResetOrder): Promise<void>
  retype(caller: Caller, id: string, order: { newType: string; mayMove: boolean }): Promise<void>
}

export interface ResetOrder {
  readonly status?: string | null | undefined
  readonly attachStatus?: string | null | undefined
  readonly migrationStatus?: string | null | undefined
}

interface Parts {
  readonly db: Database
  readonly stories: Stories
  readonly images: Images
  readonly types: Types
  readonly quotas: Quotas
  readonly messages: Messages
  readonly backends: Backends
  readonly attachments: Attachments
  getSnapshot(caller: Caller, id: string): Promise<SnapshotRow>
  readonly createVolume: Story<CreateVolume>
  readonly deleteVolume: Story<DeleteVolume>
  readonly extendVolume: Story<ExtendVolume>
}

const POLL_MS = 50

export function openVolumeRules(parts: Parts): VolumeRules {
  const { db, stories, images, types, quotas, messages, backends, attachments } = parts

  const get = async (caller: Caller, id: string) => {
    const found = isUuid(id) ? await store.findVolume(db, id) : undefined
    if (found === undefined || (!caller.isAdmin && found.projectId !== caller.projectId)) throw volumeNotFound(id)
    return found
  }

  const plan = (caller: Caller, order: CreateOrder) =>
    planCreate(caller, order, { types, images, getVolume: get, getSnapshot: parts.getSnapshot })

  /** Row, room and story stand or fall together. The story has the volume's id: a volume is created once. */
  const commit = async ({ row, type }: CreatePlan, requestId: string | null) => {
    await stories.commit(async (tx, ask) => {
      await quotas.reserve(tx, quotaFor(row, type))
      if (!(await store.insertVolume(tx, row))) return
      await ask(parts.createVolume, creationOf(row.id), { volumeId: row.id, requestId })
    })
  }

  const askToDelete = async (volume: store.VolumeRow, deletable: store.Deletable) => {
    const id = newId<StoryId>()
    await stories.commit(async (tx, ask) => {
      if (!(await store.moveToDeleting(tx, volume.id, deletable))) throw notDeletable(volume, deletable.from)
      await ask(parts.deleteVolume, id, { volumeId: volume.id })
    })
    return id
  }

  const typeToTake = async (caller: Caller, idOrName: string) => {
    try {
      return await types.named(caller, idOrName)
    } catch (error) {
      if (!isDomainError(error, 'volume.type.not-found')) throw error
      throw invalidInput('volume.retype.type-unknown', `Invalid volume_type passed: ${idOrName}.`)
    }
  }

  const refuseInMaintenance = (volume: store.VolumeRow, deed: string) => {
    if (volume.status === 'maintenance') {
      throw invalidVolume('volume.volume.in-maintenance', `${deed} is not allowed for volumes in maintenance status.`)
    }
  }

  return {
    get,

    async list(caller, query, version) {
      const asked = listQuery(query)
      if (asked.marker !== undefined) await get(caller, asked.marker)
      const where = conditionsOf(db, caller, asked.filters, version)
      const counts = version >= microversion('3.45') && flagOf('with_count', last(query.with_count))
      const [rows, count] = await Promise.all([
        store.listVolumes(db, { ...asked, where, order: orderBy(db, asked.sort, SORT_COLUMNS) }),
        counts ? store.countVolumes(db, conditionsOf(db, caller, asked.filters, version)) : undefined,
      ])
      return { rows, ...(count !== undefined && { count }) }
    },

    async summary(caller, query, version) {
      return await store.summarizeVolumes(db, conditionsOf(db, caller, listQuery(query).filters, version))
    },

    async create(caller, order) {
      const planned = await plan(caller, order)
      await commit(planned, caller.requestId)
      return await get(caller, order.volumeId)
    },

    async checkCreate(caller, order) {
      const { row, type } = await plan(caller, order)
      await quotas.check(quotaFor(row, type))
    },

    async ensure(order) {
      const id = order.volumeId
      if ((await store.findVolume(db, id)) === undefined) {
        await commit(await plan(inProject(order), order), null)
      }
      for (;;) {
        await stories.ended(creationOf(id))
        const volume = await store.findVolume(db, id)
        if (volume === undefined) throw volumeNotFound(id)
        if (volume.status === 'error') throw await creationFailed(volume, messages)
        if (!BEING_CREATED.includes(volume.status)) return
        // Committed by a control plane that is gone, and not begun again yet.
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },

    async update(caller, id, changes) {
      const volume = await get(caller, id)
      if (volume.status === 'maintenance') {
        throw invalidVolume('volume.volume.in-maintenance', 'The volume cannot be updated during maintenance.')
      }
      await store.updateVolume(db, volume.id, changes)
      return await get(caller, id)
    },

    async remove(caller, id, { force, cascade }) {
      const volume = await get(caller, id)
      await askToDelete(volume, {
        from: force ? undefined : DELETABLE,
        snapshots: !cascade ? 'none' : force ? 'all' : 'settled',
      })
    },

    async removeAndWait(id) {
      for (let asked = false; ; ) {
        const volume = await store.findVolume(db, id)
        // A volume that snapshots were taken of outlives its server, as upstream.
        if (volume === undefined || (await snapshotsOf(db, id)).length > 0) return
        if (volume.status === 'deleting') {
          // By a story that is not ours to await: asked for before, or by somebody else.
          await new Promise((resolve) => setTimeout(resolve, POLL_MS))
          continue
        }
        if (asked) throw new DomainError('unavailable', 'volume.volume.not-removed', `Volume ${id} was not removed.`)
        asked = true
        await stories.ended(await askToDelete(volume, { from: undefined, snapshots: 'none' }))
      }
    },

    async extend(caller, id, sizeGiB, { attachedToo }) {
      const volume = await get(caller, id)
      if (sizeGiB <= volume.sizeGiB) {
        throw invalidInput(
          'volume.extend.not-larger',
          `New size for extend must be greater than current size. (current: ${volume.sizeGiB}, extended: ${sizeGiB}).`,
        )
      }
      const from: VolumeStatus[] = attachedToo && volume.status === 'in-use' ? ['in-use'] : ['available']
      await refuseWithoutRoom(backends, volume, sizeGiB)
      await stories.commit(async (tx, ask) => {
        await quotas.reserve(tx, {
          projectId: volume.projectId,
          typeName: volume.typeName,
          volumes: 0,
          gigabytes: sizeGiB - volume.sizeGiB,
          sizeGiB,
        })
        if (!(await store.beginExtending(tx, volume.id, from, sizeGiB))) {
          throw invalidVolume(
            'volume.extend.wrong-state',
            `Volume ${volume.id} status must be '${from.join()}' to extend, currently ${volume.status}.`,
          )
        }
        await ask(parts.extendVolume, newId<StoryId>(), { volumeId: volume.id, sizeGiB, requestId: caller.requestId })
      })
    },

    async setMetadata(caller, id, metadata) {
      const volume = await get(caller, id)
      refuseInMaintenance(volume, 'Updating volume metadata')
      await store.updateVolume(db, volume.id, { metadata })
    },

    async addMetadata(caller, id, metadata) {
      const volume = await get(caller, id)
      refuseInMaintenance(volume, 'Updating volume metadata')
      return (await store.mergeMetadata(db, volume.id, metadata)) ?? {}
    },

    async removeMetadata(caller, id, key) {
      const volume = await get(caller, id)
      refuseInMaintenance(volume, 'Deleting volume metadata')
      if (!(await store.removeMetadataKey(db, volume.id, key))) throw metadataKeyNotFound(volume.id, key)
    },

    async addImageMetadata(caller, id, metadata) {
      const volume = await get(caller, id)
      return (await store.mergeImageMetadata(db, volume.id, metadata)) ?? {}
    },

    async removeImageMetadata(caller, id, key) {
      const volume = await get(caller, id)
      if (!(await store.removeImageMetadataKey(db, volume.id, key))) throw imageMetadataKeyNotFound(volume.id)
    },

    async setBootable(caller, id, bootable) {
      const volume = await get(caller, id)
      refuseInMaintenance(volume, 'Updating the bootable flag')
      await store.updateVolume(db, volume.id, { bootable })
    },

    async setReadOnly(caller, id, readOnly) {
      const volume = await get(caller, id)
      if (volume.status !== 'available') {
        throw invalidVolume(
          'volume.readonly.wrong-state',
          `Volume ${volume.id} status must be available to update readonly flag, but current status is: ${volume.status}.`,
        )
      }
      await store.mergeAdminMetadata(db, volume.id, { readonly: readOnly ? 'True' : 'False' })
    },

    async reserve(caller, id) {
      const volume = await get(caller, id)
      const from: VolumeStatus[] = volume.multiattach ? ['available', 'in-use'] : ['available']
      if (!(await store.move(db, volume.id, from, 'attaching'))) {
        throw invalidVolume(
          'volume.volume.not-available',
          `Volume status must be ${from.join(' or ')} to reserve, but the status is ${volume.status}.`,
        )
      }
    },

    async unreserve(caller, id) {
      const volume = await get(caller, id)
      const isUsed = volume.attachments.some((attachment) => attachment.status === 'attached')
      await store.move(db, volume.id, ['attaching'], isUsed ? 'in-use' : 'available')
    },

    async beginDetaching(id) {
      const volume = await store.findVolume(db, id)
      if (volume === undefined) throw volumeNotFound(id)
      // Repeating it is fine: a step of a story does.
      if (volume.status === 'detaching') return
      const isUsed = volume.attachments.some((attachment) => attachment.status === 'attached')
      if (!isUsed || !(await store.move(db, id, ['in-use'], 'detaching'))) throw notInUse()
    },

    async rollDetaching(id) {
      await store.move(db, id, ['detaching'], 'in-use')
    },

    async resetStatus(caller, id, { status, attachStatus, migrationStatus }) {
      const volume = await get(caller, id)
      const next = {
        status: oneOf('status', status, VOLUME_STATES),
        attach: oneOf('attach_status', attachStatus, ATTACH_STATES),
        migration: oneOf('migration_status', migrationStatus, MIGRATION_STATES),
      }
      if (next.status === undefined && next.attach === undefined && next.migration === undefined) {
        throw invalidRequest(
          'volume.reset.nothing',
          "Must specify 'status', 'attach_status' or 'migration_status' for update.",
        )
      }
      if (next.attach !== undefined && next.attach !== 'detached') {
        throw notOffered(`Resetting attach_status to ${next.attach}, which follows from the attachments,`)
      }
      if (next.attach === 'detached') await attachments.detachAll(volume.id)
      if (next.status !== undefined) await store.setStatus(db, volume.id, next.status)
      if (next.migration !== undefined) {
        await store.setMigrationStatus(db, volume.id, next.migration === 'none' ? null : next.migration)
      }
    },

    async retype(caller, id, { newType, mayMove }) {
      const volume = await get(caller, id)
      const type = await typeToTake(caller, newType)
      await refuseRetype(backends, volume, type, mayMove)
      await stories.commit(async (tx) => {
        await quotas.reserve(tx, { ...quotaFor(volume, type), onlyOfType: true })
        await store.setType(tx, volume.id, type.id, isMultiattach(type))
      })
    },
  }
}

const ATTACH_STATES = [
  'attached',
  'detached',
  'attaching',
  'reserved',
  'error_attaching',
  'error_detaching',
  'deleted',
] as const

function oneOf<const States extends readonly string[]>(
  field: string,
  value: string | null | undefined,
  states: States,
): States[number] | undefined {
  if (value === undefined || value === null) return undefined
  const found = states.find((state) => state === value.toLowerCase())
  if (found === undefined) {
    throw invalidRequest('volume.reset.unknown-state', `Invalid input for field/attribute ${field}. Value: ${value}.`)
  }
  return found
}

/** Creation's story has the volume's own id. */
function creationOf(id: VolumeId): StoryId {
  return id as string as StoryId
}

function quotaFor({ projectId, sizeGiB }: Pick<store.VolumeRow, 'projectId' | 'sizeGiB'>, type: Pick<TypeRow, 'name'>) {
  return { projectId, typeName: type.name, volumes: 1, gigabytes: sizeGiB, sizeGiB }
}

/** The cloud acts, in the project whose volume it is: what that may see was settled when the order was accepted. */
function inProject(order: CreateOrder): Caller {
  return { ...cloudItself(`req-${order.volumeId}`), projectId: order.projectId as Caller['projectId'] & string }
}

async function creationFailed(volume: store.VolumeRow, messages: Messages): Promise<DomainError> {
  const why = await messages.latestAbout(volume.id)
  return new DomainError(
    'unavailable',
    'volume.volume.create-failed',
    `Volume ${volume.id} was not created. ${why?.replace(/^[^:]*:/, '') ?? ''}`.trim(),
  )
}

function notDeletable(volume: store.VolumeRow, from: readonly VolumeStatus[] | undefined): DomainError {
  const states = from === undefined ? '' : ` status must be ${from.join(' or ')} and`
  return invalidVolume(
    'volume.volume.not-deletable',
    `Volume${states} must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be ` +
      `disassociated from snapshots after volume transfer. (Volume ${volume.id} is ${volume.status}.)`,
  )
}

const notInUse = () =>
  invalidVolume(
    'volume.volume.not-in-use',
    "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
  )

/** Growth needs the same room as a new volume of the difference. */
async function refuseWithoutRoom(backends: Backends, volume: store.VolumeRow, sizeGiB: number): Promise<void> {
  if (volume.backend === null) return
  const { refused } = rank(await backends.states(), {
    sizeGiB: sizeGiB - volume.sizeGiB,
    availabilityZone: volume.availabilityZone,
    extraSpecs: {},
    pinnedTo: volume.backend,
  })
  const why = refused.find((refusal) => refusal.backend === volume.backend)
  if (why !== undefined) throw invalidVolume('volume.extend.no-room', `Its back end ${why.reason}.`)
}

/** The data stays where it is, so the back end must satisfy the new type. */
async function refuseRetype(
  backends: Backends,
  volume: store.VolumeRow,
  type: TypeRow,
  mayMove: boolean,
): Promise<void> {
  if (volume.status !== 'available' && volume.status !== 'in-use') {
    throw invalidVolume(
      'volume.retype.wrong-state',
      'Retype needs volume to be in available or in-use state, not be part of an active migration or a consistency ' +
        'group, requested type has to be different that the one from the volume, and for in-use volumes front-end qos ' +
        'specs cannot change.',
    )
  }
  if (type.id === volume.typeId) {
    throw invalidVolume('volume.retype.same-type', 'The requested type has to be different from the one of the volume.')
  }
  if (volume.status === 'in-use' && isMultiattach(type) !== volume.multiattach) {
    throw invalidInput(
      'volume.retype.multiattach',
      'Invalid volume_type passed, retypes affecting multiattach are only allowed on available volumes, the specified ' +
        'volume however currently has a status of: in-use.',
    )
  }
  const { refused } = rank(await backends.states(), {
    sizeGiB: 0,
    availabilityZone: volume.availabilityZone,
    extraSpecs: type.extraSpecs,
    pinnedTo: volume.backend ?? '',
  })
  const why = refused.find((refusal) => refusal.backend === volume.backend)
  if (why === undefined) return
  if (mayMove) throw notOffered('Moving a volume to another back end (migration_policy on-demand)')
  throw invalidVolume('volume.retype.unsatisfied', `Its back end ${why.reason}.`)
}
