/**
 * One service on a real database, without identity in front: tokens are the names of four people, so that a test says
 * who asks. Whole clouds are in cloud.ts.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { pino } from 'pino'
import type { MigrationFolder } from '../../src/database/migrate.ts'
import { openStories } from '../../src/durable/stories.ts'
import { durableMigrations } from '../../src/durable/migrations.ts'
import { DomainError } from '../../src/domain-error.ts'
import type { Caller } from '../../src/http/caller.ts'
import type { ServiceContext } from '../../src/http/service-context.ts'
import { testDatabase } from './database.ts'

/** `admin` of project admin; `demo` member, `reader` and `manager` of project demo; `alt` member of project alt. */
export type Person = 'admin' | 'demo' | 'reader' | 'manager' | 'alt'

const ROLES: Record<Person, string[]> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  manager: ['manager', 'member', 'reader'],
  demo: ['member', 'reader'],
  alt: ['member', 'reader'],
  reader: ['reader'],
}

const hex = (text: string) => createHash('md5').update(text).digest('hex')

/** The caller that a test's token stands for. */
export function person(name: Person, requestId = 'req-test'): Caller {
  const project = name === 'reader' || name === 'manager' ? 'demo' : name
  return {
    userId: hex(`user ${name}`) as never,
    userName: name,
    userDomainId: 'default' as never,
    projectId: hex(`project ${project}`) as never,
    projectName: project,
    projectDomainId: 'default' as never,
    roles: ROLES[name],
    isAdmin: name === 'admin',
    requestId,
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | number | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: a conversation's test says which fields it expects
  readonly body: any
}

export interface ServiceUnderTest extends AsyncDisposable {
  readonly context: ServiceContext
  readonly app: FastifyInstance
  /** Mounts a plugin as main does, and makes the app ready. */
  mount(prefix: string, plugin: FastifyPluginAsync): Promise<void>
  /** `ask('demo', 'GET', '/volume/v3/volumes')`; headers such as the microversion come last. */
  ask(
    who: Person | undefined,
    method: string,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
}

/** Opens what a service needs. Call `context.stories.launch()` after the service has defined its stories. */
export async function serviceUnderTest(folders: readonly MigrationFolder[]): Promise<ServiceUnderTest> {
  const database = await testDatabase([durableMigrations, ...folders])
  const log = pino({ level: process.env.STRATOLITH_TEST_LOG ?? 'silent' })
  const stateDir = await mkdtemp(join(tmpdir(), 'stratolith-test-'))
  const stories = openStories({ db: database.db, url: database.url, log })
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512 },
  })
  const context: ServiceContext = {
    db: database.db,
    stories,
    log,
    stateDir,
    region: 'RegionOne',
    publicUrl: (service) => `http://127.0.0.1:5000/${service}`,
    authenticate: async (token, requestId) => {
      if (!(token in ROLES))
        throw new DomainError(
          'unauthenticated',
          'identity.token.invalid',
          'The request you have made requires authentication.',
        )
      return person(token as Person, requestId)
    },
  }
  return {
    context,
    app,
    async mount(prefix, plugin) {
      await app.register(plugin, { prefix })
      await app.ready()
    },
    async ask(who, method, url, body, headers = {}) {
      const response = await app.inject({
        method: method as 'GET',
        url,
        headers: { ...(who !== undefined && { 'x-auth-token': who }), ...headers },
        ...(body !== undefined && { payload: body as object }),
      })
      let parsed: unknown = response.body
      try {
        parsed = JSON.parse(response.body)
      } catch {
        // Not JSON: the test sees the text.
      }
      return { status: response.statusCode, headers: response.headers, body: parsed }
    },
    async [Symbol.asyncDispose]() {
      await app.close()
      await stories.shutdown()
      await database.db.end()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
