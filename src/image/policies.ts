/**
 * Who may do what to images. Names and defaults: glance/policies/*.py.
 *
 * `get_image` and its like ask for `visibility` and `memberProjectId` beside the owner; a target without them is the
 * question before the image is known, which asks for the role alone.
 */
import type { Caller } from '../http/caller.ts'
import {
  ADMIN,
  ANYONE,
  anyOf,
  AUTHENTICATED,
  type PolicyTable,
  PROJECT_MEMBER_OR_ADMIN,
  PROJECT_READER_OR_ADMIN,
  ruleOf,
  SERVICE_OR_ADMIN,
  type Target,
} from '../http/policy.ts'

export interface ImageTarget extends Target {
  /** The owner; empty where the image has none, so that nobody takes it for their own. */
  readonly projectId: string
  readonly visibility: string
  /** The caller's project, where the image is shared and not its own. */
  readonly memberProjectId: string | undefined
}

const has = (role: string) => (caller: Caller) => caller.projectId !== undefined && caller.roles.includes(role)
const isMember = (caller: Caller, target: Target) =>
  target.visibility === undefined || target.memberProjectId === caller.projectId
const isOwner = (caller: Caller, target: Target) =>
  target.visibility === undefined || target.projectId === caller.projectId
const isForOthers = (target: Target) => ['community', 'public', 'shared'].includes(String(target.visibility))

const sees = (role: string) =>
  anyOf(
    `project_${role}_or_image_visible_or_admin`,
    ADMIN,
    ruleOf(
      `project_${role}_or_image_visible`,
      (c, t) => has(role)(c) && (isOwner(c, t) || isMember(c, t) || isForOthers(t)),
    ),
  )
/** Definitions are public or their owner's, and nothing between. */
const DEFINED = anyOf(
  'project_reader_or_public_or_admin',
  ADMIN,
  ruleOf(
    'project_reader_or_public',
    (c, t) => has('reader')(c) && (isOwner(c, t) || t.visibility === undefined || t.visibility === 'public'),
  ),
)
const SHARED_MEMBER_OR_ADMIN = anyOf(
  'shared_member_or_admin',
  ADMIN,
  ruleOf('shared_member', (c, t) => has('member')(c) && isMember(c, t)),
)
const READER_OR_SHARED_MEMBER_OR_ADMIN = anyOf(
  'project_reader_or_shared_member_or_admin',
  ADMIN,
  ruleOf('project_reader_or_shared_member', (c, t) => has('reader')(c) && (isOwner(c, t) || isMember(c, t))),
)

export const imagePolicies = {
  // Not guarded upstream beyond the token, or not even by that.
  versions: ANYONE,
  schemas: AUTHENTICATED,
  info: AUTHENTICATED,

  add_image: PROJECT_MEMBER_OR_ADMIN,
  delete_image: PROJECT_MEMBER_OR_ADMIN,
  get_image: sees('reader'),
  get_images: PROJECT_READER_OR_ADMIN,
  modify_image: PROJECT_MEMBER_OR_ADMIN,
  publicize_image: ADMIN,
  communitize_image: PROJECT_MEMBER_OR_ADMIN,
  download_image: sees('member'),
  download_from_store: sees('member'),
  upload_image: PROJECT_MEMBER_OR_ADMIN,
  deactivate: PROJECT_MEMBER_OR_ADMIN,
  reactivate: PROJECT_MEMBER_OR_ADMIN,
  copy_image: ADMIN,

  set_image_location: PROJECT_MEMBER_OR_ADMIN,
  get_image_location: PROJECT_READER_OR_ADMIN,
  delete_image_location: ADMIN,
  add_image_location: anyOf('service_or_project_member', SERVICE_OR_ADMIN, PROJECT_MEMBER_OR_ADMIN),
  fetch_image_location: SERVICE_OR_ADMIN,
  cache_image: ADMIN,
  cache_list: ADMIN,
  cache_delete: ADMIN,
  cache_clean: ADMIN,
  cache_prune: ADMIN,
  list_cached_nodes: ADMIN,

  add_member: PROJECT_MEMBER_OR_ADMIN,
  delete_member: PROJECT_MEMBER_OR_ADMIN,
  get_member: READER_OR_SHARED_MEMBER_OR_ADMIN,
  get_members: READER_OR_SHARED_MEMBER_OR_ADMIN,
  modify_member: SHARED_MEMBER_OR_ADMIN,

  get_metadef_namespace: DEFINED,
  get_metadef_namespaces: PROJECT_READER_OR_ADMIN,
  add_metadef_namespace: ADMIN,
  modify_metadef_namespace: ADMIN,
  delete_metadef_namespace: ADMIN,
  get_metadef_object: DEFINED,
  get_metadef_objects: DEFINED,
  add_metadef_object: ADMIN,
  modify_metadef_object: ADMIN,
  delete_metadef_object: ADMIN,
  list_metadef_resource_types: DEFINED,
  add_metadef_resource_type_association: ADMIN,
  remove_metadef_resource_type_association: ADMIN,
  get_metadef_property: DEFINED,
  get_metadef_properties: DEFINED,
  add_metadef_property: ADMIN,
  modify_metadef_property: ADMIN,
  remove_metadef_property: ADMIN,
  get_metadef_tag: DEFINED,
  get_metadef_tags: DEFINED,
  add_metadef_tag: ADMIN,
  add_metadef_tags: ADMIN,
  modify_metadef_tag: ADMIN,
  delete_metadef_tag: ADMIN,
  delete_metadef_tags: ADMIN,

  tasks_api_access: ADMIN,
  stores_info_detail: SERVICE_OR_ADMIN,
} satisfies PolicyTable

export type ImagePolicy = keyof typeof imagePolicies
