/**
 * Who may do what in identity: upstream's policy names and default rules, with the scopes that each takes.
 * Source: keystone/common/policies/*.py (2026-07), where `enforce_scope` is on.
 *
 * A rule is asked twice: by the route, before anything is read, with nothing known about the target (what is absent is
 * not compared), and by the deed itself with the whole target, where `null` means "there is no such thing" and equals
 * nothing.
 */
import type { Caller } from '../http/caller.ts'
import {
  ADMIN,
  ANYONE,
  AUTHENTICATED,
  anyOf,
  type PolicyTable,
  type Rule,
  SERVICE_OR_ADMIN,
  type Target,
} from '../http/policy.ts'

/** What identity's rules may compare. Each mirrors upstream's `target.…`. */
export interface TargetFields {
  /** `target.domain_id`: the domain that a list is about. */
  readonly listDomainId?: string | null | undefined
  /** `target.domain.id` */
  readonly targetDomainId?: string | null | undefined
  /** `target.project.id` and `.domain_id` */
  readonly targetProjectId?: string | null | undefined
  readonly projectDomainId?: string | null | undefined
  /** `target.user.id` and `.domain_id` */
  readonly targetUserId?: string | null | undefined
  readonly userDomainId?: string | null | undefined
  /** `target.group.domain_id` */
  readonly groupDomainId?: string | null | undefined
  /** `target.role.name` and `.domain_id`; the latter null for a global role */
  readonly roleName?: string | null | undefined
  readonly roleDomainId?: string | null | undefined
  /** The user that the path names, whether there or not. */
  readonly pathUserId?: string | null | undefined
  readonly tokenUserId?: string | null | undefined
  readonly credentialUserId?: string | null | undefined
  readonly trustorUserId?: string | null | undefined
  readonly trusteeUserId?: string | null | undefined
  readonly limitDomainId?: string | null | undefined
  readonly limitProjectId?: string | null | undefined
  readonly limitProjectDomainId?: string | null | undefined
}

export type IdentityTarget = TargetFields & Target

type Key = keyof TargetFields

const rule = (name: string, allows: Rule['allows']): Rule => ({ name, allows })
const has = (caller: Caller, role: string) => caller.roles.includes(role)

/** Whether the target may be `mine`: not known yet, or known and equal. */
const meets = (target: Target, key: Key, mine: string | undefined) =>
  mine !== undefined && (target[key] === undefined || target[key] === mine)

const SYSTEM_READER = rule('system_reader', (c) => c.system === 'all' && has(c, 'reader'))
const ADMIN_OR_SYSTEM_READER = anyOf('admin_or_system_reader', ADMIN, SYSTEM_READER)

/** The caller's user is the one under `key`. */
const isUser = (key: Key) => rule(`user_is_${key}`, (c, t) => meets(t, key, c.userId))
/** The caller's token is for the domain under all of `keys`, and has `role` there. */
const inDomain = (role: string, ...keys: Key[]) =>
  rule(
    `domain_${role}_of_${keys.join('_and_')}`,
    (c, t) => has(c, role) && keys.every((key) => meets(t, key, c.domainId)),
  )
const ofProject = (key: Key) => rule(`project_is_${key}`, (c, t) => meets(t, key, c.projectId))

/** Only tokens of these scopes may ask; an unscoped one counts as a project's. */
function scoped(scopes: readonly ('system' | 'domain' | 'project')[], allowed: Rule): Rule {
  return rule(`${allowed.name} in ${scopes.join(' or ')} scope`, (caller, target) => {
    const scope = caller.system !== undefined ? 'system' : caller.domainId !== undefined ? 'domain' : 'project'
    return scopes.includes(scope) && allowed.allows(caller, target)
  })
}
const NOT_DOMAIN = ['system', 'project'] as const

const anyRule = (...rules: Rule[]) => anyOf(rules.map((each) => each.name).join(' or '), ...rules)
const both = (a: Rule, b: Rule) => rule(`(${a.name} and ${b.name})`, (c, t) => a.allows(c, t) && b.allows(c, t))

const PROJECT_READ = anyRule(
  ADMIN_OR_SYSTEM_READER,
  inDomain('reader', 'projectDomainId'),
  ofProject('targetProjectId'),
)
const PROJECT_WRITE = anyRule(ADMIN, inDomain('manager', 'projectDomainId'))
const GROUP_READ = anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'groupDomainId'))
const GROUP_WRITE = anyRule(ADMIN, inDomain('manager', 'groupDomainId'))
const MEMBERSHIP_WRITE = anyRule(ADMIN, inDomain('manager', 'groupDomainId', 'userDomainId'))
const USER_WRITE = anyRule(ADMIN, inDomain('manager', 'userDomainId'))
const ADMIN_NOT_DOMAIN = scoped(NOT_DOMAIN, ADMIN)
const READ_NOT_DOMAIN = scoped(NOT_DOMAIN, ADMIN_OR_SYSTEM_READER)

/** A grant is within the caller's domain when its actor and its target both are. */
const grantInDomain = (role: string) =>
  anyRule(
    inDomain(role, 'userDomainId', 'projectDomainId'),
    inDomain(role, 'userDomainId', 'targetDomainId'),
    inDomain(role, 'groupDomainId', 'projectDomainId'),
    inDomain(role, 'groupDomainId', 'targetDomainId'),
  )
const ROLE_OF_DOMAIN = rule(
  'role_global_or_of_domain',
  (c, t) => t.roleDomainId === undefined || t.roleDomainId === null || t.roleDomainId === c.domainId,
)
/** What a domain's manager may hand on: nothing above his own. */
const ROLE_DOMAIN_MANAGED = rule(
  'domain_managed_target_role',
  (_c, t) => t.roleName === undefined || ['manager', 'member', 'reader'].includes(String(t.roleName)),
)
const GRANT_WRITE = anyRule(
  ADMIN,
  both(grantInDomain('admin'), ROLE_OF_DOMAIN),
  both(grantInDomain('manager'), ROLE_DOMAIN_MANAGED),
)

const CREDENTIAL_OWNER = isUser('credentialUserId')
const EC2_WRITE = anyRule(
  ADMIN,
  both(
    rule('member', (c) => has(c, 'member')),
    CREDENTIAL_OWNER,
  ),
)
const TRUSTOR = isUser('trustorUserId')
const TRUSTEE = isUser('trusteeUserId')
const TRUST_READ = scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, TRUSTOR, TRUSTEE))
const PATH_OWNER = isUser('pathUserId')

export const identityPolicies = {
  'versions:get': ANYONE,
  'identity:authenticate': ANYONE,
  'identity:change_password': ANYONE,

  'identity:get_auth_catalog': AUTHENTICATED,
  'identity:get_auth_projects': AUTHENTICATED,
  'identity:get_auth_domains': AUTHENTICATED,
  'identity:get_auth_system': AUTHENTICATED,
  'identity:check_token': anyRule(ADMIN_OR_SYSTEM_READER, isUser('tokenUserId')),
  'identity:validate_token': anyRule(
    ADMIN_OR_SYSTEM_READER,
    rule('service_role', (c) => has(c, 'service')),
    isUser('tokenUserId'),
  ),
  'identity:revoke_token': anyRule(ADMIN, isUser('tokenUserId')),

  'identity:get_domain': anyRule(
    ADMIN_OR_SYSTEM_READER,
    rule('token_of_domain', (c, t) => meets(t, 'targetDomainId', c.domainId)),
    rule('token_of_project_in_domain', (c, t) => meets(t, 'targetDomainId', c.projectDomainId)),
  ),
  'identity:list_domains': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'targetDomainId')),
  'identity:create_domain': ADMIN_NOT_DOMAIN,
  'identity:update_domain': ADMIN_NOT_DOMAIN,
  'identity:delete_domain': ADMIN_NOT_DOMAIN,

  'identity:get_project': PROJECT_READ,
  'identity:list_projects': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'listDomainId')),
  'identity:list_user_projects': anyRule(
    ADMIN_OR_SYSTEM_READER,
    inDomain('reader', 'userDomainId'),
    isUser('targetUserId'),
  ),
  'identity:create_project': PROJECT_WRITE,
  'identity:update_project': PROJECT_WRITE,
  'identity:delete_project': PROJECT_WRITE,
  'identity:list_project_tags': PROJECT_READ,
  'identity:get_project_tag': PROJECT_READ,
  'identity:update_project_tags': PROJECT_WRITE,
  'identity:create_project_tag': PROJECT_WRITE,
  'identity:delete_project_tags': PROJECT_WRITE,
  'identity:delete_project_tag': PROJECT_WRITE,

  'identity:get_user': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'userDomainId'), isUser('targetUserId')),
  'identity:list_users': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'listDomainId')),
  'identity:create_user': USER_WRITE,
  'identity:update_user': USER_WRITE,
  'identity:delete_user': USER_WRITE,

  'identity:get_group': GROUP_READ,
  'identity:list_groups': GROUP_READ,
  'identity:list_groups_for_user': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'userDomainId'), PATH_OWNER),
  'identity:create_group': GROUP_WRITE,
  'identity:update_group': GROUP_WRITE,
  'identity:delete_group': GROUP_WRITE,
  'identity:list_users_in_group': GROUP_READ,
  'identity:check_user_in_group': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'groupDomainId', 'userDomainId')),
  'identity:add_user_to_group': MEMBERSHIP_WRITE,
  'identity:remove_user_from_group': MEMBERSHIP_WRITE,

  'identity:get_role': anyRule(
    ADMIN_OR_SYSTEM_READER,
    both(
      rule('manager', (c) => has(c, 'manager')),
      ROLE_DOMAIN_MANAGED,
    ),
  ),
  'identity:list_roles': anyRule(
    ADMIN_OR_SYSTEM_READER,
    rule('domain_manager', (c) => has(c, 'manager') && c.domainId !== undefined),
  ),
  'identity:create_role': ADMIN_NOT_DOMAIN,
  'identity:update_role': ADMIN_NOT_DOMAIN,
  'identity:delete_role': ADMIN_NOT_DOMAIN,
  'identity:get_domain_role': READ_NOT_DOMAIN,
  'identity:list_domain_roles': READ_NOT_DOMAIN,
  'identity:create_domain_role': ADMIN_NOT_DOMAIN,
  'identity:update_domain_role': ADMIN_NOT_DOMAIN,
  'identity:delete_domain_role': ADMIN_NOT_DOMAIN,
  'identity:get_implied_role': READ_NOT_DOMAIN,
  'identity:list_implied_roles': READ_NOT_DOMAIN,
  'identity:create_implied_role': ADMIN_NOT_DOMAIN,
  'identity:delete_implied_role': ADMIN_NOT_DOMAIN,
  'identity:list_role_inference_rules': READ_NOT_DOMAIN,
  'identity:check_implied_role': READ_NOT_DOMAIN,

  'identity:check_grant': anyRule(ADMIN_OR_SYSTEM_READER, both(grantInDomain('reader'), ROLE_OF_DOMAIN)),
  'identity:list_grants': anyRule(ADMIN_OR_SYSTEM_READER, grantInDomain('reader')),
  'identity:create_grant': GRANT_WRITE,
  'identity:revoke_grant': GRANT_WRITE,
  'identity:list_system_grants_for_user': READ_NOT_DOMAIN,
  'identity:check_system_grant_for_user': READ_NOT_DOMAIN,
  'identity:create_system_grant_for_user': ADMIN_NOT_DOMAIN,
  'identity:revoke_system_grant_for_user': ADMIN_NOT_DOMAIN,
  'identity:list_system_grants_for_group': READ_NOT_DOMAIN,
  'identity:check_system_grant_for_group': READ_NOT_DOMAIN,
  'identity:create_system_grant_for_group': ADMIN_NOT_DOMAIN,
  'identity:revoke_system_grant_for_group': ADMIN_NOT_DOMAIN,
  'identity:list_role_assignments': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'listDomainId')),
  'identity:list_role_assignments_for_tree': anyRule(ADMIN_OR_SYSTEM_READER, inDomain('reader', 'listDomainId')),

  'identity:get_region': AUTHENTICATED,
  'identity:list_regions': AUTHENTICATED,
  'identity:create_region': ADMIN_NOT_DOMAIN,
  'identity:update_region': ADMIN_NOT_DOMAIN,
  'identity:delete_region': ADMIN_NOT_DOMAIN,
  'identity:get_service': READ_NOT_DOMAIN,
  'identity:list_services': READ_NOT_DOMAIN,
  'identity:create_service': ADMIN_NOT_DOMAIN,
  'identity:update_service': ADMIN_NOT_DOMAIN,
  'identity:delete_service': ADMIN_NOT_DOMAIN,
  'identity:get_endpoint': READ_NOT_DOMAIN,
  'identity:list_endpoints': READ_NOT_DOMAIN,
  'identity:create_endpoint': ADMIN_NOT_DOMAIN,
  'identity:update_endpoint': ADMIN_NOT_DOMAIN,
  'identity:delete_endpoint': ADMIN_NOT_DOMAIN,

  'identity:get_application_credential': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, PATH_OWNER)),
  'identity:list_application_credentials': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, PATH_OWNER)),
  'identity:create_application_credential': scoped(['project'], PATH_OWNER),
  'identity:delete_application_credential': scoped(NOT_DOMAIN, anyRule(ADMIN, PATH_OWNER)),
  'identity:get_access_rule': scoped(NOT_DOMAIN, anyRule(SYSTEM_READER, PATH_OWNER)),
  'identity:list_access_rules': scoped(NOT_DOMAIN, anyRule(SYSTEM_READER, PATH_OWNER)),
  'identity:delete_access_rule': scoped(
    NOT_DOMAIN,
    anyRule(
      rule('system_admin', (c) => c.system === 'all' && c.isAdmin),
      PATH_OWNER,
    ),
  ),

  'identity:get_credential': anyRule(ADMIN_OR_SYSTEM_READER, CREDENTIAL_OWNER),
  'identity:list_credentials': anyRule(ADMIN_OR_SYSTEM_READER, CREDENTIAL_OWNER),
  'identity:create_credential': anyRule(ADMIN, CREDENTIAL_OWNER),
  'identity:update_credential': anyRule(ADMIN, CREDENTIAL_OWNER),
  'identity:delete_credential': anyRule(ADMIN, CREDENTIAL_OWNER),

  'identity:get_registered_limit': AUTHENTICATED,
  'identity:list_registered_limits': AUTHENTICATED,
  'identity:create_registered_limits': ADMIN_NOT_DOMAIN,
  'identity:update_registered_limit': ADMIN_NOT_DOMAIN,
  'identity:delete_registered_limit': ADMIN_NOT_DOMAIN,
  'identity:get_limit_model': AUTHENTICATED,
  'identity:get_limit': anyRule(
    ADMIN_OR_SYSTEM_READER,
    rule(
      'token_of_limited_domain',
      (c, t) => meets(t, 'limitDomainId', c.domainId) || meets(t, 'limitProjectDomainId', c.domainId),
    ),
    ofProject('limitProjectId'),
  ),
  'identity:list_limits': AUTHENTICATED,
  'identity:create_limits': ADMIN_NOT_DOMAIN,
  'identity:update_limit': ADMIN_NOT_DOMAIN,
  'identity:delete_limit': ADMIN_NOT_DOMAIN,

  'identity:create_trust': scoped(['project'], TRUSTOR),
  'identity:list_trusts': READ_NOT_DOMAIN,
  'identity:list_trusts_for_trustor': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, TRUSTOR)),
  'identity:list_trusts_for_trustee': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, TRUSTEE)),
  'identity:list_roles_for_trust': TRUST_READ,
  'identity:get_role_for_trust': TRUST_READ,
  'identity:get_trust': TRUST_READ,
  'identity:delete_trust': scoped(NOT_DOMAIN, anyRule(ADMIN, TRUSTOR)),

  'identity:get_domain_config': READ_NOT_DOMAIN,
  'identity:get_domain_config_default': READ_NOT_DOMAIN,
  'identity:get_security_compliance_domain_config': AUTHENTICATED,
  'identity:create_domain_config': ADMIN_NOT_DOMAIN,
  'identity:update_domain_config': ADMIN_NOT_DOMAIN,
  'identity:delete_domain_config': ADMIN_NOT_DOMAIN,

  'identity:get_policy': READ_NOT_DOMAIN,
  'identity:list_policies': READ_NOT_DOMAIN,
  'identity:create_policy': ADMIN_NOT_DOMAIN,
  'identity:update_policy': ADMIN_NOT_DOMAIN,
  'identity:delete_policy': ADMIN_NOT_DOMAIN,
  'identity:create_policy_association_for_endpoint': ADMIN_NOT_DOMAIN,
  'identity:check_policy_association_for_endpoint': READ_NOT_DOMAIN,
  'identity:delete_policy_association_for_endpoint': ADMIN_NOT_DOMAIN,
  'identity:create_policy_association_for_service': ADMIN_NOT_DOMAIN,
  'identity:check_policy_association_for_service': READ_NOT_DOMAIN,
  'identity:delete_policy_association_for_service': ADMIN_NOT_DOMAIN,
  'identity:create_policy_association_for_region_and_service': ADMIN_NOT_DOMAIN,
  'identity:check_policy_association_for_region_and_service': READ_NOT_DOMAIN,
  'identity:delete_policy_association_for_region_and_service': ADMIN_NOT_DOMAIN,
  'identity:get_policy_for_endpoint': READ_NOT_DOMAIN,
  'identity:list_endpoints_for_policy': READ_NOT_DOMAIN,

  'identity:list_endpoint_groups': READ_NOT_DOMAIN,
  'identity:get_endpoint_group': READ_NOT_DOMAIN,
  'identity:create_endpoint_group': ADMIN_NOT_DOMAIN,
  'identity:update_endpoint_group': ADMIN_NOT_DOMAIN,
  'identity:delete_endpoint_group': ADMIN_NOT_DOMAIN,
  'identity:list_projects_associated_with_endpoint_group': READ_NOT_DOMAIN,
  'identity:list_endpoints_associated_with_endpoint_group': READ_NOT_DOMAIN,
  'identity:get_endpoint_group_in_project': READ_NOT_DOMAIN,
  'identity:list_endpoint_groups_for_project': READ_NOT_DOMAIN,
  'identity:add_endpoint_group_to_project': ADMIN_NOT_DOMAIN,
  'identity:remove_endpoint_group_from_project': ADMIN_NOT_DOMAIN,
  'identity:list_projects_for_endpoint': READ_NOT_DOMAIN,
  'identity:add_endpoint_to_project': ADMIN_NOT_DOMAIN,
  'identity:check_endpoint_in_project': READ_NOT_DOMAIN,
  'identity:list_endpoints_for_project': READ_NOT_DOMAIN,
  'identity:remove_endpoint_from_project': ADMIN_NOT_DOMAIN,

  'identity:ec2_get_credential': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, CREDENTIAL_OWNER)),
  'identity:ec2_list_credentials': scoped(NOT_DOMAIN, anyRule(ADMIN_OR_SYSTEM_READER, PATH_OWNER)),
  'identity:ec2_create_credential': scoped(NOT_DOMAIN, EC2_WRITE),
  'identity:ec2_delete_credential': scoped(NOT_DOMAIN, EC2_WRITE),
  'identity:ec2tokens_validate': SERVICE_OR_ADMIN,
  'identity:s3tokens_validate': SERVICE_OR_ADMIN,
  'identity:list_revoke_events': scoped(NOT_DOMAIN, SERVICE_OR_ADMIN),
  'identity:revocation_list': AUTHENTICATED,

  // Federation and OAuth, of which there are none.
  'identity:get_identity_provider': READ_NOT_DOMAIN,
  'identity:list_identity_providers': READ_NOT_DOMAIN,
  'identity:create_identity_provider': ADMIN_NOT_DOMAIN,
  'identity:update_identity_provider': ADMIN_NOT_DOMAIN,
  'identity:delete_identity_provider': ADMIN_NOT_DOMAIN,
  'identity:get_protocol': READ_NOT_DOMAIN,
  'identity:list_protocols': READ_NOT_DOMAIN,
  'identity:create_protocol': ADMIN_NOT_DOMAIN,
  'identity:update_protocol': ADMIN_NOT_DOMAIN,
  'identity:delete_protocol': ADMIN_NOT_DOMAIN,
  'identity:get_service_provider': READ_NOT_DOMAIN,
  'identity:list_service_providers': READ_NOT_DOMAIN,
  'identity:create_service_provider': ADMIN_NOT_DOMAIN,
  'identity:update_service_provider': ADMIN_NOT_DOMAIN,
  'identity:delete_service_provider': ADMIN_NOT_DOMAIN,
  'identity:get_mapping': READ_NOT_DOMAIN,
  'identity:list_mappings': READ_NOT_DOMAIN,
  'identity:create_mapping': ADMIN_NOT_DOMAIN,
  'identity:update_mapping': ADMIN_NOT_DOMAIN,
  'identity:delete_mapping': ADMIN_NOT_DOMAIN,
  'identity:get_consumer': READ_NOT_DOMAIN,
  'identity:list_consumers': READ_NOT_DOMAIN,
  'identity:create_consumer': ADMIN_NOT_DOMAIN,
  'identity:update_consumer': ADMIN_NOT_DOMAIN,
  'identity:delete_consumer': ADMIN_NOT_DOMAIN,
  'identity:get_access_token': scoped(['project'], ADMIN),
  'identity:list_access_tokens': scoped(['project'], ADMIN),
  'identity:get_access_token_role': scoped(['project'], ADMIN),
  'identity:list_access_token_roles': scoped(['project'], ADMIN),
  'identity:delete_access_token': scoped(['project'], ADMIN),
  'identity:authorize_request_token': scoped(['project'], ADMIN),
} satisfies PolicyTable
