/**
 * What tokens cost: issuing by password, by token and by application credential, validation with the whole answer, and
 * what a flood of logins does to everybody else. CPU is that of our process and of its PostgreSQL, and says more than a
 * rate on a machine that others use too.
 */
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { rate, send } from '../test/support/http-load.ts'
import { print } from './print.ts'

const CLIENTS = 16
/** Clients that log in without a pause, far more than can be served, and fewer than the client has connections. */
const FLOOD = 48
/** A clock tick of /proc, on every Linux that there is. */
const TICK_MS = 10

export async function tokens({ url, pid }: { url: string; pid: number }, password: string): Promise<void> {
  const issue = async (identity: object, scope?: object): Promise<string> => {
    const auth = { identity, ...(scope !== undefined && { scope }) }
    const reply = await send(url, 'POST', '/identity/v3/auth/tokens', {}, { auth })
    if (reply.status !== 201) throw new Error(`no token: ${reply.status} ${reply.text}`)
    return String(reply.headers['x-subject-token'])
  }
  const domain = { id: 'default' }
  const project = { project: { name: 'admin', domain } }
  const byPassword = () =>
    issue({ methods: ['password'], password: { user: { name: 'admin', domain, password } } }, project)
  const token = await byPassword()
  const credential = await applicationCredential(url, token)
  const ways = {
    byToken: () => issue({ methods: ['token'], token: { id: token } }, project),
    byCredential: () => issue({ methods: ['application_credential'], application_credential: credential }),
    validate: async () => {
      const headers = { 'x-auth-token': token, 'x-subject-token': token }
      const reply = await send(url, 'GET', '/identity/v3/auth/tokens', headers)
      if (reply.status !== 200) throw new Error(`not valid: ${reply.status}`)
    },
  }

  const measure = async (what: string, goal: string, total: number, work: () => Promise<unknown>) => {
    await rate(Math.ceil(total / 10), CLIENTS, async () => void (await work()))
    const before = await cpuMs(pid)
    const perSecond = await rate(total, CLIENTS, async () => void (await work()))
    const after = await cpuMs(pid)
    print(`${what}, ${CLIENTS} clients`, perSecond, '/s', goal)
    print(`${what}, CPU of our process`, (after.own - before.own) / total, 'ms')
    print(`${what}, CPU of PostgreSQL`, (after.children - before.children) / total, 'ms')
  }
  // The peer on the same machine issues 8.7 tokens a second by password and validates 143.
  await measure('token by password (argon2id, 12 MiB, 3 passes)', '>= 61', 100, byPassword)
  await measure('token by token', '>= 2000', 4000, ways.byToken)
  await measure('token by application credential', '>= 2000', 4000, ways.byCredential)
  await measure('token validation with catalog', '>= 7150', 10_000, ways.validate)

  const idle = await percentile99Ms(ways.validate)
  const flood = startFlood(byPassword)
  await sleep(1000)
  const flooded = await percentile99Ms(ways.validate)
  await flood.stop()
  print('GET of a token, one client, p99 while idle', idle, 'ms')
  print(`GET of a token, one client, p99 under a flood of logins`, flooded, 'ms', '<= 2 x idle')
}

async function applicationCredential(url: string, token: string): Promise<{ id: string; secret: string }> {
  const headers = { 'x-auth-token': token }
  const shown = await send(url, 'GET', '/identity/v3/auth/tokens', { ...headers, 'x-subject-token': token })
  const userId = (JSON.parse(shown.text) as { token: { user: { id: string } } }).token.user.id
  const reply = await send(url, 'POST', `/identity/v3/users/${userId}/application_credentials`, headers, {
    application_credential: { name: 'bench' },
  })
  if (reply.status !== 201) throw new Error(`no application credential: ${reply.status} ${reply.text}`)
  const { id, secret } = JSON.parse(reply.text).application_credential as { id: string; secret: string }
  return { id, secret }
}

/** Clients that log in one after the other until they are stopped; a 503 is an answer too. */
function startFlood(login: () => Promise<unknown>): { stop(): Promise<void> } {
  let stopped = false
  const client = async () => {
    while (!stopped) await login().catch(() => sleep(10))
  }
  const clients = Array.from({ length: FLOOD }, client)
  return {
    async stop() {
      stopped = true
      await Promise.all(clients)
    },
  }
}

/** Of one client that asks every few milliseconds for some seconds. */
async function percentile99Ms(work: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let each = 0; each < 1000; each++) {
    const began = performance.now()
    await work()
    took.push(performance.now() - began)
    await sleep(2)
  }
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!
}

/** CPU time of a process and of its children until now. */
async function cpuMs(pid: number): Promise<{ own: number; children: number }> {
  const times = { own: 0, children: 0 }
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const used = (Number(fields[11]) + Number(fields[12])) * TICK_MS
    if (Number(name) === pid) times.own += used
    else if (await isBelow(Number(name), pid)) times.children += used
  }
  return times
}

async function isBelow(pid: number, ancestor: number): Promise<boolean> {
  for (let each = pid; each > 1; ) {
    const stat = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '')
    each = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    if (each === ancestor) return true
  }
  return false
}
