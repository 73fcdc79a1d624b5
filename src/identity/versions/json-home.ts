/**
 * The JSON-home document: where each resource is. Made from the routes themselves; the relation of a path is upstream's,
 * which for most is the path's nouns in the singular. Source: keystone/common/json_home.py; draft-nottingham-json-home-03
 */

const REL = 'https://docs.openstack.org/api/openstack-identity/3/rel/'
const PARAM = 'https://docs.openstack.org/api/openstack-identity/3/param/'
const EXTENSION = 'https://docs.openstack.org/api/openstack-identity/3/ext/'

type Resource = { href: string } | { 'href-template': string; 'href-vars': Readonly<Record<string, string>> }

/**
 * @param paths from the service's root, as `/v3/users/{user_id}`
 * @param prefix what stands before `/users` in the hrefs: they are relative to the document
 */
export function jsonHome(paths: readonly string[], prefix: string): { resources: Record<string, Resource> } {
  const resources: Record<string, Resource> = {}
  for (const path of paths) {
    if (!path.startsWith('/v3/') || path === '/v3/') continue
    const href = prefix + path.slice('/v3'.length)
    const variables = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!)
    resources[relationOf(path)] =
      variables.length === 0
        ? { href }
        : {
            'href-template': href,
            'href-vars': Object.fromEntries(variables.map((name) => [name, PARAM + (PARAMETERS[name] ?? name)])),
          }
  }
  return { resources }
}

/** Relations that do not follow from the path. */
const IRREGULAR: Readonly<Record<string, string>> = {
  '/v3/auth/projects': `${EXTENSION}OS-FEDERATION/1.0/rel/projects`,
  '/v3/auth/domains': `${EXTENSION}OS-FEDERATION/1.0/rel/domains`,
  '/v3/users/{user_id}/password': `${REL}user_change_password`,
  '/v3/users/{user_id}/application_credentials': `${REL}application_credentials`,
  '/v3/users/{user_id}/application_credentials/{application_credential_id}': `${REL}application_credential`,
  '/v3/users/{user_id}/access_rules': `${REL}access_rules`,
  '/v3/users/{user_id}/access_rules/{access_rule_id}': `${REL}access_rule`,
  '/v3/projects/{project_id}/tags/{tag}': `${REL}project_tags`,
  '/v3/roles/{prior_role_id}/implies': `${REL}implied_roles`,
  '/v3/roles/{prior_role_id}/implies/{implies_role_id}': `${REL}implied_role`,
  '/v3/limits/model': `${REL}limit_model`,
}

/** `/v3/groups/{group_id}/users` is `group_users`: nouns with an id after them stand in the singular. */
function relationOf(path: string): string {
  const irregular = IRREGULAR[path]
  if (irregular !== undefined) return irregular
  const parts = path.slice('/v3/'.length).split('/')
  const extension = parts[0]!.startsWith('OS-') ? parts.shift() : undefined
  const relation = parts
    .map((part, at) => (parts[at + 1]?.startsWith('{') ? singular(part) : part))
    .filter((part) => !part.startsWith('{'))
    .join('_')
  return extension === undefined ? REL + relation : `${EXTENSION}${extension}/1.0/rel/${relation}`
}

function singular(noun: string): string {
  return noun.replace(/s$/, '')
}

/** The relation of a path's variable, where upstream calls it differently. */
const PARAMETERS: Readonly<Record<string, string>> = {
  tag: 'tag_value',
  prior_role_id: 'role_id',
  implies_role_id: 'role_id',
}
