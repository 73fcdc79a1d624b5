/** The first server, `hello`, with a volume: made through the public APIs as a user would, its boot shown as it happens. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { CloudState, Place } from '../state.ts'
import { ApiError, Client, firstUser } from './client.ts'
import { bold, clearWaiting, dim, duration, progressBar, say, ticked, timed, waitingFor, warn } from './terminal.ts'

/** Latest microversion that each call below needs. */
const COMPUTE = { 'openstack-api-version': 'compute 2.96' }
const VOLUME = { 'openstack-api-version': 'volume 3.60' }
const BOOT_LIMIT_MS = 180_000
const READY_LIMIT_MS = 300_000
/** What the tiny image writes to its console when it is up. */
const READY = /^tiny: .*ready after/m

interface Event {
  event: string
  start_time: string
  finish_time: string | null
  result: string | null
  details?: string | null
}

/**
 * Does nothing where a server `hello` is there already, but for saying where.
 * @throws Error that says why there is none; AbortError when `signal` aborts
 */
export async function greet(place: Place, config: Config, state: CloudState, signal: AbortSignal): Promise<void> {
  const marker = join(state.dir, 'hello-was-made')
  const client = await Client.login(place, firstUser('demo', state.passwords), signal).catch((error: unknown) => {
    // The user has another password by now, and is past a first server.
    if (error instanceof ApiError && error.status === 401 && existsSync(marker)) return undefined
    throw error
  })
  if (client === undefined) return
  const [there] = (await client.call('GET', '/compute/v2.1/servers/detail?name=^hello$', undefined, COMPUTE)).servers
  if (there !== undefined) {
    say(`  ${dim('·')} server hello: ${there.status} at ${addressOf(there) ?? 'no address'}`)
    return
  }
  if (existsSync(marker)) return // deleted by its owner: it stays so
  say(`\n  ${bold('A first server')}`)
  const key = await timed('keypair', () => ensureKey(client, state.dir))
  const volume = await timed('volume hello-data, 1 GiB', () => makeVolume(client, signal))
  const server = await boot(client, volume, signal)
  writeFileSync(marker, '')
  const ready = !config.emulator && (await untilReady(client, server.id, signal))
  if (ready) ticked('guest reports ready, since the request', Date.now() - server.askedAt)
  const address = addressOf(await show(client, server.id))
  say()
  say(`  Address     ${bold(address ?? 'none')}`)
  if (!config.emulator)
    say(`  Log in      ${bold(`ssh -i ${key} -o StrictHostKeyChecking=accept-new root@${address}`)}`)
  else say(`  ${dim('The guest is pretended: nobody answers at its address.')}`)
}

async function ensureKey(client: Client, dir: string): Promise<string> {
  const file = join(dir, 'keys/hello')
  await mkdir(join(dir, 'keys'), { recursive: true, mode: 0o700 })
  const { keypairs } = await client.call('GET', '/compute/v2.1/os-keypairs')
  const stands = keypairs.some(({ keypair }: { keypair: { name: string } }) => keypair.name === 'hello')
  if (stands && existsSync(file)) return file
  if (stands) await client.call('DELETE', '/compute/v2.1/os-keypairs/hello')
  const { keypair } = await client.call('POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'hello' } })
  writeFileSync(file, keypair.private_key, { mode: 0o600 })
  chmodSync(file, 0o600)
  return file
}

async function makeVolume(client: Client, signal: AbortSignal): Promise<string> {
  const base = `/volume/v3/${client.projectId}/volumes`
  const { volumes } = await client.call('GET', `${base}/detail?name=hello-data`, undefined, VOLUME)
  const standing = volumes.find((volume: { status: string }) => volume.status === 'available')
  if (standing !== undefined) return standing.id
  const { volume } = await client.call('POST', base, { volume: { name: 'hello-data', size: 1 } }, VOLUME)
  for (let waited = 0; waited < 60_000; waited += 50) {
    const shown = (await client.call('GET', `${base}/${volume.id}`, undefined, VOLUME)).volume
    if (shown.status === 'available') return volume.id
    if (shown.status === 'error') throw new Error('the volume hello-data ended in error; see the log')
    await sleep(50, undefined, { signal })
  }
  throw new Error('the volume hello-data is still not available after a minute')
}

async function boot(client: Client, volumeId: string, signal: AbortSignal): Promise<{ id: string; askedAt: number }> {
  const { flavors } = await client.call('GET', '/compute/v2.1/flavors')
  const [image] = (await client.call('GET', '/image/v2/images?name=tiny')).images
  const [network] = (await client.call('GET', '/network/v2.0/networks?name=public')).networks
  const flavor = flavors.find((each: { name: string }) => each.name === 'tiny')
  for (const [what, found] of Object.entries({ flavor, image, network }))
    if (found === undefined) throw new Error(`there is no ${what === 'network' ? 'network public' : `${what} tiny`}`)
  const askedAt = Date.now()
  const { server } = await client.call(
    'POST',
    '/compute/v2.1/servers',
    {
      server: {
        name: 'hello',
        flavorRef: flavor.id,
        imageRef: image.id,
        key_name: 'hello',
        networks: [{ uuid: network.id }],
        security_groups: [{ name: await openGroup(client) }],
        block_device_mapping_v2: [
          {
            source_type: 'image',
            uuid: image.id,
            destination_type: 'local',
            boot_index: 0,
            delete_on_termination: true,
          },
          {
            source_type: 'volume',
            uuid: volumeId,
            destination_type: 'volume',
            boot_index: -1,
            delete_on_termination: false,
          },
        ],
      },
    },
    COMPUTE,
  )
  ticked('request accepted', Date.now() - askedAt)
  await showSteps(client, server.id, signal)
  return { id: server.id, askedAt }
}

/** A group that lets ssh and ping in from anywhere: the default one lets in only its own members. */
async function openGroup(client: Client): Promise<string> {
  const name = 'ssh-and-ping'
  const { security_groups } = await client.call('GET', `/network/v2.0/security-groups?name=${name}`)
  if (security_groups.length > 0) return name
  const { security_group } = await client.call('POST', '/network/v2.0/security-groups', {
    security_group: { name, description: 'ssh and ping from anywhere' },
  })
  const rule = (its: object) =>
    client.call('POST', '/network/v2.0/security-group-rules', {
      security_group_rule: { security_group_id: security_group.id, direction: 'ingress', ethertype: 'IPv4', ...its },
    })
  await rule({ protocol: 'tcp', port_range_min: 22, port_range_max: 22 })
  await rule({ protocol: 'icmp' })
  return name
}

/** Follows the server's action events until it is ACTIVE. */
async function showSteps(client: Client, id: string, signal: AbortSignal): Promise<void> {
  const shown = new Set<string>()
  const began = Date.now()
  waitingFor('boot: first step')
  while (Date.now() - began < BOOT_LIMIT_MS) {
    const server = await show(client, id)
    const { instanceActions } = await client.call(
      'GET',
      `/compute/v2.1/servers/${id}/os-instance-actions`,
      undefined,
      COMPUTE,
    )
    const create = instanceActions.find((action: { action: string }) => action.action === 'create')
    const events: Event[] =
      create === undefined
        ? []
        : (
            await client.call(
              'GET',
              `/compute/v2.1/servers/${id}/os-instance-actions/${create.request_id}`,
              undefined,
              COMPUTE,
            )
          ).instanceAction.events
    for (const event of [...events].sort((a, b) => a.start_time.localeCompare(b.start_time))) {
      if (shown.has(event.event) || event.finish_time === null || event.event.startsWith('compute_')) continue
      shown.add(event.event)
      const took = Date.parse(`${event.finish_time}Z`) - Date.parse(`${event.start_time}Z`)
      ticked(`boot: ${event.event}`, took, event.result === 'Error' ? (event.details ?? 'failed') : undefined)
      waitingFor('boot: next step')
    }
    if (server.status === 'ACTIVE') {
      ticked('server is ACTIVE, since the request', Date.now() - began)
      return
    }
    if (server.status === 'ERROR')
      throw new Error(`hello ended in ERROR: ${server.fault?.message ?? 'no reason given'}`)
    await sleep(50, undefined, { signal })
  }
  throw new Error(`hello is not ACTIVE after ${duration(BOOT_LIMIT_MS)}`)
}

/** Until the guest says so on its console; false when it does not. */
async function untilReady(client: Client, id: string, signal: AbortSignal): Promise<boolean> {
  const began = Date.now()
  // A guess for the bar only: an emulated processor takes most of it.
  const bar = progressBar('the guest boots', 15_000)
  try {
    while (Date.now() - began < READY_LIMIT_MS) {
      const { output } = await client.call(
        'POST',
        `/compute/v2.1/servers/${id}/action`,
        { 'os-getConsoleOutput': {} },
        COMPUTE,
      )
      if (READY.test(output.replaceAll('\r', ''))) return true
      bar.set(Date.now() - began)
      await sleep(250, undefined, { signal })
    }
  } finally {
    bar.stop()
    clearWaiting()
  }
  warn(`the guest has not reported ready after ${duration(READY_LIMIT_MS)}: openstack console log show hello`)
  return false
}

async function show(client: Client, id: string) {
  return (await client.call('GET', `/compute/v2.1/servers/${id}`, undefined, COMPUTE)).server
}

function addressOf(server: { addresses: Record<string, { addr: string; version: number }[]> }): string | undefined {
  return Object.values(server.addresses)
    .flat()
    .find((address) => address.version === 4)?.addr
}
