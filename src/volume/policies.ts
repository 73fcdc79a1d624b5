/**
 * Who may do what in block storage: upstream's names and defaults. Source: cinder/policies/*.py, where
 * SYSTEM_READER_OR_PROJECT_READER and SYSTEM_ADMIN_OR_PROJECT_MEMBER both let any admin pass.
 */
import {
  ADMIN,
  ANYONE,
  AUTHENTICATED,
  type PolicyTable,
  PROJECT_MEMBER_OR_ADMIN,
  PROJECT_READER_OR_ADMIN,
} from '../http/policy.ts'

const READ = PROJECT_READER_OR_ADMIN
const WRITE = PROJECT_MEMBER_OR_ADMIN

export const volumePolicies = {
  // Not policies upstream: documents that need no rule there.
  'volume:versions': ANYONE,
  'volume:extensions': AUTHENTICATED,
  'volume:resource_filters': AUTHENTICATED,
  'volume:availability_zone_list': AUTHENTICATED,

  'volume:create': WRITE,
  'volume:create_from_image': WRITE,
  'volume:get': READ,
  'volume:get_all': READ,
  'volume:update': WRITE,
  'volume:delete': WRITE,
  'volume:force_delete': ADMIN,
  'volume:multiattach': WRITE,
  'volume_extension:volume_host_attribute': ADMIN,
  'volume_extension:volume_tenant_attribute': READ,
  'volume_extension:volume_mig_status_attribute': ADMIN,
  'volume_extension:volume_encryption_metadata': READ,

  'volume:get_volume_metadata': READ,
  'volume:create_volume_metadata': WRITE,
  'volume:update_volume_metadata': WRITE,
  'volume:delete_volume_metadata': WRITE,
  'volume_extension:volume_image_metadata:show': READ,
  'volume_extension:volume_image_metadata:set': WRITE,
  'volume_extension:volume_image_metadata:remove': WRITE,

  'volume:extend': WRITE,
  'volume:extend_attached_volume': WRITE,
  'volume_extension:volume_admin_actions:extend_volume_complete': ADMIN,
  'volume:revert_to_snapshot': WRITE,
  'volume_extension:volume_admin_actions:reset_status': ADMIN,
  'volume:retype': WRITE,
  'volume:update_readonly_flag': WRITE,
  'volume_extension:volume_admin_actions:force_delete': ADMIN,
  'volume_extension:volume_admin_actions:force_detach': ADMIN,
  'volume_extension:volume_actions:upload_image': WRITE,
  'volume_extension:volume_admin_actions:migrate_volume': ADMIN,
  'volume_extension:volume_admin_actions:migrate_volume_completion': ADMIN,
  'volume_extension:volume_unmanage': ADMIN,
  'volume_extension:volume_actions:initialize_connection': WRITE,
  'volume_extension:volume_actions:terminate_connection': WRITE,
  'volume_extension:volume_actions:roll_detaching': WRITE,
  'volume_extension:volume_actions:reserve': WRITE,
  'volume_extension:volume_actions:unreserve': WRITE,
  'volume_extension:volume_actions:begin_detaching': WRITE,
  'volume_extension:volume_actions:attach': WRITE,
  'volume_extension:volume_actions:detach': WRITE,
  'volume:reimage': WRITE,

  // Attachments have no policies for reading upstream: any role in the project may.
  'volume:attachment_get': READ,
  'volume:attachment_create': WRITE,
  'volume:attachment_update': WRITE,
  'volume:attachment_delete': WRITE,
  'volume:attachment_complete': WRITE,
  'volume:multiattach_bootable_volume': WRITE,

  'volume_extension:type_create': ADMIN,
  'volume_extension:type_update': ADMIN,
  'volume_extension:type_delete': ADMIN,
  'volume_extension:type_get': READ,
  'volume_extension:type_get_all': READ,
  'volume_extension:access_types_extra_specs': READ,
  'volume_extension:access_types_qos_specs_id': ADMIN,
  'volume_extension:types_extra_specs:index': READ,
  'volume_extension:types_extra_specs:show': READ,
  'volume_extension:types_extra_specs:read_sensitive': ADMIN,
  'volume_extension:types_extra_specs:create': ADMIN,
  'volume_extension:types_extra_specs:update': ADMIN,
  'volume_extension:types_extra_specs:delete': ADMIN,
  'volume_extension:volume_type_access': WRITE,
  'volume_extension:volume_type_access:addProjectAccess': ADMIN,
  'volume_extension:volume_type_access:removeProjectAccess': ADMIN,
  'volume_extension:volume_type_access:get_all_for_type': ADMIN,
  'volume_extension:volume_type_encryption:create': ADMIN,
  'volume_extension:volume_type_encryption:get': ADMIN,
  'volume_extension:default_set_or_update': ADMIN,
  'volume_extension:default_get': ADMIN,
  'volume_extension:default_get_all': ADMIN,
  'volume_extension:default_unset': ADMIN,

  'limits_extension:used_limits': READ,
  'volume_extension:quotas:show': READ,
  'volume_extension:quotas:update': ADMIN,
  'volume_extension:quotas:delete': ADMIN,
  'volume_extension:quota_classes:get': ADMIN,
  'volume_extension:quota_classes:update': ADMIN,

  'scheduler_extension:scheduler_stats:get_pools': ADMIN,
  'volume_extension:services:index': ADMIN,
  'volume_extension:services:update': ADMIN,
  'message:get': READ,
  'message:get_all': READ,
  'message:delete': WRITE,
} satisfies PolicyTable

export type VolumePolicy = keyof typeof volumePolicies
