/** From a volume to what a client sees of it. Source: cinder/api/v3/views/volumes.py and the volume extensions. */
import type { Caller } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { authorizes } from '../authorizes.ts'
import { type Links, timeOf } from '../list-query.ts'
import type { VolumeRow } from './store.ts'

export interface Viewer {
  readonly caller: Caller
  readonly version: Microversion
  readonly links: Links
}

export function viewSummary(volume: VolumeRow, { links }: Viewer) {
  return { id: volume.id, name: volume.name, links: links.of('volumes', volume.id) }
}

/** As it is shown and listed. */
export function viewVolume(volume: VolumeRow, viewer: Viewer) {
  return { ...viewVolumeItself(volume, viewer), ...viewExtensions(volume, viewer.caller) }
}

/** As the answers to a create and to an update have it: upstream's extensions add nothing there. */
export function viewVolumeItself(volume: VolumeRow, { caller, version, links }: Viewer) {
  const since = (text: string) => version >= microversion(text)
  return {
    id: volume.id,
    status: volume.status,
    size: volume.sizeGiB,
    availability_zone: volume.availabilityZone,
    created_at: timeOf(volume.createdAt),
    updated_at: timeOf(volume.updatedAt),
    name: volume.name,
    description: volume.description,
    volume_type: volume.typeName,
    snapshot_id: volume.snapshotId,
    source_volid: volume.sourceVolumeId,
    metadata: { ...volume.metadata, ...volume.adminMetadata },
    links: links.of('volumes', volume.id),
    user_id: volume.userId,
    bootable: String(volume.bootable),
    encrypted: false,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: volume.multiattach,
    attachments: viewAttachments(volume, caller),
    ...(caller.isAdmin && { migration_status: volume.migrationStatus }),
    ...(since('3.13') && { group_id: null }),
    ...(since('3.21') && caller.isAdmin && { provider_id: null }),
    ...(since('3.48') && { shared_targets: false, service_uuid: null }),
    ...(since('3.61') && caller.isAdmin && { cluster_name: null }),
    ...(since('3.63') && { volume_type_id: volume.typeId }),
    ...(since('3.65') && { consumes_quota: true }),
  }
}

function viewExtensions(volume: VolumeRow, caller: Caller) {
  return {
    ...(authorizes('volume_extension:volume_host_attribute', caller) && { 'os-vol-host-attr:host': volume.backend }),
    ...(authorizes('volume_extension:volume_tenant_attribute', caller) && {
      'os-vol-tenant-attr:tenant_id': volume.projectId,
    }),
    ...(authorizes('volume_extension:volume_mig_status_attribute', caller) && {
      'os-vol-mig-status-attr:migstat': volume.migrationStatus,
      'os-vol-mig-status-attr:name_id': null,
    }),
    ...(volume.imageMetadata !== null &&
      authorizes('volume_extension:volume_image_metadata:show', caller) && {
        volume_image_metadata: volume.imageMetadata,
      }),
  }
}

/** Hosts are for those who run the cloud, and for services. */
function viewAttachments(volume: VolumeRow, caller: Caller) {
  const seesHosts = caller.isAdmin || caller.roles.includes('service')
  return volume.attachments
    .filter((attachment) => attachment.status === 'attached')
    .map((attachment) => ({
      id: volume.id,
      attachment_id: attachment.id,
      volume_id: volume.id,
      server_id: attachment.serverId,
      host_name: seesHosts ? attachment.host : null,
      device: attachment.mountpoint,
      attached_at: attachment.attachedAt,
    }))
}
