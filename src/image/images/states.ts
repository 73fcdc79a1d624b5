/**
 * What an image may become. Source: valid_state_targets in glance/domain/__init__.py, in which two more stand that are
 * never written here: `killed`, which upstream's v2 has given up, and `pending_delete`, of its delayed deletion.
 */
import type { ImageStatus } from './image.ts'

export const MOVES: Readonly<Record<ImageStatus, readonly ImageStatus[]>> = {
  // Bytes come by an upload, to be staged, or by an import that fetches them itself. An image from a file of the host is
  // queued and active in one transaction.
  queued: ['saving', 'uploading', 'importing', 'active', 'deleted'],
  saving: ['active', 'queued', 'deleted'],
  uploading: ['importing', 'queued', 'deleted'],
  importing: ['active', 'queued', 'deleted'],
  // Back to `importing` is the undo of an import whose last step failed.
  active: ['deactivated', 'importing', 'deleted'],
  deactivated: ['active', 'importing', 'deleted'],
  deleted: [],
}

export function mayBecome(from: ImageStatus, to: ImageStatus): boolean {
  return MOVES[from].includes(to)
}
