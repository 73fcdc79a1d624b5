/**
 * `npm run bench`: starts a fresh emulator and prints one JSON line a figure: what, value, unit, and the goal that the
 * project has set itself. Compare only runs on an idle machine.
 */
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { labMissing } from '../test/support/lab.ts'
import { imageData } from './image-data.ts'
import { print } from './print.ts'
import { realBoots } from './real-boot.ts'
import { tokens } from './tokens.ts'
import { type CloudProcess, freePort, memoryMiB, startCloud } from '../test/support/cloud-process.ts'
import { medianMs, rate, send } from '../test/support/http-load.ts'

const COMPUTE = { 'openstack-api-version': 'compute 2.96' }

const EMULATOR = ['--emulator', '--clouds-yaml', 'none']
const state = await mkdtemp(join(tmpdir(), 'stratolith-bench-'))
await chmod(state, 0o711)
const port = await freePort()
let emulator: CloudProcess | undefined
try {
  emulator = await startCloud(state, port, EMULATOR)
  print('cold start until every endpoint answers', emulator.startMs, 'ms')
  await emulator.stop()
  emulator = await startCloud(state, port, EMULATOR)
  print('warm start until every endpoint answers', emulator.startMs, 'ms', '<= 2000')
  await sleep(3000)
  const idle = await memoryMiB(emulator.pid)
  print('idle memory (PSS) of our process', idle.own, 'MiB', '<= 200')
  print('idle memory (PSS) of PostgreSQL', idle.children, 'MiB', '<= 100')
  await tokens(emulator, (await passwords()).admin)
  await servers(emulator.url)
  const after = await memoryMiB(emulator.pid)
  print('memory (PSS) of our process after the load', after.own, 'MiB')
  await imageData({ url: emulator.url, token: await login(emulator.url), pid: emulator.pid, dir: state })
} finally {
  await emulator?.stop()
  await rm(state, { recursive: true, force: true })
}

const missing = labMissing('bench')
if (missing === undefined) {
  const { ownMs, totalMs } = await realBoots()
  print('our own share of a real boot, median', ownMs, 'ms', '<= 300')
  print('POST /servers until ACTIVE with libvirt, median', totalMs, 'ms')
} else {
  console.error(`left out, real boots: ${missing}`)
}

const libvirt = join(import.meta.dirname, '../packages/libvirt/bench/main.ts')
if (spawnSync(process.execPath, [libvirt], { stdio: 'inherit' }).status !== 0) process.exitCode = 1

async function passwords(): Promise<{ admin: string }> {
  return JSON.parse(await readFile(join(state, 'passwords.json'), 'utf8'))
}

async function login(url: string): Promise<string> {
  const { admin } = await passwords()
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
  if (reply.status !== 201) throw new Error(`no token: ${reply.status} ${reply.text}`)
  return String(reply.headers['x-subject-token'])
}

async function servers(url: string): Promise<void> {
  const token = await login(url)
  const headers = { 'x-auth-token': token, ...COMPUTE }
  await raiseQuotas(url, headers)
  const flavors = JSON.parse((await send(url, 'GET', '/compute/v2.1/flavors', headers)).text).flavors as {
    id: string
    name: string
  }[]
  const flavorRef = flavors.find(({ name }) => name === 'tiny')!.id
  const imageRef = JSON.parse((await send(url, 'GET', '/image/v2/images?name=tiny', headers)).text).images[0].id
  const network = JSON.parse((await send(url, 'GET', '/network/v2.0/networks?name=public', headers)).text).networks[0]
    .id
  const create = async (name: string) => {
    const reply = await send(url, 'POST', '/compute/v2.1/servers', headers, {
      server: { name, flavorRef, imageRef, networks: [{ uuid: network }] },
    })
    if (reply.status !== 202) throw new Error(`not accepted: ${reply.status} ${reply.text}`)
    return JSON.parse(reply.text).server.id as string
  }
  const untilActive = async (id: string, everyMs: number) => {
    for (;;) {
      const shown = JSON.parse((await send(url, 'GET', `/compute/v2.1/servers/${id}`, headers)).text).server
      if (shown.status === 'ACTIVE') return
      if (shown.status === 'ERROR') throw new Error(`ended in ERROR: ${JSON.stringify(shown.fault)}`)
      await sleep(everyMs)
    }
  }
  print(
    'POST /servers until ACTIVE, one at a time, median',
    await medianMs(40, async () => untilActive(await create('one'), 2)),
    'ms',
    '<= 100',
  )
  const watch = watchForActive(url, headers)
  const burst = await rate(100, 16, async (index) => watch.active(await create(`burst-${index}`)))
  print('100 servers, 16 in flight, ACTIVE', burst, '/s', '>= 50')
  await rate(60, 8, async (index) => watch.active(await create(`fill-${index}`)))
  watch.stop()
  const listed = async () => {
    const reply = await send(url, 'GET', '/compute/v2.1/servers/detail?limit=100', headers)
    if (reply.status !== 200) throw new Error(`not listed: ${reply.status}`)
  }
  print('GET /servers/detail?limit=100 of 200, one client, median', await medianMs(100, listed), 'ms', '<= 10')
  print('GET /servers/detail?limit=100 of 200, 16 clients', await rate(300, 16, listed), '/s')
}

/** One poller for all who wait, as a client with many servers does: their questions are not what is measured. */
function watchForActive(url: string, headers: Record<string, string>) {
  const waiting = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()
  let stopped = false
  const poll = async () => {
    while (!stopped) {
      await sleep(100)
      if (waiting.size === 0) continue
      const { servers } = JSON.parse(
        (await send(url, 'GET', '/compute/v2.1/servers/detail?limit=40', headers)).text,
      ) as {
        servers: { id: string; status: string; fault?: { message: string } }[]
      }
      for (const { id, status, fault } of servers) {
        if (status === 'ACTIVE') waiting.get(id)?.resolve()
        if (status === 'ERROR') waiting.get(id)?.reject(new Error(`ended in ERROR: ${fault?.message}`))
        if (status !== 'BUILD') waiting.delete(id)
      }
    }
  }
  void poll()
  return {
    active: (id: string) => new Promise<void>((resolve, reject) => waiting.set(id, { resolve, reject })),
    stop: () => {
      stopped = true
    },
  }
}

/** As an operator would: the default quotas are for people. */
async function raiseQuotas(url: string, headers: Record<string, string>): Promise<void> {
  const me = JSON.parse(
    (await send(url, 'GET', '/identity/v3/auth/tokens', { ...headers, 'x-subject-token': headers['x-auth-token']! }))
      .text,
  ).token
  const project = me.project.id
  const compute = await send(url, 'PUT', `/compute/v2.1/os-quota-sets/${project}`, headers, {
    quota_set: { instances: -1, cores: -1, ram: -1 },
  })
  const network = await send(url, 'PUT', `/network/v2.0/quotas/${project}`, headers, { quota: { port: -1 } })
  if (compute.status !== 200 || network.status !== 200)
    throw new Error(`quotas: ${compute.status} ${compute.text} ${network.status} ${network.text}`)
}
