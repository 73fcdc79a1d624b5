/** Volumes, their metadata and their summary, as the Block Storage API reference lists them. Rules: ./volumes.ts */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../../http/caller.ts'
import { microversion } from '../../http/microversions.ts'
import { last } from '../../http/paging.ts'
import { authorize } from '../../http/policy.ts'
import { validate } from '../../http/schema-versions.ts'
import { newId, type VolumeId } from '../../ids.ts'
import { invalidRequest, metadataKeyNotFound, noSuch, notOffered } from '../errors.ts'
import { flagOf, linksOf } from '../list-query.ts'
import { metadataRoutes } from '../metadata-routes.ts'
import { canonicalUuid, isYes, sizeOf, trimmed } from '../parameter-types.ts'
import { volumePolicies as policies } from '../policies.ts'
import type { CreateOrder } from './create.ts'
import {
  LooseVolumeCreateBody,
  LooseVolumeUpdateBody,
  type SchedulerHints,
  type VolumeCreate,
  VolumeCreateBody,
  type VolumeUpdate,
  VolumeUpdateBody,
} from './schemas.ts'
import type { VolumeChanges } from './store.ts'
import { type Viewer, viewSummary, viewVolume, viewVolumeItself } from './view.ts'
import type { VolumeRules } from './volumes.ts'

type ById = { Params: { id: string } }
type Body = { volume: VolumeCreate; 'OS-SCH-HNT:scheduler_hints'?: SchedulerHints | null }

interface Parts {
  readonly volumes: VolumeRules
  readonly publicUrl: string
}

export function volumeRoutes(app: FastifyInstance, { volumes, publicUrl }: Parts): void {
  const viewer = (request: FastifyRequest): Viewer => ({
    caller: request.caller,
    version: request.microversion,
    links: linksOf(publicUrl, request),
  })
  const queryOf = (request: FastifyRequest) => request.query as Record<string, unknown>
  const isStrict = (request: FastifyRequest) => request.microversion >= microversion('3.53')

  const lists = [
    { path: 'volumes', view: viewSummary },
    { path: 'volumes/detail', view: viewVolume },
  ] as const
  for (const { path, view } of lists) {
    app.get(`/v3/${path}`, { config: { policy: 'volume:get_all' } }, async (request) => {
      const page = await volumes.list(request.caller, queryOf(request), request.microversion)
      const as = viewer(request)
      return {
        volumes: page.rows.map((volume) => view(volume, as)),
        ...as.links.next('volumes', path, page),
        ...(page.count !== undefined && { count: page.count }),
      }
    })
  }

  app.get('/v3/volumes/summary', { config: { policy: 'volume:get_all', since: '3.12' } }, async (request) => {
    const summary = await volumes.summary(request.caller, queryOf(request), request.microversion)
    return {
      'volume-summary': {
        total_count: summary.count,
        total_size: summary.gigabytes,
        ...(request.microversion >= microversion('3.36') && { metadata: summary.metadata }),
      },
    }
  })

  app.post<{ Body: Body }>(
    '/v3/volumes',
    { config: { policy: 'volume:create', rawBody: true } },
    async (request, reply) => {
      validate(request.microversion, isStrict(request) ? VolumeCreateBody : LooseVolumeCreateBody, request.body)
      const order = createOrder(request.caller, request.body, request.microversion)
      if (order.imageId !== undefined) authorize(policies, 'volume:create_from_image', request.caller)
      const volume = await volumes.create(request.caller, order)
      return reply.code(202).send({ volume: viewVolumeItself(volume, viewer(request)) })
    },
  )

  app.get<ById>('/v3/volumes/:id', { config: { policy: 'volume:get' } }, async (request) => ({
    volume: viewVolume(await volumes.get(request.caller, request.params.id), viewer(request)),
  }))

  app.put<ById & { Body: { volume: VolumeUpdate } }>(
    '/v3/volumes/:id',
    { config: { policy: 'volume:update', rawBody: true } },
    async (request) => {
      validate(request.microversion, isStrict(request) ? VolumeUpdateBody : LooseVolumeUpdateBody, request.body)
      const volume = await volumes.update(request.caller, request.params.id, changesOf(request.body.volume))
      return { volume: viewVolumeItself(volume, viewer(request)) }
    },
  )

  app.delete<ById>('/v3/volumes/:id', { config: { policy: 'volume:delete' } }, async (request, reply) => {
    const query = queryOf(request)
    const cascade = flagOf('cascade', last(query.cascade))
    const force = request.microversion >= microversion('3.23') && flagOf('force', last(query.force))
    if (force) authorize(policies, 'volume:force_delete', request.caller)
    await volumes.remove(request.caller, request.params.id, { force, cascade })
    return reply.code(202).send()
  })

  metadataRoutes(app, {
    url: '/v3/volumes/:id/metadata',
    policies: {
      get: 'volume:get_volume_metadata',
      create: 'volume:create_volume_metadata',
      update: 'volume:update_volume_metadata',
      delete: 'volume:delete_volume_metadata',
    },
    read: async (caller, id) => (await volumes.get(caller, id)).metadata,
    add: (caller, id, metadata) => volumes.addMetadata(caller, id, metadata),
    replace: (caller, id, metadata) => volumes.setMetadata(caller, id, metadata),
    remove: (caller, id, key) => volumes.removeMetadata(caller, id, key),
    keyNotFound: metadataKeyNotFound,
  })
}

/** From the body to what the rules take. What is not offered is refused here, by name. */
function createOrder(caller: Caller, body: Body, version: number): CreateOrder {
  const { volume } = body
  refuseOtherSources(volume, version)
  if (isYes(volume.multiattach)) {
    throw invalidRequest(
      'volume.create.multiattach',
      'multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. ' +
        'Contact your administrator to create a multiattach enabled volume type and use it to create multiattach volumes.',
    )
  }
  if (caller.projectId === undefined) {
    throw invalidRequest('volume.create.no-project', 'A volume belongs to a project: use a token of one.')
  }
  return {
    volumeId: newId<VolumeId>(),
    projectId: caller.projectId,
    userId: caller.userId,
    sizeGiB: volume.size == null ? undefined : sizeOf(volume.size),
    name: trimmed(volume.name ?? volume.display_name),
    description: trimmed(volume.description ?? volume.display_description),
    metadata: volume.metadata ?? {},
    imageId: volume.imageRef ?? volume.image_id ?? undefined,
    sourceVolumeId: volume.source_volid ?? undefined,
    snapshotId: volume.snapshot_id ?? undefined,
    volumeType: volume.volume_type ?? undefined,
    availabilityZone: volume.availability_zone ?? undefined,
    hints: hintsOf(body['OS-SCH-HNT:scheduler_hints'] ?? {}),
  }
}

/** No backup or group exists, so the one that is named is not found. */
function refuseOtherSources(volume: VolumeCreate, version: number): void {
  if (volume.consistencygroup_id != null) throw noSuch('Group', volume.consistencygroup_id)
  if (volume.group_id != null && version >= microversion('3.13')) throw noSuch('Group', volume.group_id)
  if (volume.backup_id != null && version >= microversion('3.47')) throw noSuch('Backup', volume.backup_id)
}

function hintsOf({ same_host, different_host, ...others }: SchedulerHints & Record<string, unknown>) {
  const other = Object.keys(others)[0]
  if (other !== undefined) throw notOffered(`The scheduler hint '${other.slice(0, 64)}'`)
  const ids = (some: string | string[] | undefined) => [some ?? []].flat().map((id) => canonicalUuid(id))
  return {
    ...(same_host !== undefined && { same_host: ids(same_host) }),
    ...(different_host !== undefined && { different_host: ids(different_host) }),
  }
}

function changesOf(update: VolumeUpdate): VolumeChanges {
  const name = 'name' in update ? update.name : update.display_name
  const description = 'description' in update ? update.description : update.display_description
  return {
    ...(name !== undefined && { name: trimmed(name) }),
    ...(description !== undefined && { description: trimmed(description) }),
    ...(update.metadata !== undefined && { metadata: update.metadata }),
  }
}
