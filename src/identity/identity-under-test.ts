/** Identity alone, with its first contents and a few more people, for conversations. */
import { randomBytes } from 'node:crypto'
import { type Answer, serviceUnderTest, type ServiceUnderTest } from '../../test/support/service.ts'
import { type Bootstrapped, type Identity, identityMigrations } from './index.ts'
import { openIdentity } from './open.ts'
import { DEFAULT_SETTINGS, type IdentitySettings } from './settings.ts'

export interface IdentityUnderTest extends AsyncDisposable {
  readonly service: ServiceUnderTest
  readonly identity: Identity
  readonly ids: Bootstrapped
  /** A request below `/identity`, by the bearer of `token`. */
  ask(
    token: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** Logs in and gives the token; fails when the answer is not 201. */
  login(name: string, scope?: unknown, password?: string): Promise<string>
  /** The whole answer to a login. */
  tryLogin(name: string, scope?: unknown, password?: string): Promise<Answer>
  /** Makes something as the administrator and gives it; fails when the answer is not 2xx. */
  make(path: string, body: Record<string, unknown>): Promise<Made>
  /** A user with a password of his own name. */
  aUser(fields?: Record<string, unknown>): Promise<Made>
  /** A role for a user or group, as the paths of the API say it: `grant('projects/ID/users/ID', 'member')`. */
  grant(where: string, role: string): Promise<void>
  roleId(name: string): Promise<string>
  /** Tokens of the administrator: of project admin, and of the system. */
  readonly admin: string
  readonly systemAdmin: string
}

// biome-ignore lint/suspicious/noExplicitAny: a conversation's test says which fields it expects
export type Made = any

/** Cheap hashes: what they cost is for the tests of hashing. */
const CHEAP: IdentitySettings = { ...DEFAULT_SETTINGS, argon2: { memoryKiB: 64, passes: 1, lanes: 1 } }

export async function identityUnderTest(settings: Partial<IdentitySettings> = {}): Promise<IdentityUnderTest> {
  await using undo = new AsyncDisposableStack()
  const service = undo.use(await serviceUnderTest([identityMigrations]))
  const identity = await openIdentity(service.context, { ...CHEAP, ...settings })
  undo.defer(() => identity.close())
  await service.mount('/identity', identity.plugin)
  const ids = await identity.bootstrap({
    adminPassword: 'admin',
    demoPassword: 'demo',
    endpoints: {
      identity: { name: 'keystone', url: 'http://127.0.0.1:5000/identity' },
      compute: { name: 'nova', url: 'http://127.0.0.1:5000/compute/v2.1' },
      volumev3: { name: 'cinder', url: 'http://127.0.0.1:5000/volume' },
    },
  })

  const ask: IdentityUnderTest['ask'] = (token, method, path, body, headers = {}) =>
    service.ask(undefined, method, `/identity${path}`, body, {
      ...(token !== undefined && { 'x-auth-token': token }),
      ...headers,
    })
  const tryLogin: IdentityUnderTest['tryLogin'] = (name, scope, password = name) =>
    ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: {
        identity: { methods: ['password'], password: { user: { name, domain: { id: 'default' }, password } } },
        ...(scope !== undefined && { scope }),
      },
    })
  const login: IdentityUnderTest['login'] = async (...order) => {
    const answer = await tryLogin(...order)
    if (answer.status !== 201) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`)
    return String(answer.headers['x-subject-token'])
  }
  const admin = await login('admin', { project: { id: ids.adminProjectId } })
  const systemAdmin = await login('admin', { system: { all: true } })

  const make: IdentityUnderTest['make'] = async (path, body) => {
    const answer = await ask(admin, 'POST', path, body)
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return Object.values(answer.body)[0]
  }
  const roleId = async (name: string) => {
    const answer = await ask(admin, 'GET', `/v3/roles?name=${name}`)
    return answer.body.roles[0].id as string
  }
  const opened = undo.move()
  return {
    service,
    identity,
    ids,
    ask,
    login,
    tryLogin,
    make,
    roleId,
    admin,
    systemAdmin,
    aUser(fields = {}) {
      const name = `user-${randomBytes(4).toString('hex')}`
      return make('/v3/users', { user: { name, password: (fields.name as string) ?? name, ...fields } })
    },
    async grant(where, role) {
      const answer = await ask(admin, 'PUT', `/v3/${where}/roles/${await roleId(role)}`)
      if (answer.status !== 204) throw new Error(`PUT ${where}: ${answer.status} ${JSON.stringify(answer.body)}`)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
