/** `POST /volumes/{id}/action`: the deeds, each with its policy and shape. Rules: ./volumes.ts and ../attachments/ */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { action, actionRoute } from '../../http/actions.ts'
import { microversion } from '../../http/microversions.ts'
import { type AttachmentId, newId, type ServerId } from '../../ids.ts'
import type { Attachments } from '../attachments/attachments.ts'
import { connectionData } from '../attachments/connection-info.ts'
import type { ConnectorDocument } from '../attachments/store.ts'
import { invalidInput, invalidRequest, invalidVolume, notFound, notOffered } from '../errors.ts'
import { canonicalUuid, isYes, sizeOf } from '../parameter-types.ts'
import { volumePolicies as policies, type VolumePolicy } from '../policies.ts'
import * as schemas from './schemas.ts'
import type { VolumeRow } from './store.ts'
import type { VolumeRules } from './volumes.ts'

interface Parts {
  readonly volumes: VolumeRules
  readonly attachments: Attachments
}

const idOf = (request: FastifyRequest) => (request.params as { id: string }).id
const accepted = (reply: FastifyReply) => reply.code(202).send()

export function volumeActionRoutes(app: FastifyInstance, parts: Parts): void {
  actionRoute(app, '/v3/volumes/:id/action', {
    policies,
    anyPolicy: 'volume_extension:volume_image_metadata:show',
    actions: {
      ...ordinaryActions(parts),
      ...imageMetadataActions(parts),
      ...attachActions(parts),
      ...connectionActions(parts),
      ...refusedActions(parts),
    },
  })
}

function ordinaryActions({ volumes }: Parts) {
  return {
    'os-extend': action({
      policy: 'volume:extend',
      body: schemas.Extend,
      handle: async (request, reply, { new_size }) => {
        const attachedToo = request.microversion >= microversion('3.42')
        await volumes.extend(request.caller, idOf(request), sizeOf(new_size), { attachedToo })
        return accepted(reply)
      },
    }),
    'os-reset_status': action({
      policy: 'volume_extension:volume_admin_actions:reset_status',
      body: schemas.ResetStatus,
      handle: async (request, reply, { status, attach_status, migration_status }) => {
        await volumes.resetStatus(request.caller, idOf(request), {
          status,
          attachStatus: attach_status,
          migrationStatus: migration_status,
        })
        return accepted(reply)
      },
    }),
    'os-force_delete': action({
      policy: 'volume_extension:volume_admin_actions:force_delete',
      body: schemas.Anything,
      handle: async (request, reply) => {
        await volumes.remove(request.caller, idOf(request), { force: true, cascade: false })
        return accepted(reply)
      },
    }),
    'os-set_bootable': action({
      policy: 'volume:update',
      body: schemas.SetBootable,
      handle: async (request, reply, { bootable }) => {
        await volumes.setBootable(request.caller, idOf(request), isYes(bootable))
        return reply.code(200).send()
      },
    }),
    'os-update_readonly_flag': action({
      policy: 'volume:update_readonly_flag',
      body: schemas.UpdateReadonly,
      handle: async (request, reply, { readonly }) => {
        await volumes.setReadOnly(request.caller, idOf(request), isYes(readonly))
        return accepted(reply)
      },
    }),
    'os-retype': action({
      policy: 'volume:retype',
      body: schemas.Retype,
      handle: async (request, reply, { new_type, migration_policy }) => {
        const mayMove = migration_policy === 'on-demand'
        await volumes.retype(request.caller, idOf(request), { newType: new_type, mayMove })
        return accepted(reply)
      },
    }),
  }
}

function imageMetadataActions({ volumes }: Parts) {
  return {
    'os-set_image_metadata': action({
      policy: 'volume_extension:volume_image_metadata:set',
      body: schemas.SetImageMetadata,
      handle: async (request, _reply, { metadata }) => ({
        metadata: await volumes.addImageMetadata(request.caller, idOf(request), metadata),
      }),
    }),
    'os-show_image_metadata': action({
      policy: 'volume_extension:volume_image_metadata:show',
      body: schemas.Anything,
      handle: async (request) => ({
        metadata: (await volumes.get(request.caller, idOf(request))).imageMetadata ?? {},
      }),
    }),
    'os-unset_image_metadata': action({
      policy: 'volume_extension:volume_image_metadata:remove',
      body: schemas.UnsetImageMetadata,
      handle: async (request, reply, { key }) => {
        await volumes.removeImageMetadata(request.caller, idOf(request), key)
        return reply.code(200).send()
      },
    }),
  }
}

/** The flow from before attachments, which compute of an older time and cinder's own clients speak. */
function attachActions({ volumes, attachments }: Parts) {
  return {
    'os-reserve': action({
      policy: 'volume_extension:volume_actions:reserve',
      body: schemas.Anything,
      handle: async (request, reply) => {
        await volumes.reserve(request.caller, idOf(request))
        return accepted(reply)
      },
    }),
    'os-unreserve': action({
      policy: 'volume_extension:volume_actions:unreserve',
      body: schemas.Anything,
      handle: async (request, reply) => {
        await volumes.unreserve(request.caller, idOf(request))
        return accepted(reply)
      },
    }),
    'os-begin_detaching': action({
      policy: 'volume_extension:volume_actions:begin_detaching',
      body: schemas.Anything,
      handle: async (request, reply) => {
        const volume = await volumes.get(request.caller, idOf(request))
        if (volume.status === 'detaching') throw alreadyDetaching()
        await volumes.beginDetaching(volume.id)
        return accepted(reply)
      },
    }),
    'os-roll_detaching': action({
      policy: 'volume_extension:volume_actions:roll_detaching',
      body: schemas.Anything,
      handle: async (request, reply) => {
        const volume = await volumes.get(request.caller, idOf(request))
        await volumes.rollDetaching(volume.id)
        return accepted(reply)
      },
    }),
    'os-attach': action({
      policy: 'volume_extension:volume_actions:attach',
      body: schemas.Attach,
      handle: async (request, reply, order) => {
        const volume = await volumes.get(request.caller, idOf(request))
        await attachments.attachDirectly(attachOrder(volume, order))
        return accepted(reply)
      },
    }),
    'os-detach': action({
      policy: 'volume_extension:volume_actions:detach',
      body: schemas.Detach,
      handle: async (request, reply, body) => {
        const volume = await volumes.get(request.caller, idOf(request))
        const attachment = await attachmentToLeave(attachments, volume, body?.attachment_id ?? undefined)
        if (attachment !== undefined) {
          attachments.refuseIfHeld(request.caller, attachment)
          await attachments.detach(attachment.id)
        }
        return accepted(reply)
      },
    }),
    'os-force_detach': action({
      policy: 'volume_extension:volume_admin_actions:force_detach',
      body: schemas.ForceDetach,
      handle: async (request, reply, { attachment_id, connector }) => {
        const volume = await volumes.get(request.caller, idOf(request))
        const attachment = await attachmentToLeave(attachments, volume, attachment_id ?? undefined)
        const initiator = (connector as ConnectorDocument | null | undefined)?.initiator
        if (typeof initiator === 'string') await attachments.closeConnection(volume.id, initiator)
        if (attachment !== undefined) await attachments.detach(attachment.id)
        return accepted(reply)
      },
    }),
  }
}

function connectionActions({ volumes, attachments }: Parts) {
  return {
    'os-initialize_connection': action({
      policy: 'volume_extension:volume_actions:initialize_connection',
      body: schemas.InitializeConnection,
      handle: async (request, _reply, body) => {
        const volume = await volumes.get(request.caller, idOf(request))
        const connector = connectorOf(body.connector)
        if (volume.status === 'maintenance') {
          throw invalidVolume(
            'volume.volume.in-maintenance',
            'The volume connection cannot be initialized in maintenance mode.',
          )
        }
        // Whoever opens a connection learns the account, and a server of another may be using it.
        for (const held of await attachments.of(volume.id)) attachments.refuseIfHeld(request.caller, held)
        const connection = await attachments.openConnection(volume.id, connector)
        const accessMode = volume.adminMetadata.readonly === 'True' ? ('ro' as const) : ('rw' as const)
        return {
          connection_info: {
            driver_volume_type: 'iscsi',
            data: connectionData(volume.id, { connection, accessMode }),
            enforce_multipath: connector.enforce_multipath === true,
          },
        }
      },
    }),
    'os-terminate_connection': action({
      policy: 'volume_extension:volume_actions:terminate_connection',
      body: schemas.TerminateConnection,
      handle: async (request, reply, body) => {
        const volume = await volumes.get(request.caller, idOf(request))
        // Without a connector every connection of the volume ends.
        const initiator = body.connector === null ? undefined : connectorOf(body.connector).initiator
        await attachments.closeConnection(volume.id, typeof initiator === 'string' ? initiator : undefined)
        return accepted(reply)
      },
    }),
  }
}

/** Known and not offered: refused by name, after the volume was found. */
function refusedActions({ volumes }: Parts) {
  const refuse = (policy: VolumePolicy, what: string, since?: string) =>
    action({
      policy,
      ...(since !== undefined && { since }),
      body: schemas.Anything,
      handle: async (request) => {
        await volumes.get(request.caller, idOf(request))
        throw notOffered(what)
      },
    })
  return {
    'os-volume_upload_image': refuse('volume_extension:volume_actions:upload_image', 'Making an image of a volume'),
    'os-migrate_volume': refuse('volume_extension:volume_admin_actions:migrate_volume', 'Moving a volume'),
    'os-migrate_volume_completion': refuse(
      'volume_extension:volume_admin_actions:migrate_volume_completion',
      'Moving a volume',
    ),
    'os-unmanage': refuse('volume_extension:volume_unmanage', 'Giving up a volume without deleting it'),
    'os-extend_volume_completion': refuse(
      'volume_extension:volume_admin_actions:extend_volume_completion',
      'Ending an extend from outside',
      '3.71',
    ),
    'os-reimage': refuse('volume:reimage', 'Writing another image into a volume', '3.68'),
    revert: refuse('volume:revert_to_snapshot', 'Reverting a volume to a snapshot', '3.40'),
  }
}

function attachOrder(volume: VolumeRow, order: Static<typeof schemas.Attach>) {
  if (order.instance_uuid === undefined && order.host_name === undefined) {
    throw invalidRequest('volume.attach.nobody', "Either 'instance_uuid' or 'host_name' is a required property")
  }
  const mode = order.mode ?? 'rw'
  if (volume.adminMetadata.readonly === 'True' && mode !== 'ro') {
    throw invalidRequest('volume.attach.mode', `Invalid attaching mode '${mode}' for volume ${volume.id}.`)
  }
  return {
    attachmentId: newId<AttachmentId>(),
    volumeId: volume.id,
    serverId: order.instance_uuid === undefined ? null : canonicalUuid<ServerId>(order.instance_uuid),
    host: order.host_name ?? null,
    mountpoint: order.mountpoint,
    mode,
  }
}

async function attachmentToLeave(attachments: Attachments, volume: VolumeRow, id: string | undefined) {
  const all = await attachments.of(volume.id)
  if (id !== undefined) {
    const found = all.find((attachment) => attachment.id === canonicalUuid(id))
    if (found === undefined) {
      throw notFound(
        'volume.attachment.not-found',
        `Volume attachment could not be found with filter: attachment_id = ${id}.`,
      )
    }
    return found
  }
  if (all.length > 1) {
    throw invalidVolume(
      'volume.detach.which',
      'Detach volume failed: More than one attachment, but no attachment_id provided.',
    )
  }
  return all[0]
}

/** A text is no connector, though the shape lets it pass. */
function connectorOf(connector: unknown): ConnectorDocument {
  if (typeof connector === 'object' && connector !== null && !Array.isArray(connector)) {
    return connector as ConnectorDocument
  }
  throw invalidInput('volume.connector.malformed', 'The connector must be an object.')
}

const alreadyDetaching = () =>
  invalidVolume(
    'volume.volume.not-in-use',
    "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
  )
