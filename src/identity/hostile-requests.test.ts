/** Whatever a request to identity holds, the answer is a no with a reason and never a failure of ours. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type IdentityUnderTest, identityUnderTest, type Made } from './identity-under-test.ts'

/** Bodies that are good as they are; `@` is a name that nothing has yet. */
type Good = readonly [method: string, path: string, body: object, by?: string]

const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  true,
  '',
  ' ',
  'x'.repeat(70_000),
  '\u0000',
  '\ud800',
  '😀'.repeat(64),
  '275760-09-14T00:00:00Z',
  '%(tenant_id)',
  '../../x',
  [],
  [null],
  [[]],
  {},
  { '': '' },
  JSON.parse('{"__proto__": {"a": 1}}'),
  { constructor: 1, toString: 2 },
]

/** A body with one thing in it replaced, for each thing, and with one thing left out. */
function* broken(value: unknown, put: (value: unknown) => unknown = (whole) => whole): Generator<unknown> {
  for (const other of VALUES) yield put(other)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const put1 = (other: unknown) =>
      put(Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other })
    yield* broken(inner, put1)
    const { [key]: _, ...rest } = value as Record<string, unknown>
    yield put(Array.isArray(value) ? Object.values(rest) : rest)
  }
}

describe('a hostile request to identity', () => {
  let test: IdentityUnderTest
  let good: readonly Good[]
  let names = 0

  before(async () => {
    test = await identityUnderTest()
    const make = (kind: string, body: object): Promise<Made> => test.make(`/v3/${kind}s`, { [kind]: body })
    const [domain, project, user, group, role, region, service] = await Promise.all([
      make('domain', { name: 'd' }),
      make('project', { name: 'p' }),
      test.aUser(),
      make('group', { name: 'g' }),
      make('role', { name: 'r' }),
      make('region', { id: 'r' }),
      test.make('/v3/services', { service: { type: 't', name: 's' } }),
    ])
    const credential = await make('credential', { type: 'cert', blob: 'x', user_id: user.id })
    const demo = await test.login('demo', { project: { id: test.ids.demoProjectId } })
    const me = test.ids.demoUserId
    const member = await test.roleId('member')
    const project_id = test.ids.demoProjectId
    const limited = { service_id: service.id, resource_name: '@', description: 'd' }
    good = [
      [
        'POST',
        'auth/tokens',
        {
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name: 'x', domain: { id: 'default' }, password: 'y' } },
            },
            scope: { project: { name: 'a', domain: { name: 'Default' } } },
          },
        },
      ],
      [
        'POST',
        'auth/tokens',
        { auth: { identity: { methods: ['token'], token: { id: demo } }, scope: { system: { all: true } } } },
      ],
      [
        'POST',
        'auth/tokens',
        {
          auth: {
            identity: { methods: ['totp'], totp: { user: { id: me, passcode: '123456' } } },
            scope: { 'OS-TRUST:trust': { id: 'x' } },
          },
        },
      ],
      [
        'POST',
        'auth/tokens',
        {
          auth: {
            identity: {
              methods: ['application_credential'],
              application_credential: { name: 'a', user: { name: 'u', domain: { id: 'default' } }, secret: 's' },
            },
          },
        },
      ],
      [
        'POST',
        'domains',
        { domain: { name: '@', description: 'd', enabled: true, options: { immutable: false }, more: [1] } },
      ],
      ['PATCH', `domains/${domain.id}`, { domain: { name: '@', description: 'd', options: { immutable: false } } }],
      ['PUT', `domains/${domain.id}/config`, { config: { ldap: { url: 'x' }, identity: { driver: 'ldap' } } }],
      ['PATCH', `domains/${domain.id}/config/ldap/url`, { config: { url: 'ldap://x' } }],
      [
        'POST',
        'projects',
        {
          project: {
            name: '@',
            domain_id: 'default',
            parent_id: 'default',
            is_domain: false,
            tags: ['a', 'b'],
            options: {},
          },
        },
      ],
      ['PATCH', `projects/${project.id}`, { project: { name: '@', description: null, tags: ['a'], more: { a: 1 } } }],
      ['PUT', `projects/${project.id}/tags`, { tags: ['a', 'b'] }],
      [
        'POST',
        'users',
        {
          user: {
            name: '@',
            domain_id: 'default',
            default_project_id: project.id,
            password: 'p',
            enabled: true,
            options: { multi_factor_auth_rules: [['password', 'totp']], lock_password: false },
          },
        },
      ],
      ['PATCH', `users/${user.id}`, { user: { name: '@', password: 'p', options: { ignore_password_expiry: true } } }],
      ['POST', `users/${user.id}/password`, { user: { password: 'a', original_password: 'b' } }],
      ['POST', 'groups', { group: { name: '@', domain_id: 'default', description: 'd' } }],
      ['PATCH', `groups/${group.id}`, { group: { name: '@', description: 'd' } }],
      ['POST', 'roles', { role: { name: '@', domain_id: domain.id, description: 'd', options: { immutable: false } } }],
      ['PATCH', `roles/${role.id}`, { role: { name: '@', description: 'd' } }],
      ['POST', 'regions', { region: { id: '@', parent_region_id: region.id, description: 'd' } }],
      ['PATCH', `regions/${region.id}`, { region: { description: 'd', parent_region_id: null } }],
      ['POST', 'services', { service: { name: '@', type: 't', enabled: true, description: 'd' } }],
      ['PATCH', `services/${service.id}`, { service: { name: '@', type: 't', enabled: true } }],
      [
        'POST',
        'endpoints',
        { endpoint: { service_id: service.id, interface: 'public', url: 'http://x/%(tenant_id)s', region_id: 'r' } },
      ],
      ['POST', 'registered_limits', { registered_limits: [{ ...limited, default_limit: 5, region_id: 'r' }] }],
      ['POST', 'limits', { limits: [{ ...limited, resource_limit: 5, project_id: project.id }] }],
      [
        'POST',
        'credentials',
        { credential: { type: 'ec2', blob: '{"access": "a"}', user_id: user.id, project_id: project.id } },
      ],
      [
        'PATCH',
        `credentials/${credential.id}`,
        { credential: { type: 'ec2', blob: '{"access": "b"}', project_id: project.id } },
      ],
      ['POST', 'policies', { policy: { type: 't', blob: '{}' } }],
      ['POST', 'OS-EP-FILTER/endpoint_groups', { endpoint_group: { name: '@', filters: { interface: 'public' } } }],
      ['PUT', 'OS-FEDERATION/identity_providers/i', { identity_provider: { enabled: true, remote_ids: ['@'] } }],
      [
        'PUT',
        'OS-FEDERATION/service_providers/i',
        { service_provider: { auth_url: 'http://x/', sp_url: 'http://x/' } },
      ],
      [
        'POST',
        'ec2tokens',
        {
          credentials: {
            access: 'a',
            signature: 's',
            host: 'h',
            verb: 'GET',
            path: '/',
            params: { SignatureVersion: '2' },
            headers: {},
          },
        },
      ],
      ['POST', 's3tokens', { credentials: { access: 'a', signature: 's', token: 'eA==' } }],
      [
        'POST',
        `users/${me}/application_credentials`,
        {
          application_credential: {
            name: '@',
            secret: 's',
            expires_at: '2100-01-01T00:00:00Z',
            roles: [{ id: member }],
            access_rules: [{ path: '/v2.0/x/**', method: 'GET', service: 'identity' }],
          },
        },
        demo,
      ],
      [
        'POST',
        'OS-TRUST/trusts',
        {
          trust: {
            trustor_user_id: me,
            trustee_user_id: user.id,
            impersonation: true,
            project_id,
            expires_at: '2100-01-01T00:00:00Z',
            allow_redelegation: true,
            redelegation_count: 2,
            roles: [{ id: member }],
          },
        },
        demo,
      ],
      ['POST', `users/${me}/credentials/OS-EC2`, { tenant_id: project_id }, demo],
    ]
  })
  after(() => test[Symbol.asyncDispose]())

  it('is answered whatever stands in the place of a part of its body', async () => {
    for (const [method, path, body, by = test.admin] of good) {
      for (const wrong of broken(body)) {
        const text = JSON.stringify(wrong).replaceAll('"@"', () => `"n${names++}"`)
        const { status, body: answer } = await test.ask(by, method, `/v3/${path}`, text, {
          'content-type': 'application/json',
        })
        assert.ok(status < 500 || status === 501, `${status} to ${method} ${path} ${text.slice(0, 300)}`)
        if (status >= 400) assert.equal(answer.error.code, status)
      }
    }
  })

  it('is answered however deep its body is', async () => {
    const arrays = '['.repeat(5000) + ']'.repeat(5000)
    const objects = `${'{"auth": '.repeat(5000)}1${'}'.repeat(5000)}`
    for (const [method, path, , by = test.admin] of good) {
      for (const text of [arrays, objects]) {
        const { status } = await test.ask(by, method, `/v3/${path}`, text, { 'content-type': 'application/json' })
        assert.equal(status, 400, `${method} ${path}`)
      }
    }
  })

  it('is answered whatever its path and query say', async () => {
    const odd = [
      '%00',
      '%ff',
      'a%2fb',
      'x'.repeat(300),
      '%F0%9F%98%80',
      '__proto__',
      '-1',
      '99999999999999999999',
      'lt:x',
    ]
    const lists = ['users', 'projects', 'domains', 'groups', 'roles', 'regions', 'services', 'endpoints', 'credentials']
    const keys = ['limit', 'marker', 'name', 'name__contains', 'enabled', 'domain_id', 'tags', 'password_expires_at']
    for (const list of [...lists, 'limits', 'policies', 'role_assignments', 'OS-TRUST/trusts']) {
      for (const value of odd) {
        assert.ok((await test.ask(test.admin, 'GET', `/v3/${list}/${value}`)).status < 500, `${list}/${value}`)
        for (const key of keys) {
          const url = `/v3/${list}?${key}=${value}&${key}=${value}`
          assert.ok((await test.ask(test.admin, 'GET', url)).status < 500, url)
        }
      }
    }
  })

  it('has a body in JSON, which need not be said', async () => {
    const ask = (type?: string, body = '{"group": {"name": "typed"}}') =>
      test.service.app.inject({
        method: 'POST',
        url: '/identity/v3/groups',
        headers: { 'x-auth-token': test.admin, ...(type !== undefined && { 'content-type': type }) },
        payload: body,
      })
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense']) {
      assert.equal((await ask(type)).statusCode, 400, type)
    }
    assert.equal((await ask(undefined, '{"group"')).statusCode, 400)
    assert.equal((await ask(undefined)).statusCode, 201)
    assert.equal((await ask('application/vnd.openstack.identity-v3+json')).statusCode, 409)
  })
})
