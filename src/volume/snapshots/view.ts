/** What a client sees of a snapshot. Source: cinder/api/v3/views/snapshots.py, cinder/api/contrib/extended_snapshot_attributes.py */
import type { Caller } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { authorizes } from '../authorizes.ts'
import { timeOf } from '../list-query.ts'
import type { SnapshotRow } from './store.ts'

export function viewSnapshotSummary(snapshot: SnapshotRow) {
  return {
    id: snapshot.id,
    created_at: timeOf(snapshot.createdAt),
    updated_at: timeOf(snapshot.updatedAt),
    name: snapshot.name,
    description: snapshot.description,
    volume_id: snapshot.volumeId,
    status: snapshot.status,
    size: snapshot.sizeGiB,
    metadata: snapshot.metadata,
  }
}

/** As the answers to a create and to an update have it. */
export function viewSnapshotItself(snapshot: SnapshotRow, version: Microversion) {
  const since = (text: string) => version >= microversion(text)
  return {
    ...viewSnapshotSummary(snapshot),
    ...(since('3.14') && { group_snapshot_id: null }),
    ...(since('3.41') && { user_id: snapshot.userId }),
    ...(since('3.65') && { consumes_quota: true }),
  }
}

export function viewSnapshot(snapshot: SnapshotRow, version: Microversion, caller: Caller) {
  return {
    ...viewSnapshotItself(snapshot, version),
    ...(authorizes('volume_extension:extended_snapshot_attributes', caller) && {
      'os-extended-snapshot-attributes:project_id': snapshot.projectId,
      'os-extended-snapshot-attributes:progress': snapshot.progress,
    }),
  }
}
