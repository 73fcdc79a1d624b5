/** Snapshots, as the Block Storage API reference lists them. Rules: ./snapshots.ts */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { action, actionRoute } from '../../http/actions.ts'
import { microversion } from '../../http/microversions.ts'
import { invalidRequest, notOffered, snapshotMetadataKeyNotFound } from '../errors.ts'
import { linksOf } from '../list-query.ts'
import { metadataRoutes } from '../metadata-routes.ts'
import { isYes, trimmed } from '../parameter-types.ts'
import { volumePolicies as policies } from '../policies.ts'
import { Anything } from '../volumes/schemas.ts'
import {
  ResetSnapshotStatus,
  type SnapshotCreate,
  SnapshotCreateBody,
  type SnapshotUpdate,
  SnapshotUpdateBody,
  UpdateSnapshotStatus,
} from './schemas.ts'
import type { Snapshots } from './snapshots.ts'
import type { SnapshotChanges } from './store.ts'
import { viewSnapshot, viewSnapshotItself, viewSnapshotSummary } from './view.ts'

type ById = { Params: { id: string } }

export function snapshotRoutes(
  app: FastifyInstance,
  { snapshots, publicUrl }: { snapshots: Snapshots; publicUrl: string },
): void {
  const page = async (request: FastifyRequest, path: string, view: (row: never) => object) => {
    const found = await snapshots.list(request.caller, request.query as Record<string, unknown>, request.microversion)
    return {
      snapshots: found.rows.map((row) => view(row as never)),
      ...linksOf(publicUrl, request).next('snapshots', path, found),
      ...(found.count !== undefined && { count: found.count }),
    }
  }

  app.get('/v3/snapshots', { config: { policy: 'volume:get_all_snapshots' } }, async (request) =>
    page(request, 'snapshots', viewSnapshotSummary),
  )
  app.get('/v3/snapshots/detail', { config: { policy: 'volume:get_all_snapshots' } }, async (request) =>
    page(request, 'snapshots/detail', (row) => viewSnapshot(row, request.microversion, request.caller)),
  )

  app.post<{ Body: { snapshot: SnapshotCreate } }>(
    '/v3/snapshots',
    { config: { policy: 'volume:create_snapshot' }, schema: { body: SnapshotCreateBody } },
    async (request, reply) => {
      const { snapshot } = request.body
      // From 3.66 the flag says nothing any more: true is let pass for old clients.
      if (snapshot.force !== undefined && !isYes(snapshot.force) && request.microversion >= microversion('3.66')) {
        throw invalidRequest(
          'volume.snapshot.force-flag',
          "Since microversion 3.66 the 'force' flag is invalid for this request.",
        )
      }
      const made = await snapshots.create(request.caller, {
        // Upstream takes null and then does not find it.
        volumeId: snapshot.volume_id ?? 'None',
        name: trimmed(snapshot.name ?? snapshot.display_name),
        description: trimmed(snapshot.description),
        metadata: snapshot.metadata ?? {},
      })
      return reply.code(202).send({ snapshot: viewSnapshotItself(made, request.microversion) })
    },
  )

  app.get<ById>('/v3/snapshots/:id', { config: { policy: 'volume:get_snapshot' } }, async (request) => ({
    snapshot: viewSnapshot(
      await snapshots.get(request.caller, request.params.id),
      request.microversion,
      request.caller,
    ),
  }))

  app.put<ById & { Body: { snapshot: SnapshotUpdate } }>(
    '/v3/snapshots/:id',
    { config: { policy: 'volume:update_snapshot' }, schema: { body: SnapshotUpdateBody } },
    async ({ caller, params, body, microversion: version }) => ({
      snapshot: viewSnapshotItself(await snapshots.update(caller, params.id, changesOf(body.snapshot)), version),
    }),
  )

  app.delete<ById>('/v3/snapshots/:id', { config: { policy: 'volume:delete_snapshot' } }, async (request, reply) => {
    await snapshots.remove(request.caller, request.params.id, { force: false })
    return reply.code(202).send()
  })

  metadataRoutes(app, {
    url: '/v3/snapshots/:id/metadata',
    policies: {
      get: 'volume:get_snapshot_metadata',
      create: 'volume:update_snapshot_metadata',
      update: 'volume:update_snapshot_metadata',
      delete: 'volume:delete_snapshot_metadata',
    },
    read: async (caller, id) => (await snapshots.get(caller, id)).metadata,
    add: (caller, id, metadata) => snapshots.addMetadata(caller, id, metadata),
    replace: async (caller, id, metadata) => void (await snapshots.update(caller, id, { metadata })),
    remove: (caller, id, key) => snapshots.removeMetadata(caller, id, key),
    keyNotFound: snapshotMetadataKeyNotFound,
  })

  const idOf = (request: FastifyRequest) => (request.params as { id: string }).id
  actionRoute(app, '/v3/snapshots/:id/action', {
    policies,
    anyPolicy: 'snapshot_extension:snapshot_actions:update_snapshot_status',
    actions: {
      'os-reset_status': action({
        policy: 'volume_extension:snapshot_admin_actions:reset_status',
        body: ResetSnapshotStatus,
        handle: async (request, reply, { status }) => {
          await snapshots.resetStatus(request.caller, idOf(request), status)
          return reply.code(202).send()
        },
      }),
      'os-force_delete': action({
        policy: 'volume_extension:snapshot_admin_actions:force_delete',
        body: Anything,
        handle: async (request, reply) => {
          await snapshots.remove(request.caller, idOf(request), { force: true })
          return reply.code(202).send()
        },
      }),
      'os-update_snapshot_status': action({
        policy: 'snapshot_extension:snapshot_actions:update_snapshot_status',
        body: UpdateSnapshotStatus,
        handle: async (request, reply, { status, progress }) => {
          await snapshots.reportStatus(request.caller, idOf(request), { status, progress: progress ?? undefined })
          return reply.code(202).send()
        },
      }),
      'os-unmanage': action({
        policy: 'snapshot_extension:snapshot_unmanage',
        body: Anything,
        handle: async (request) => {
          await snapshots.get(request.caller, idOf(request))
          throw notOffered('Giving up a snapshot without deleting it')
        },
      }),
    },
  })
}

function changesOf(update: SnapshotUpdate): SnapshotChanges {
  const name = 'name' in update ? update.name : update.display_name
  const description = 'description' in update ? update.description : update.display_description
  return {
    ...(name !== undefined && { name: trimmed(name) }),
    ...(description !== undefined && { description: trimmed(description) }),
  }
}
