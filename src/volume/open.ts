/** Puts block storage together: its rules, its stories, its plugin. */
import type { FastifyPluginAsync } from 'fastify'
import { asService } from '../http/service.ts'
import type { Caller } from '../http/caller.ts'
import type { VolumeId } from '../ids.ts'
import { connectorDocument, openAttachments } from './attachments/attachments.ts'
import { attachmentRoutes } from './attachments/routes.ts'
import { openBackends } from './backends.ts'
import { invalidRequest } from './errors.ts'
import { volumeFault } from './faults.ts'
import type { OpenVolumes, VolumeFacts, VolumeOrder } from './index.ts'
import { createSnapshotStory } from './lifecycle/create-snapshot.ts'
import { deleteSnapshotStory } from './lifecycle/delete-snapshot.ts'
import { createVolumeStory } from './lifecycle/create-volume.ts'
import { deleteVolumeStory } from './lifecycle/delete-volume.ts'
import { extendVolumeStory, type Growth } from './lifecycle/extend-volume.ts'
import type { LifecycleParts } from './lifecycle/parts.ts'
import { openMessages } from './messages/messages.ts'
import { messageRoutes } from './messages/routes.ts'
import { volumePolicies } from './policies.ts'
import { openQuotas } from './quotas/quotas.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { openExportGardener } from './reconcile/exports.ts'
import { discoveryRoutes } from './services/discovery.ts'
import { serviceRoutes } from './services/routes.ts'
import { snapshotRoutes } from './snapshots/routes.ts'
import { openSnapshots } from './snapshots/snapshots.ts'
import { typeRoutes } from './types/routes.ts'
import { openTypes } from './types/types.ts'
import { volumeMicroversions } from './versions.ts'
import { volumeActionRoutes } from './volumes/actions.ts'
import { BASE_IMAGE_METADATA, type CreateOrder } from './volumes/create.ts'
import { volumeRoutes } from './volumes/routes.ts'
import { findVolumes, type VolumeRow } from './volumes/store.ts'
import { openVolumeRules } from './volumes/volumes.ts'

export const openVolumes: OpenVolumes = async (context, { images, backends: backendList }) => {
  const { db, stories } = context
  const log = context.log.child({ service: 'volume' })
  const publicUrl = context.publicUrl('volume')

  const backends = openBackends(backendList, db, log)
  const messages = openMessages(db)
  const types = openTypes(db)
  const quotas = openQuotas(db)
  const attachments = openAttachments(db, backends)
  const gardener = openExportGardener({ db, backends, messages, log })

  const listeners: ((growth: Growth) => Promise<void>)[] = []
  const lifecycle: LifecycleParts = {
    db,
    backends,
    messages,
    log,
    onStuckUndo: (story, volume) => (step, error) =>
      log.error({ err: error, story, volume, step }, 'an undo keeps failing'),
  }
  const snapshots = openSnapshots({
    db,
    stories,
    quotas,
    createSnapshot: createSnapshotStory(stories, lifecycle),
    deleteSnapshot: deleteSnapshotStory(stories, lifecycle),
    getVolume: (caller, id) => volumes.get(caller, id),
  })
  const volumes = openVolumeRules({
    db,
    stories,
    images,
    types,
    quotas,
    messages,
    backends,
    attachments,
    getSnapshot: (caller, id) => snapshots.get(caller, id),
    createVolume: createVolumeStory(stories, lifecycle),
    deleteVolume: deleteVolumeStory(stories, lifecycle),
    extendVolume: extendVolumeStory(stories, lifecycle, async (growth) => {
      for (const listener of listeners) await listener(growth)
    }),
  })
  const getVolume = (caller: Caller, id: string) => volumes.get(caller, id)

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'volume',
      policies: volumePolicies,
      microversions: volumeMicroversions,
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: volumeFault,
      // Its upstream chooses by path and method together, and knows nothing else of either.
      wrongMethodIsNotFound: true,
      requestIdHeaders: ['x-compute-request-id'],
    })
    // No text of PostgreSQL holds a NUL, so none gets in, wherever in a body it stands.
    app.addHook('preHandler', async (request) => {
      if (holdsNul(request.body)) throw nulRefused()
    })
    discoveryRoutes(app, { publicUrl })
    typeRoutes(app, { types, publicUrl })
    volumeRoutes(app, { volumes, publicUrl })
    volumeActionRoutes(app, { volumes, attachments })
    snapshotRoutes(app, { snapshots, publicUrl })
    attachmentRoutes(app, { attachments, getVolume })
    quotaRoutes(app, { quotas })
    serviceRoutes(app, { db, backends, types })
    messageRoutes(app, { messages, publicUrl })
  }

  return {
    plugin,
    policies: volumePolicies,
    get: async (caller, id) => factsOf(await volumes.get(caller, id)),
    find: async (ids) => new Map((await findVolumes(db, ids)).map((row) => [row.id, factsOf(row)])),
    checkCreate: (caller, order) => volumes.checkCreate(caller, createOrder({ ...order, volumeId: UNBORN })),
    ensureVolume: (order) => volumes.ensure(createOrder(order)),
    reserve: (order, tx) => attachments.reserve({ ...order, heldByCompute: true }, tx),
    connect: (id, connector) => attachments.connect(id, connectorDocument(connector)),
    complete: (id, mountpoint) => attachments.complete(id, mountpoint),
    detach: (id) => attachments.detach(id),
    beginDetaching: (id) => volumes.beginDetaching(id),
    rollDetaching: (id) => volumes.rollDetaching(id),
    remove: (id) => volumes.removeAndWait(id),
    onExtended: (listener) => void listeners.push(listener),
    reconcile: () => gardener.reconcile(),
    close: () => gardener.close(),
  }
}

/** A volume that is only thought of. */
const UNBORN = '00000000-0000-0000-0000-000000000000' as VolumeId

function createOrder(order: VolumeOrder): CreateOrder {
  return { ...order, description: null, metadata: {} }
}

function factsOf(row: VolumeRow): VolumeFacts {
  const properties = Object.entries(row.imageMetadata ?? {}).filter(([key]) => !BASE_IMAGE_METADATA.includes(key))
  return {
    id: row.id,
    projectId: row.projectId,
    status: row.status,
    sizeGiB: row.sizeGiB,
    bootable: row.bootable,
    availabilityZone: row.availabilityZone,
    multiattach: row.multiattach,
    imageProperties: Object.fromEntries(properties),
    attachments: row.attachments.flatMap(({ id, serverId, mountpoint }) =>
      serverId === null ? [] : [{ attachmentId: id as never, serverId: serverId as never, device: mountpoint ?? '' }],
    ),
  }
}

const nulRefused = () => invalidRequest('volume.request.nul', 'A NUL character is in no valid request.')

function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\u0000')
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, each]) => key.includes('\u0000') || holdsNul(each))
}
