/** What a client sees of an attachment. Source: cinder/api/v3/views/attachments.py */
import type { Caller } from '../../http/caller.ts'
import { timeOf } from '../list-query.ts'
import { connectionOf } from './attachments.ts'
import { connectionData } from './connection-info.ts'
import type { AttachmentRow } from './store.ts'

export function viewAttachmentSummary(attachment: AttachmentRow) {
  return {
    id: attachment.id,
    status: attachment.status,
    instance: attachment.serverId,
    volume_id: attachment.volumeId,
  }
}

export function viewAttachment(attachment: AttachmentRow, caller: Caller) {
  return {
    ...viewAttachmentSummary(attachment),
    attached_at: timeOf(attachment.attachedAt) ?? '',
    detached_at: '',
    attach_mode: attachment.mode,
    connection_info: viewConnection(attachment, caller),
  }
}

/** Flat, unlike the one of `os-initialize_connection`. What a hypervisor of ours knows is not for the server's owner. */
function viewConnection(attachment: AttachmentRow, caller: Caller): object {
  const { connection, connector } = attachment
  if (connection === null) return {}
  const data = connectionData(attachment.volumeId, {
    connection: connectionOf(connection, attachment, String(connector?.initiator)),
    accessMode: attachment.mode ?? 'rw',
  })
  const info = { ...data, driver_volume_type: 'iscsi', attachment_id: attachment.id }
  if (!attachment.heldByCompute || caller.isAdmin || caller.roles.includes('service')) return info
  const { auth_username: _name, auth_password: _password, ...rest } = info
  return rest
}
