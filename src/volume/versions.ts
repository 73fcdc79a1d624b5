/**
 * Every microversion of the volume API and what it brought. `offered: false` marks those whose feature this cloud does
 * not have (yet): they are negotiated all the same, because a version is a promise about the shape of what is there.
 * Source: cinder/api/openstack/rest_api_version_history.rst
 */
import { type MicroversionRange, microversion } from '../http/microversions.ts'

export interface VersionNote {
  readonly version: string
  readonly brought: string
  readonly offered?: false
}

export const versions: readonly VersionNote[] = [
  { version: '3.0', brought: 'Baseline, v2 behaviour under /v3; version document lists microversion bounds' },
  { version: '3.1', brought: 'os-volume_upload_image: + visibility, protected', offered: false },
  { version: '3.2', brought: 'volume list bootable filter: only true/false spellings accepted, anything else 400' },
  { version: '3.3', brought: '+ /messages (user messages)' },
  { version: '3.4', brought: 'volume list: + glance_metadata filter' },
  { version: '3.5', brought: 'messages: + pagination, sort' },
  { version: '3.6', brought: 'consistency group update may set empty name/description', offered: false },
  { version: '3.7', brought: '+ /clusters; service list: + cluster', offered: false },
  { version: '3.8', brought: '+ /manageable_volumes, /manageable_snapshots', offered: false },
  { version: '3.9', brought: '+ PUT /backups/{id} (name, description)', offered: false },
  { version: '3.10', brought: 'volume list: + group_id filter', offered: false },
  { version: '3.11', brought: '+ /group_types and their /group_specs', offered: false },
  { version: '3.12', brought: '+ GET /volumes/summary' },
  { version: '3.13', brought: '+ /groups CRUD; volume replies: + group_id', offered: false },
  {
    version: '3.14',
    brought: '+ /group_snapshots; + create-from-src for groups; snapshot replies: + group_snapshot_id',
    offered: false,
  },
  { version: '3.15', brought: 'ETag on volume/snapshot metadata replies, If-Match honoured' },
  { version: '3.16', brought: 'os-migrate_volume and manage: + cluster', offered: false },
  { version: '3.17', brought: 'manageable lists: + cluster', offered: false },
  { version: '3.18', brought: 'backup: + os-backup-project-attr:project_id (admin)', offered: false },
  { version: '3.19', brought: 'group snapshots: + action reset_status', offered: false },
  { version: '3.20', brought: 'groups: + action reset_status', offered: false },
  { version: '3.21', brought: 'volume detail: + provider_id (admin)' },
  { version: '3.22', brought: 'snapshot list: + metadata filter' },
  { version: '3.23', brought: 'volume delete: + force query' },
  { version: '3.24', brought: '+ POST /workers/cleanup', offered: false },
  { version: '3.25', brought: 'group list/show: + volumes when list_volume=true', offered: false },
  {
    version: '3.26',
    brought:
      'services: + PUT /os-services/failover; freeze/thaw accept cluster; clusters: + replication fields and filters',
    offered: false,
  },
  { version: '3.27', brought: '+ /attachments (create, list, show, update, delete)' },
  { version: '3.28', brought: 'get_pools: + filters' },
  { version: '3.29', brought: 'group snapshot list: + filter, sort, pagination', offered: false },
  { version: '3.30', brought: 'snapshot list: sort by name' },
  { version: '3.31', brought: 'list filters become operator-configurable; forbidden filter -> 400' },
  { version: '3.32', brought: 'services: + set-log, get-log', offered: false },
  { version: '3.33', brought: '+ GET /resource_filters' },
  {
    version: '3.34',
    brought: 'inexact filters name~= on volumes, snapshots, backups, messages, attachments, groups, group snapshots',
  },
  { version: '3.35', brought: 'get_pools: + volume_type filter' },
  { version: '3.36', brought: 'volumes/summary: + metadata' },
  { version: '3.37', brought: 'backup list: sort by name', offered: false },
  {
    version: '3.38',
    brought:
      'groups: + actions enable_replication, disable_replication, failover_replication, list_replication_targets',
    offered: false,
  },
  { version: '3.39', brought: 'limits: + project_id query (admin)' },
  { version: '3.40', brought: 'volume action revert to latest snapshot', offered: false },
  { version: '3.41', brought: 'snapshot: + user_id' },
  { version: '3.42', brought: 'os-extend allowed on in-use volumes' },
  { version: '3.43', brought: 'backups: + metadata in create, update, replies', offered: false },
  { version: '3.44', brought: 'attachments: + action os-complete' },
  { version: '3.45', brought: 'volume, snapshot, backup lists: + with_count query -> count' },
  {
    version: '3.46',
    brought: 'volume create from a zero-byte image of a volume-backed server uses the referenced snapshot',
    offered: false,
  },
  { version: '3.47', brought: 'volume create: + backup_id', offered: false },
  { version: '3.48', brought: 'volume: + shared_targets, service_uuid' },
  { version: '3.49', brought: 'service list: + backend_state' },
  { version: '3.50', brought: 'signals multiattach support' },
  { version: '3.51', brought: 'backup create: + availability_zone', offered: false },
  { version: '3.52', brought: 'volume type list: extra_specs filter; reserved spec key RESKEY:availability_zones' },
  { version: '3.53', brought: 'volume create/update: unknown keys -> 400; update needs at least one known key' },
  { version: '3.54', brought: 'attachment create: + mode (rw, ro)' },
  { version: '3.55', brought: '+ /volume-transfers; transfers may carry snapshots (no_snapshots)', offered: false },
  { version: '3.56', brought: 'backup: + user_id', offered: false },
  { version: '3.57', brought: 'transfer: + source_project_id, destination_project_id, accepted', offered: false },
  { version: '3.58', brought: 'group and group snapshot: + project_id', offered: false },
  { version: '3.59', brought: 'transfer lists: + limit, offset, marker, sort', offered: false },
  {
    version: '3.60',
    brought: 'volume lists: created_at/updated_at comparison filters (gt:, gte:, eq:, neq:, lt:, lte:)',
  },
  { version: '3.61', brought: 'volume detail: + cluster_name (admin)' },
  { version: '3.62', brought: '+ /default-types per project' },
  { version: '3.63', brought: 'volume: + volume_type_id' },
  { version: '3.64', brought: 'volume and backup: + encryption_key_id when encrypted', offered: false },
  { version: '3.65', brought: 'volume and snapshot: + consumes_quota; filter of that name' },
  {
    version: '3.66',
    brought: 'snapshot of an in-use volume needs no force; force=false -> 400, force=true ignored',
    offered: false,
  },
  { version: '3.67', brought: 'project id in the URL becomes optional' },
  { version: '3.68', brought: '+ action os-reimage' },
  { version: '3.69', brought: 'shared_targets may be null' },
  { version: '3.70', brought: 'encrypted volumes may be transferred', offered: false },
  { version: '3.71', brought: '+ action os-extend_volume_completion (for the compute service)', offered: false },
]

/**
 * gophercloud sends its client's type as the service's word, so all of its names are taken.
 * Source: cinder looks for the substring `volume` in the header.
 */
export const volumeMicroversions: MicroversionRange = {
  service: 'volume',
  aliases: ['volumev3', 'block-storage', 'block-store', 'cinder'],
  min: microversion('3.0'),
  max: microversion('3.71'),
}
