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
            'href-vars': Object.fromEntries(
              variables.map((name) => [name, `${PARAM}${name === 'tag' ? 'tag_value' : name}`]),
            ),
          }
  }
  return { resources }
}

/** Relations that do not follow from the path. */
const IRREGULAR: Readonly<Record<string, string>> = {
  '/v3/users/{user_id}/password': 'user_change_password',
  '/v3/projects/{project_id}/tags/{tag}': 'project_tags',
  '/v3/roles/{prior_role_id}/implies': 'implied_roles',
  '/v3/roles/{prior_role_id}/implies/{implies_role_id}': 'implied_role',
  '/v3/limits/model': 'limit_model',
}

function relationOf(path: string): string {
  const irregular = IRREGULAR[path]
  if (irregular !== undefined) return REL + irregular
  const parts = path.slice('/v3/'.length).split('/')
  const extension = parts[0]!.startsWith('OS-') ? parts.shift()! : undefined
  const names = parts.filter((part) => !part.startsWith('{'))
  const relation = names
    .map((name, at) => {
      const followedById = parts[parts.indexOf(name) + 1]?.startsWith('{')
      return followedById || (at < names.length - 1 && parts[0] !== 'auth') ? singular(name) : name
    })
    .join('_')
  return extension === undefined ? REL + relation : `${EXTENSION}${extension}/1.0/rel/${relation}`
}

function singular(name: string): string {
  return name.endsWith('ies') ? `${name.slice(0, -3)}y` : name.replace(/s$/, '')
}
