/**
 * Who may do what, with upstream's names and defaults. `create_network:shared` guards one attribute of a request,
 * `get_port:binding:host_id` one of an answer.
 * Source: neutron/conf/policies/*.py.
 *
 * A rule asked without a field of its target (as the route does, before the resource is known) lets pass whoever might
 * be allowed; the rules of the resource ask again with the whole target.
 */
import type { Caller } from '../http/caller.ts'
import {
  ADMIN,
  ANYONE,
  AUTHENTICATED,
  PROJECT_MANAGER_OR_ADMIN,
  PROJECT_MEMBER_OR_ADMIN,
  PROJECT_READER_OR_ADMIN,
  SERVICE_OR_ADMIN,
  anyOf,
  ruleOf,
  type PolicyTable,
  type Target,
} from '../http/policy.ts'

/** What network's own rules ask of a target, beside `projectId`. */
export interface NetworkTarget extends Target {
  readonly networkProjectId?: string
  readonly groupProjectId?: string
  readonly shared?: boolean
  readonly external?: boolean
  readonly deviceOwner?: string
}

const netOwner = (role: string) =>
  ruleOf(
    `network_owner_${role}`,
    (caller, target) => caller.roles.includes(role) && owns(caller, target.networkProjectId),
  )
const groupOwner = (role: string) =>
  ruleOf(
    `security_group_owner_${role}`,
    (caller, target) => caller.roles.includes(role) && owns(caller, target.groupProjectId),
  )
const SHARED = ruleOf('shared', (_caller, target) => target.shared !== false)
const EXTERNAL = ruleOf('external', (_caller, target) => target.external !== false)
const NOT_NETWORK_DEVICE = ruleOf(
  'not_network_device',
  (_caller, target) => !String(target.deviceOwner ?? '').startsWith('network:'),
)
const SERVICE = ruleOf('service', (caller) => caller.roles.includes('service'))
const OWN_PROJECT = ruleOf('own_project', (caller, target) => owns(caller, target.projectId))
const READER = ruleOf('reader', (caller) => caller.roles.includes('reader'))

function owns(caller: Caller, projectId: unknown): boolean {
  return caller.projectId !== undefined && (projectId === undefined || projectId === caller.projectId)
}

const NET_MEMBER = netOwner('member')
const NET_READER = netOwner('reader')
const MEMBER = PROJECT_MEMBER_OR_ADMIN
const ADMIN_OR_NET_MEMBER = anyOf('admin_or_network_owner_member', ADMIN, NET_MEMBER)
const SERVICE_OR_NET_MEMBER = anyOf('service_or_network_owner_member', SERVICE_OR_ADMIN, NET_MEMBER)
const PAIRS = anyOf('admin_or_network_owner_member', ADMIN, NET_MEMBER, SERVICE)
const OWNER_OR_SERVICE = anyOf('project_member_or_service', MEMBER, SERVICE)
const READ_NETWORK_TAGS = anyOf('reader_shared_or_external', PROJECT_READER_OR_ADMIN, SHARED, EXTERNAL)
const READ_NETWORK = anyOf('reader_shared_external_or_service', READ_NETWORK_TAGS, SERVICE)
const READ_SUBNET_TAGS = anyOf('reader_of_subnet_or_network_without_service', READ_NETWORK_TAGS, NET_READER)
const READ_SUBNET = anyOf('reader_of_subnet_or_network', READ_NETWORK, NET_READER)
const READ_PORT_TAGS = anyOf('reader_of_port_or_network', PROJECT_READER_OR_ADMIN, NET_READER)
const READ_PORT = anyOf('reader_of_port_or_network_or_service', READ_PORT_TAGS, SERVICE)
const DELETE_PORT_TAGS = anyOf('member_of_port_or_network', MEMBER, NET_MEMBER)
const DELETE_PORT = anyOf('member_of_port_or_network_or_service', DELETE_PORT_TAGS, SERVICE)
const RULE_MEMBER = anyOf('admin_or_security_group_owner_member', ADMIN, groupOwner('member'))
const RULE_READER = anyOf('admin_or_security_group_owner_reader', ADMIN, groupOwner('reader'))
const SUBNET_TAGS = anyOf('member_of_subnet_or_network', ADMIN_OR_NET_MEMBER, MEMBER)

export const POLICIES: PolicyTable = {
  versions: ANYONE,
  resources: AUTHENTICATED,
  get_extension: AUTHENTICATED,

  create_network: MEMBER,
  'create_network:shared': ADMIN,
  'create_network:router:external': ADMIN,
  'create_network:port_security_enabled': MEMBER,
  'create_network:provider:network_type': ADMIN,
  'create_network:provider:physical_network': ADMIN,
  'create_network:provider:segmentation_id': ADMIN,
  'create_network:tags': MEMBER,
  get_network: READ_NETWORK,
  'get_network:provider:network_type': ADMIN,
  'get_network:provider:physical_network': ADMIN,
  'get_network:provider:segmentation_id': ADMIN,
  'get_network:tags': READ_NETWORK_TAGS,
  update_network: MEMBER,
  'update_network:shared': ADMIN,
  'update_network:router:external': ADMIN,
  'update_network:port_security_enabled': MEMBER,
  'update_network:provider:network_type': ADMIN,
  'update_network:provider:physical_network': ADMIN,
  'update_network:provider:segmentation_id': ADMIN,
  'update_network:tags': MEMBER,
  delete_network: MEMBER,
  'delete_network:tags': MEMBER,

  create_subnet: ADMIN_OR_NET_MEMBER,
  'create_subnet:tags': SUBNET_TAGS,
  get_subnet: READ_SUBNET,
  'get_subnet:tags': READ_SUBNET_TAGS,
  update_subnet: anyOf('member_of_subnet_or_network', ADMIN_OR_NET_MEMBER, MEMBER),
  'update_subnet:tags': SUBNET_TAGS,
  delete_subnet: anyOf('member_of_subnet_or_network', ADMIN_OR_NET_MEMBER, MEMBER),
  'delete_subnet:tags': SUBNET_TAGS,

  create_port: anyOf('service_network_owner_or_shared', SERVICE_OR_ADMIN, NET_MEMBER, SHARED),
  'create_port:device_id': OWNER_OR_SERVICE,
  'create_port:device_owner': anyOf(
    'not_network_device_or_network_owner',
    NOT_NETWORK_DEVICE,
    SERVICE_OR_ADMIN,
    NET_MEMBER,
  ),
  'create_port:mac_address': SERVICE_OR_NET_MEMBER,
  'create_port:fixed_ips': anyOf('service_network_owner_or_shared', SERVICE_OR_ADMIN, NET_MEMBER, SHARED),
  'create_port:fixed_ips:ip_address': SERVICE_OR_NET_MEMBER,
  'create_port:fixed_ips:subnet_id': anyOf('service_network_owner_or_shared', SERVICE_OR_ADMIN, NET_MEMBER, SHARED),
  'create_port:port_security_enabled': SERVICE_OR_NET_MEMBER,
  'create_port:binding:host_id': SERVICE_OR_ADMIN,
  'create_port:binding:profile': SERVICE,
  'create_port:binding:vnic_type': OWNER_OR_SERVICE,
  'create_port:allowed_address_pairs': PAIRS,
  'create_port:allowed_address_pairs:mac_address': PAIRS,
  'create_port:allowed_address_pairs:ip_address': PAIRS,
  'create_port:tags': MEMBER,
  get_port: READ_PORT,
  'get_port:binding:vif_type': SERVICE_OR_ADMIN,
  'get_port:binding:vif_details': SERVICE_OR_ADMIN,
  'get_port:binding:host_id': SERVICE_OR_ADMIN,
  'get_port:binding:profile': SERVICE_OR_ADMIN,
  'get_port:tags': READ_PORT_TAGS,
  update_port: OWNER_OR_SERVICE,
  'update_port:device_id': OWNER_OR_SERVICE,
  'update_port:device_owner': anyOf(
    'not_network_device_or_network_owner',
    NOT_NETWORK_DEVICE,
    SERVICE_OR_ADMIN,
    NET_MEMBER,
  ),
  'update_port:mac_address': anyOf('service_or_network_owner_manager', SERVICE_OR_ADMIN, netOwner('manager')),
  'update_port:fixed_ips': SERVICE_OR_NET_MEMBER,
  'update_port:fixed_ips:ip_address': SERVICE_OR_NET_MEMBER,
  'update_port:fixed_ips:subnet_id': anyOf('service_network_owner_or_shared', SERVICE_OR_ADMIN, NET_MEMBER, SHARED),
  'update_port:port_security_enabled': SERVICE_OR_NET_MEMBER,
  'update_port:binding:host_id': SERVICE_OR_ADMIN,
  'update_port:binding:profile': SERVICE,
  'update_port:binding:vnic_type': OWNER_OR_SERVICE,
  'update_port:allowed_address_pairs': PAIRS,
  'update_port:allowed_address_pairs:mac_address': PAIRS,
  'update_port:allowed_address_pairs:ip_address': PAIRS,
  'update_port:tags': MEMBER,
  delete_port: DELETE_PORT,
  'delete_port:tags': DELETE_PORT_TAGS,

  create_security_group: MEMBER,
  'create_security_group:tags': MEMBER,
  get_security_group: PROJECT_READER_OR_ADMIN,
  'get_security_group:tags': PROJECT_READER_OR_ADMIN,
  update_security_group: MEMBER,
  'update_security_group:tags': MEMBER,
  delete_security_group: MEMBER,
  'delete_security_group:tags': MEMBER,

  create_security_group_rule: RULE_MEMBER,
  'create_security_group_rule:tags': RULE_MEMBER,
  get_security_group_rule: RULE_READER,
  'get_security_group_rule:tags': RULE_READER,
  'update_security_group_rule:tags': RULE_MEMBER,
  delete_security_group_rule: RULE_MEMBER,
  'delete_security_group_rule:tags': RULE_MEMBER,

  // One's own may be read by anyone in the project; the rule of upstream is asked for others'.
  get_quota: anyOf('own_project_or_admin', ADMIN, OWN_PROJECT),
  get_quotas: PROJECT_MANAGER_OR_ADMIN,
  update_quota: ADMIN,
  delete_quota: ADMIN,

  get_agent: ADMIN,
  get_availability_zone: READER,
  get_network_ip_availability: SERVICE_OR_ADMIN,
}
