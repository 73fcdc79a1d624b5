import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ListedRoute, routeList } from '../http/route-list.ts'
import { type IdentityUnderTest, identityUnderTest, type Made } from './identity-under-test.ts'
import { identityPolicies } from './policies.ts'

/**
 * Who may use which policy when the target is in another domain and nobody's own: the letters are the personas below.
 * A policy that is not listed is refused to all but administrators.
 */
const ALLOWED: Readonly<Record<string, string>> = {
  anyone: 'unscoped reader member manager domainReader domainManager domainAdmin systemReader systemAdmin admin',
  administrators: 'admin systemAdmin domainAdmin',
  'administrators and readers of the system': 'admin systemAdmin domainAdmin systemReader',
  'administrators, in a project': 'admin',
  'administrators, not in a domain': 'admin systemAdmin',
  'administrators and readers of the system, not in a domain': 'admin systemAdmin systemReader',
}

/** Every policy of upstream's table, in the words above. What a domain's people may do in their domain is tested there. */
const EXPECTED: Readonly<Record<string, keyof typeof ALLOWED>> = {
  get_auth_catalog: 'anyone',
  get_auth_projects: 'anyone',
  get_auth_domains: 'anyone',
  get_auth_system: 'anyone',
  get_region: 'anyone',
  list_regions: 'anyone',
  get_registered_limit: 'anyone',
  list_registered_limits: 'anyone',
  get_limit_model: 'anyone',
  list_limits: 'anyone',
  ...each('administrators and readers of the system', [
    'check_token',
    'validate_token',
    'get_domain',
    'get_project',
    'list_user_projects',
    'list_project_tags',
    'get_project_tag',
    'get_user',
    'get_group',
    'list_groups_for_user',
    'list_users_in_group',
    'check_user_in_group',
    'get_credential',
    'get_limit',
    'check_grant',
    'list_grants',
  ]),
  ...each('administrators', [
    'revoke_token',
    'create_project',
    'update_project',
    'delete_project',
    'update_project_tags',
    'create_project_tag',
    'delete_project_tags',
    'delete_project_tag',
    'create_user',
    'update_user',
    'delete_user',
    'create_group',
    'update_group',
    'delete_group',
    'add_user_to_group',
    'remove_user_from_group',
    'create_grant',
    'revoke_grant',
    'create_credential',
    'update_credential',
    'delete_credential',
  ]),
  ...each('administrators, in a project', [
    'list_access_tokens',
    'get_access_token',
    'delete_access_token',
    'list_access_token_roles',
    'get_access_token_role',
    'authorize_request_token',
  ]),
  ...each('administrators, not in a domain', [
    'create_identity_provider',
    'update_identity_provider',
    'delete_identity_provider',
    'create_protocol',
    'update_protocol',
    'delete_protocol',
    'create_service_provider',
    'update_service_provider',
    'delete_service_provider',
    'create_mapping',
    'update_mapping',
    'delete_mapping',
    'create_consumer',
    'update_consumer',
    'delete_consumer',
    'create_domain',
    'update_domain',
    'delete_domain',
    'create_role',
    'update_role',
    'delete_role',
    'create_implied_role',
    'delete_implied_role',
    'create_region',
    'update_region',
    'delete_region',
    'create_service',
    'update_service',
    'delete_service',
    'create_endpoint',
    'update_endpoint',
    'delete_endpoint',
    'create_system_grant_for_user',
    'revoke_system_grant_for_user',
    'create_system_grant_for_group',
    'revoke_system_grant_for_group',
    'delete_application_credential',
    'delete_trust',
    'create_registered_limits',
    'update_registered_limit',
    'delete_registered_limit',
    'create_limits',
    'update_limit',
    'delete_limit',
  ]),
  ...each('administrators and readers of the system, not in a domain', [
    'get_identity_provider',
    'list_identity_providers',
    'get_protocol',
    'list_protocols',
    'get_service_provider',
    'list_service_providers',
    'get_mapping',
    'list_mappings',
    'get_consumer',
    'list_consumers',
    'get_implied_role',
    'list_implied_roles',
    'list_role_inference_rules',
    'check_implied_role',
    'get_service',
    'list_services',
    'get_endpoint',
    'list_endpoints',
    'list_system_grants_for_user',
    'check_system_grant_for_user',
    'list_system_grants_for_group',
    'check_system_grant_for_group',
    'get_application_credential',
    'list_application_credentials',
    'get_trust',
    'list_roles_for_trust',
    'get_role_for_trust',
  ]),
}

function each<Value>(value: Value, names: readonly string[]): Record<string, Value> {
  return Object.fromEntries(names.map((name) => [name, value]))
}

/** Routes whose answer depends on the caller's own domain even in lists, or that only the owner has; tested elsewhere. */
const OWN = [
  'list_projects',
  'list_users',
  'list_groups',
  'list_domains',
  'list_role_assignments',
  'list_credentials',
  'list_trusts_for_trustor',
  'get_role',
  'list_roles',
  'create_application_credential',
  'create_trust',
  'get_access_rule',
  'list_access_rules',
  'delete_access_rule',
  'ec2_list_credentials',
  'ec2_create_credential',
  'ec2_get_credential',
  'ec2_delete_credential',
  'ec2tokens_validate',
  's3tokens_validate',
  'get_domain_config_default',
  'create_domain_config',
  'get_domain_config',
  'update_domain_config',
  'delete_domain_config',
  'get_security_compliance_domain_config',
  'list_policies',
  'create_policy',
  'get_policy',
  'update_policy',
  'delete_policy',
  'create_policy_association_for_endpoint',
  'check_policy_association_for_endpoint',
  'delete_policy_association_for_endpoint',
  'create_policy_association_for_service',
  'check_policy_association_for_service',
  'delete_policy_association_for_service',
  'create_policy_association_for_region_and_service',
  'check_policy_association_for_region_and_service',
  'delete_policy_association_for_region_and_service',
  'list_endpoints_for_policy',
  'get_policy_for_endpoint',
  'list_endpoint_groups',
  'create_endpoint_group',
  'get_endpoint_group',
  'update_endpoint_group',
  'delete_endpoint_group',
  'list_endpoints_associated_with_endpoint_group',
  'list_projects_associated_with_endpoint_group',
  'add_endpoint_group_to_project',
  'get_endpoint_group_in_project',
  'remove_endpoint_group_from_project',
  'list_endpoint_groups_for_project',
  'list_endpoints_for_project',
  'list_projects_for_endpoint',
  'add_endpoint_to_project',
  'check_endpoint_in_project',
  'remove_endpoint_from_project',
  'list_revoke_events',
  'revocation_list',
]

describe('the policy of identity', () => {
  let test: IdentityUnderTest
  const tokens: Record<string, string> = {}
  /** Things in a domain of their own, which no persona has to do with. */
  const target: Record<string, string> = {}
  let routes: readonly ListedRoute[]
  /** Bodies are checked before the target's domain is known; those that a domain's manager may send must be good. */
  const bodyOf = (route: ListedRoute): unknown => {
    if (route.path.endsWith('/tags') && route.method === 'PUT') return { tags: [] }
    if (route.path === '/v3/credentials' && route.method === 'POST') {
      return { credential: { user_id: target.user_id, type: 'cert', blob: 'x' } }
    }
    if (route.path === '/v3/credentials/{credential_id}') return { credential: { blob: 'x' } }
    const [, key] = /^\/v3\/(project|user|group)s(\/\{\w+\})?$/.exec(route.path) ?? []
    if (key === undefined || !['POST', 'PATCH'].includes(route.method)) return undefined
    return { [key]: { name: 'target', ...(route.method === 'POST' && { domain_id: target.domain_id }) } }
  }
  const askAs = (token: string, route: ListedRoute) => {
    const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => target[name]!)
    const subject: Record<string, string> = route.path === '/v3/auth/tokens' ? { 'x-subject-token': test.admin } : {}
    return test.ask(token, route.method, path, bodyOf(route), subject)
  }

  before(async () => {
    test = await identityUnderTest()
    routes = routeList().filter((route) => route.service === 'identity')
    const home = await test.make('/v3/domains', { domain: { name: 'home' } })
    const project = await test.make('/v3/projects', { project: { name: 'home', domain_id: home.id } })
    const scopes: Record<string, { where: string; scope: unknown }> = {
      project: { where: `projects/${project.id}`, scope: { project: { id: project.id } } },
      domain: { where: `domains/${home.id}`, scope: { domain: { id: home.id } } },
      system: { where: 'system', scope: { system: { all: true } } },
    }
    const personas = {
      reader: ['project', 'reader'],
      member: ['project', 'member'],
      manager: ['project', 'manager'],
      admin: ['project', 'admin'],
      domainReader: ['domain', 'reader'],
      domainManager: ['domain', 'manager'],
      domainAdmin: ['domain', 'admin'],
      systemReader: ['system', 'reader'],
      systemAdmin: ['system', 'admin'],
    } as const
    for (const [name, [scope, role]] of Object.entries(personas)) {
      const user = await test.aUser()
      await test.grant(`${scopes[scope]!.where}/users/${user.id}`, role)
      tokens[name] = await test.login(user.name, scopes[scope]!.scope)
    }
    tokens.unscoped = await test.login((await test.aUser()).name)

    const foreign = await test.make('/v3/domains', { domain: { name: 'foreign' } })
    const made = async (path: string, key: string, body: Record<string, unknown>): Promise<Made> =>
      await test.make(`/v3/${path}`, { [key]: { name: 'target', domain_id: foreign.id, ...body } })
    const user = await made('users', 'user', { password: 'target' })
    const group = await made('groups', 'group', {})
    const theirs = await made('projects', 'project', { tags: ['tag'] })
    const lent = { id: await test.roleId('admin') }
    const trust = await test.make('/v3/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: test.ids.adminUserId,
        trustee_user_id: user.id,
        impersonation: false,
        project_id: test.ids.adminProjectId,
        roles: [lent],
      },
    })
    Object.assign(target, {
      domain_id: foreign.id,
      user_id: user.id,
      group_id: group.id,
      project_id: theirs.id,
      role_id: await test.roleId('admin'),
      prior_role_id: await test.roleId('admin'),
      implies_role_id: await test.roleId('manager'),
      region_id: 'RegionOne',
      service_id: 'unknown',
      endpoint_id: 'unknown',
      tag: 'tag',
      application_credential_id: 'unknown',
      access_rule_id: 'unknown',
      registered_limit_id: 'unknown',
      limit_id: 'unknown',
      credential_id: 'unknown',
      trust_id: trust.id,
    })
  })
  after(() => test[Symbol.asyncDispose]())

  it('names a policy for every route, and every GET has a HEAD', () => {
    for (const route of routes) {
      assert.ok(route.policy !== undefined && route.policy in identityPolicies, `${route.method} ${route.path}`)
    }
    const heads = new Set(routes.filter((route) => route.method === 'HEAD').map((route) => route.path))
    for (const route of routes) if (route.method === 'GET') assert.ok(heads.has(route.path), route.path)
    const keys = routes.map((route) => `${route.method} ${route.path}`)
    assert.equal(new Set(keys).size, keys.length, 'no route is listed twice')
  })

  it('is known to this test for every route', () => {
    const used = new Set(routes.map((route) => route.policy!.replace('identity:', '')))
    const open = ['versions:get', 'authenticate', 'change_password']
    const unknown = [...used].filter((name) => !(name in EXPECTED) && !OWN.includes(name) && !open.includes(name))
    assert.deepEqual(unknown, [])
  })

  it('lets each persona do what upstream lets it, and answers 403 to all else', async () => {
    // Asking changes next to nothing: most bodies are absent, and names are taken.
    const wrong: string[] = []
    for (const route of routes) {
      const expected = EXPECTED[route.policy!.replace('identity:', '')]
      // A DELETE or PUT needs no body and would succeed; its policy's rule is asked by a sibling or by name elsewhere.
      if (expected === undefined || ['DELETE', 'PUT'].includes(route.method)) continue
      for (const [persona, token] of Object.entries(tokens)) {
        const { status } = await askAs(token, route)
        const allowed = ALLOWED[expected]!.split(' ').includes(persona)
        const isAllowed = status !== 403 && status !== 401
        if (route.policy === 'identity:get_auth_catalog' && status === 403) continue
        if (isAllowed !== allowed) wrong.push(`${persona} ${route.method} ${route.path}: ${status}`)
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('refuses PUT and DELETE to all who are not expected', async () => {
    const wrong: string[] = []
    for (const route of routes) {
      const expected = EXPECTED[route.policy!.replace('identity:', '')]
      if (expected === undefined || !['DELETE', 'PUT'].includes(route.method)) continue
      for (const [persona, token] of Object.entries(tokens)) {
        if (ALLOWED[expected]!.split(' ').includes(persona)) continue
        const { status } = await askAs(token, route)
        if (status !== 403) wrong.push(`${persona} ${route.method} ${route.path}: ${status}`)
      }
    }
    assert.deepEqual(wrong, [])
  })
})
