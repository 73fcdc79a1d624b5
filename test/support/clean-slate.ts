/** What must be left when all servers and volumes are deleted: nothing. Each check has a name, and all that fail are told. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cloudNames } from '../../src/agent/bridge/names.ts'
import { send } from './http-load.ts'

const run = promisify(execFile)

interface Look {
  readonly state: string
  readonly cloudId: string
  readonly get: (path: string, headers?: Record<string, string>) => Promise<unknown>
}

type Check = (look: Look) => Promise<readonly string[]>

const COMPUTE = { 'openstack-api-version': 'compute 2.96' }

const noServersRemain: Check = async ({ get }) =>
  ((await get('/compute/v2.1/servers?all_tenants=1', COMPUTE)) as { servers: { id: string }[] }).servers.map(
    ({ id }) => id,
  )

const noVolumesRemain: Check = async ({ get }) =>
  ((await get('/volume/v3/volumes?all_tenants=1')) as { volumes: { id: string }[] }).volumes.map(({ id }) => id)

const noServerPortsRemain: Check = async ({ get }) =>
  ((await get('/network/v2.0/ports')) as { ports: { id: string; device_owner: string }[] }).ports
    .filter(({ device_owner }) => device_owner.startsWith('compute:'))
    .map(({ id }) => id)

const noAllocationsRemain: Check = async ({ get }) => {
  const { resource_providers } = (await get('/placement/resource_providers')) as {
    resource_providers: { uuid: string }[]
  }
  const found = await Promise.all(
    resource_providers.map(async ({ uuid }) =>
      Object.keys(
        ((await get(`/placement/resource_providers/${uuid}/allocations`)) as { allocations: object }).allocations,
      ),
    ),
  )
  return found.flat()
}

const noDomainsRemain: Check = async ({ cloudId }) => {
  const { stdout } = await run('virsh', ['list', '--all', '--name'])
  return stdout.split('\n').filter((name) => name.startsWith(`stratolith-${cloudId}-`))
}

const noTapsRemain: Check = async ({ cloudId }) => {
  const { stdout } = await run('ip', ['-j', 'link', 'show'])
  const links = JSON.parse(stdout) as { ifname: string; master?: string; ifalias?: string }[]
  const { isOurs } = cloudNames(cloudId)
  // Other clouds may run on this machine: a tap is ours by its own alias, or by that of the bridge that it hangs on.
  const bridges = new Set(links.filter(({ ifalias }) => isOurs(ifalias)).map(({ ifname }) => ifname))
  return links
    .filter(({ ifname, master = '', ifalias }) => ifname.startsWith('tap') && (isOurs(ifalias) || bridges.has(master)))
    .map(({ ifname }) => ifname)
}

const noServerFilesRemain: Check = async ({ state }) =>
  (await readdir(join(state, 'instances')).catch(() => [])).filter((name) => /^[0-9a-f-]{36}$/.test(name))

const noVolumeFilesRemain: Check = async ({ state }) =>
  (await readdir(join(state, 'volumes'), { recursive: true }).catch(() => [])).filter((name) =>
    /[0-9a-f-]{36}/.test(name),
  )

const noRulesRemain: Check = async ({ cloudId }) => {
  const { stdout } = await run('nft', ['-j', 'list', 'tables'])
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: { family: string; name: string } }[] }
  const ours = nftables.flatMap(({ table }) => (table?.name === cloudNames(cloudId).table ? [table] : []))
  const rules = await Promise.all(ours.map(({ family, name }) => run('nft', ['list', 'table', family, name])))
  return [...new Set(rules.flatMap(({ stdout }) => stdout.match(/"tap[0-9a-f-]{11}"/g) ?? []))]
}

const noSecretsRemain: Check = async ({ cloudId }) => {
  const { stdout } = await run('virsh', ['secret-list'])
  return stdout.split('\n').filter((line) => line.includes(`stratolith-${cloudId}-`))
}

export const CHECKS = {
  noServersRemain,
  noVolumesRemain,
  noServerPortsRemain,
  noAllocationsRemain,
  noDomainsRemain,
  noTapsRemain,
  noServerFilesRemain,
  noVolumeFilesRemain,
  noRulesRemain,
  noSecretsRemain,
} satisfies Record<string, Check>

const SETTLE_MS = 15_000

/** Waits a little for what is under way, then fails with every check that does not hold. */
export async function cleanSlate(state: string, url: string): Promise<void> {
  const { cloudId } = JSON.parse(await readFile(join(state, 'cloud.json'), 'utf8')) as { cloudId: string }
  const token = await adminToken(state, url)
  const get: Look['get'] = async (path, headers = {}) => {
    const reply = await send(url, 'GET', path, { 'x-auth-token': token, ...headers })
    assert.equal(reply.status, 200, `${path}: ${reply.text}`)
    return JSON.parse(reply.text)
  }
  const deadline = Date.now() + SETTLE_MS
  for (;;) {
    const left: string[] = []
    for (const [name, check] of Object.entries(CHECKS)) {
      const found = await check({ state, cloudId, get })
      if (found.length > 0) left.push(`${name}: ${found.join(', ')}`)
    }
    if (left.length === 0) return
    if (Date.now() > deadline) assert.fail(`the slate is not clean:\n${left.join('\n')}`)
    await sleep(500)
  }
}

export async function adminToken(state: string, url: string): Promise<string> {
  const { admin } = JSON.parse(await readFile(join(state, 'passwords.json'), 'utf8')) as { admin: string }
  const domain = { id: 'default' }
  const reply = await send(
    url,
    'POST',
    '/identity/v3/auth/tokens',
    {},
    {
      auth: {
        identity: { methods: ['password'], password: { user: { name: 'admin', domain, password: admin } } },
        scope: { project: { name: 'admin', domain } },
      },
    },
  )
  assert.equal(reply.status, 201, reply.text)
  return String(reply.headers['x-subject-token'])
}
