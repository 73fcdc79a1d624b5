/**
 * The JSON-home document: where each resource is. Made from the routes themselves; the relation of a path is upstream's,
 * which for most is the path's nouns in the singular. Source: keystone/common/json_home.py, keystone/api/*.py;
 * draft-nottingham-json-home-03
 */

const BASE = 'https://docs.openstack.org/api/openstack-identity/3/'

interface Resource {
  readonly href?: string
  readonly 'href-template'?: string
  readonly 'href-vars'?: Readonly<Record<string, string>>
  /** Only for what is not stable. */
  readonly hints?: { readonly status: 'experimental' | 'deprecated' }
}

/**
 * @param paths from the service's root, as `/v3/users/{user_id}`
 * @param prefix what stands before `/users` in the hrefs: they are relative to the document
 */
export function jsonHome(paths: readonly string[], prefix: string): { resources: Record<string, Resource> } {
  const resources: Record<string, Resource> = {}
  for (const path of paths) {
    if (!path.startsWith('/v3/') || path === '/v3/') continue
    for (const relation of relationsOf(path)) resources[BASE + relation] = resourceAt(path, relation, prefix)
  }
  return { resources }
}

function resourceAt(path: string, relation: string, prefix: string): Resource {
  const template = prefix + path.slice('/v3'.length).replace(/\{([^}]+)\}/g, (_, name) => `{${renamed(name, path)}}`)
  const variables = [...template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!)
  const hints = EXPERIMENTAL.includes(relation) && { hints: { status: 'experimental' as const } }
  if (variables.length === 0) return { href: template, ...hints }
  const parameters = Object.fromEntries(variables.map((name) => [name, BASE + parameterOf(name)]))
  return { 'href-template': template, 'href-vars': parameters, ...hints }
}

/** Variables of ours that upstream's templates call differently. */
const RENAMED: Readonly<Record<string, string>> = { tag: 'value', implies_role_id: 'implied_role_id' }
const FEDERATION = '/v3/OS-FEDERATION'

const renamed = (name: string, path: string) => {
  if (name !== 'id') return RENAMED[name] ?? name
  return path.startsWith(`${FEDERATION}/mappings/`) ? 'mapping_id' : 'service_provider_id'
}

/** The relation of a variable, where it is not the variable's name. */
const PARAMETERS: Readonly<Record<string, string>> = {
  value: 'param/tag_value',
  prior_role_id: 'param/role_id',
  implied_role_id: 'param/role_id',
  group: 'param/config_group',
  option: 'param/config_option',
  trust_id: 'ext/OS-TRUST/1.0/param/trust_id',
  idp_id: 'ext/OS-FEDERATION/1.0/param/idp_id',
  protocol_id: 'ext/OS-FEDERATION/1.0/param/protocol_id',
  mapping_id: 'ext/OS-FEDERATION/1.0/param/mapping_id',
  service_provider_id: 'ext/OS-FEDERATION/1.0/param/service_provider_id',
  consumer_id: 'ext/OS-OAUTH1/1.0/param/consumer_id',
  request_token_id: 'ext/OS-OAUTH1/1.0/param/request_token_id',
  access_token_id: 'ext/OS-OAUTH1/1.0/param/access_token_id',
  endpoint_group_id: 'ext/OS-EP-FILTER/1.0/param/endpoint_group_id',
}

const parameterOf = (name: string) => PARAMETERS[name] ?? `param/${name}`

const EXPERIMENTAL = ['rel/registered_limits', 'rel/registered_limit', 'rel/limits', 'rel/limit', 'rel/limit_model']

const ACCESS_TOKENS = '/v3/users/{user_id}/OS-OAUTH1/access_tokens'
const POLICY = '/v3/policies/{policy_id}/OS-ENDPOINT-POLICY'
const GROUP = '/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}'

/** Relations that do not follow from the path; none for a path that a more general one stands for. */
const IRREGULAR: Readonly<Record<string, readonly string[]>> = {
  '/v3/auth/projects': ['rel/auth_projects', 'ext/OS-FEDERATION/1.0/rel/projects'],
  '/v3/auth/domains': ['rel/auth_domains', 'ext/OS-FEDERATION/1.0/rel/domains'],
  [`${FEDERATION}/projects`]: [],
  [`${FEDERATION}/domains`]: [],
  [`${FEDERATION}/saml2/metadata`]: ['ext/OS-FEDERATION/1.0/rel/metadata'],
  [`${FEDERATION}/identity_providers/{idp_id}/protocols/{protocol_id}/auth`]: [
    'ext/OS-FEDERATION/1.0/rel/identity_provider_protocol_auth',
  ],
  '/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso': [
    'ext/OS-FEDERATION/1.0/rel/identity_providers_websso',
  ],
  '/v3/auth/OS-FEDERATION/websso/{protocol_id}': ['ext/OS-FEDERATION/1.0/rel/websso'],
  '/v3/auth/OS-FEDERATION/saml2': ['ext/OS-FEDERATION/1.0/rel/saml2'],
  '/v3/auth/OS-FEDERATION/saml2/ecp': ['ext/OS-FEDERATION/1.0/rel/ecp'],
  '/v3/OS-OAUTH1/access_token': ['ext/OS-OAUTH1/1.0/rel/access_tokens'],
  '/v3/OS-OAUTH1/request_token': ['ext/OS-OAUTH1/1.0/rel/request_tokens'],
  '/v3/OS-OAUTH1/authorize/{request_token_id}': ['ext/OS-OAUTH1/1.0/rel/authorize_request_token'],
  [ACCESS_TOKENS]: ['ext/OS-OAUTH1/1.0/rel/user_access_tokens'],
  [`${ACCESS_TOKENS}/{access_token_id}`]: ['ext/OS-OAUTH1/1.0/rel/user_access_token'],
  [`${ACCESS_TOKENS}/{access_token_id}/roles`]: ['ext/OS-OAUTH1/1.0/rel/user_access_token_roles'],
  [`${ACCESS_TOKENS}/{access_token_id}/roles/{role_id}`]: ['ext/OS-OAUTH1/1.0/rel/user_access_token_role'],
  '/v3/OS-SIMPLE-CERT/ca': ['ext/OS-SIMPLE-CERT/1.0/rel/ca_certificate'],
  '/v3/auth/tokens/OS-PKI/revoked': ['ext/OS-PKI/1.0/rel/revocations'],
  '/v3/ec2tokens': ['ext/OS-EC2/1.0/rel/ec2tokens'],
  '/v3/s3tokens': ['ext/s3tokens/1.0/rel/s3tokens'],
  '/v3/users/{user_id}/credentials/OS-EC2': ['ext/OS-EC2/1.0/rel/user_credentials'],
  '/v3/users/{user_id}/credentials/OS-EC2/{credential_id}': ['ext/OS-EC2/1.0/rel/user_credential'],
  '/v3/users/{user_id}/password': ['rel/user_change_password'],
  '/v3/users/{user_id}/application_credentials': ['rel/application_credentials'],
  '/v3/users/{user_id}/application_credentials/{application_credential_id}': ['rel/application_credential'],
  '/v3/users/{user_id}/access_rules': ['rel/access_rules'],
  '/v3/users/{user_id}/access_rules/{access_rule_id}': ['rel/access_rule'],
  '/v3/projects/{project_id}/tags/{tag}': ['rel/project_tags'],
  '/v3/roles/{prior_role_id}/implies': ['rel/implied_roles'],
  '/v3/roles/{prior_role_id}/implies/{implies_role_id}': ['rel/implied_role'],
  '/v3/limits/model': ['rel/limit_model'],
  '/v3/domains/config/default': ['rel/domain_config_default'],
  '/v3/domains/config/{group}/default': ['rel/domain_config_default_group'],
  '/v3/domains/config/{group}/{option}/default': ['rel/domain_config_default_option'],
  '/v3/domains/{domain_id}/config/{group}': ['rel/domain_config_group'],
  '/v3/domains/{domain_id}/config/{group}/{option}': ['rel/domain_config_option'],
  '/v3/domains/{domain_id}/config/security_compliance': [],
  '/v3/domains/{domain_id}/config/security_compliance/{option}': [],
  [`${POLICY}/endpoints`]: ['ext/OS-ENDPOINT-POLICY/1.0/rel/policy_endpoints'],
  [`${POLICY}/endpoints/{endpoint_id}`]: ['ext/OS-ENDPOINT-POLICY/1.0/rel/endpoint_policy_association'],
  [`${POLICY}/services/{service_id}`]: ['ext/OS-ENDPOINT-POLICY/1.0/rel/service_policy_association'],
  [`${POLICY}/services/{service_id}/regions/{region_id}`]: [
    'ext/OS-ENDPOINT-POLICY/1.0/rel/region_and_service_policy_association',
  ],
  '/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy': ['ext/OS-ENDPOINT-POLICY/1.0/rel/endpoint_policy'],
  [`${GROUP}/endpoints`]: ['ext/OS-EP-FILTER/1.0/rel/endpoints_in_endpoint_group'],
  [`${GROUP}/projects`]: ['ext/OS-EP-FILTER/1.0/rel/projects_associated_with_endpoint_group'],
  [`${GROUP}/projects/{project_id}`]: ['ext/OS-EP-FILTER/1.0/rel/endpoint_group_to_project_association'],
}

/** `/v3/groups/{group_id}/users` is `rel/group_users`: nouns with an id after them stand in the singular. */
function relationsOf(path: string): readonly string[] {
  const irregular = IRREGULAR[path]
  if (irregular !== undefined) return irregular
  const parts = path.slice('/v3/'.length).split('/')
  const extension = parts[0]!.startsWith('OS-') ? parts.shift() : undefined
  const relation = parts
    .map((part, at) => (parts[at + 1]?.startsWith('{') ? singular(part) : part))
    .filter((part) => !part.startsWith('{'))
    .join('_')
  return [extension === undefined ? `rel/${relation}` : `ext/${extension}/1.0/rel/${relation}`]
}

function singular(noun: string): string {
  return noun.replace(/ies$/, 'y').replace(/s$/, '')
}
