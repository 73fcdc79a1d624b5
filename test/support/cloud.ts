/** A whole emulated cloud in process, on a database of its own: the same openCloud that main runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openCloud, type Cloud, migrationFolders } from '../../src/cloud.ts'
import { loadConfig } from '../../src/config.ts'
import { driversFor } from '../../src/drivers.ts'
import type { Bootstrapped } from '../../src/identity/index.ts'
import type { ImageId, NetworkId } from '../../src/ids.ts'
import { testDatabase } from './database.ts'
import type { Answer } from './service.ts'
import { writeFile } from 'node:fs/promises'

export interface TestCloud extends AsyncDisposable {
  readonly cloud: Cloud
  readonly who: Bootstrapped
  readonly networks: { readonly publicId: NetworkId; readonly privateId: NetworkId }
  readonly imageId: ImageId
  /** A fresh token; `scope` is the project of that user's name unless told otherwise. */
  token(user: 'admin' | 'demo', scope?: 'project' | 'system' | 'domain' | 'none'): Promise<string>
  /** `ask(token, 'GET', '/compute/v2.1/servers')`. */
  ask(
    token: string | undefined,
    method: string,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
}

export const PASSWORDS = { admin: 'admin-secret', demo: 'demo-secret' } as const

/** @param hosts how many pretended hypervisors there are */
export async function testCloud({ hosts = 1 }: { hosts?: number } = {}): Promise<TestCloud> {
  const database = await testDatabase(migrationFolders)
  await database.db.end()
  const state = await mkdtemp(join(tmpdir(), 'stratolith-cloud-'))
  const config = loadConfig(
    {
      emulator: true,
      state,
      databaseUrl: database.url,
      listen: '127.0.0.1:0',
      simulatedHosts: String(hosts),
      hello: 'no',
      cloudsYaml: 'none',
    },
    {},
  )
  const log = pino({ level: process.env.STRATOLITH_TEST_LOG ?? 'silent' })
  const cloud = await openCloud({ config, log, openDrivers: driversFor(config, '00000000', log) })
  const endpoint = (name: string, url: string) => ({ name, url: `http://127.0.0.1:5000/${url}` })
  const who = await cloud.identity.bootstrap({
    adminPassword: PASSWORDS.admin,
    demoPassword: PASSWORDS.demo,
    endpoints: {
      identity: endpoint('keystone', 'identity/v3'),
      compute: endpoint('nova', 'compute/v2.1'),
      placement: endpoint('placement', 'placement'),
      image: endpoint('glance', 'image'),
      network: endpoint('neutron', 'network'),
      volumev3: endpoint('cinderv3', 'volume/v3/$(project_id)s'),
    },
  })
  await cloud.compute.bootstrap()
  const networks = await cloud.network.bootstrap({
    publicCidr: () => '172.24.4.0/24',
    privateCidr: '10.0.0.0/24',
    adminProjectId: who.adminProjectId,
    demoProjectId: who.demoProjectId,
  })
  await cloud.start()
  const file = join(state, 'tiny.raw')
  await writeFile(file, Buffer.alloc(65536))
  const imageId = await cloud.images.importFile({
    name: 'tiny',
    path: file,
    diskFormat: 'raw',
    properties: {},
    ownerProjectId: who.adminProjectId,
  })

  const ask: TestCloud['ask'] = async (token, method, url, body, headers = {}) => {
    const response = await cloud.app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token !== undefined && { 'x-auth-token': token }), ...headers },
      ...(body !== undefined && { payload: body as object }),
    })
    let parsed: unknown = response.body
    try {
      parsed = JSON.parse(response.body)
    } catch {
      // Not JSON: the test sees the text.
    }
    return { status: response.statusCode, headers: response.headers, body: parsed }
  }
  return {
    cloud,
    who,
    networks,
    imageId,
    ask,
    async token(user, scope = 'project') {
      const domain = { id: 'default' }
      const scopes = {
        project: { project: { name: user, domain } },
        system: { system: { all: true } },
        domain: { domain },
        none: 'unscoped',
      }
      const answer = await ask(undefined, 'POST', '/identity/v3/auth/tokens', {
        auth: {
          identity: { methods: ['password'], password: { user: { name: user, domain, password: PASSWORDS[user] } } },
          scope: scopes[scope],
        },
      })
      if (answer.status !== 201)
        throw new Error(`no token for ${user}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return String(answer.headers['x-subject-token'])
    },
    async [Symbol.asyncDispose]() {
      await cloud.close()
      await rm(state, { recursive: true, force: true })
    },
  }
}
