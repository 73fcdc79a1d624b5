/** `stratolith status`: one screen of what runs. Exit status 0 when the cloud answers, 1 when it does not. */
import { statfs } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { findRunning, passwordsFile, readPasswords } from '../state.ts'
import { ApiError, Client, firstUser } from './client.ts'
import { bold, count, dim, duration, green, messageOf, red, say, yellow } from './terminal.ts'

interface Overview {
  readonly running: boolean
  readonly state: string
  readonly url?: string
  readonly pid?: number
  readonly startedAt?: string
  readonly emulator?: boolean
  readonly hosts?: { name: string; status: string; state: string; vcpus: string; ramMiB: string }[]
  readonly servers?: { id: string; name: string; project: string; status: string; host: string; addresses: string[] }[]
  readonly volumes?: { id: string; name: string; status: string; sizeGiB: number }[]
  readonly images?: number
  readonly networks?: number
  readonly diskFreeGiB?: number
  /** False while it comes up. */
  readonly answers?: boolean
  readonly problem?: string
}

export async function status(config: Config, { json }: { json: boolean }): Promise<number> {
  const overview = await look(config)
  if (json) say(JSON.stringify(overview, null, 2))
  else draw(overview)
  return overview.answers === true && overview.problem === undefined ? 0 : 1
}

async function look(config: Config): Promise<Overview> {
  const running = findRunning(config.state)
  if (running === undefined) return { running: false, state: config.state }
  const { startTicks: _ticks, place: _place, ...shown } = running
  const base = { running: true, state: config.state, ...shown }
  if (!running.answers) return base
  try {
    const client = await Client.login(running.place, firstUser('admin', readPasswords(config.state)))
    const compute = { 'openstack-api-version': 'compute 2.87' }
    const [hypervisors, servers, volumes, images, networks, disk] = await Promise.all([
      client.call('GET', '/compute/v2.1/os-hypervisors/detail', undefined, compute),
      client.call('GET', '/compute/v2.1/servers/detail?all_tenants=1', undefined, compute),
      client.call('GET', `/volume/v3/${client.projectId}/volumes/detail?all_tenants=1`),
      client.call('GET', '/image/v2/images?limit=1000'),
      client.call('GET', '/network/v2.0/networks?fields=id'),
      statfs(config.state),
    ])
    const { resource_providers: providers } = await client.call('GET', '/placement/resource_providers', undefined, {
      'openstack-api-version': 'placement 1.39',
    })
    const hosts = await Promise.all(
      hypervisors.hypervisors.map(async (host: { hypervisor_hostname: string; status: string; state: string }) => {
        const provider = providers.find((each: { name: string }) => each.name === host.hypervisor_hostname)
        const usage =
          provider && (await client.call('GET', `/placement/resource_providers/${provider.uuid}/usages`)).usages
        const inventory =
          provider &&
          (await client.call('GET', `/placement/resource_providers/${provider.uuid}/inventories`)).inventories
        const of = (what: string) => (provider === undefined ? '?' : `${usage[what] ?? 0} of ${room(inventory[what])}`)
        return {
          name: host.hypervisor_hostname,
          status: host.status,
          state: host.state,
          vcpus: of('VCPU'),
          ramMiB: of('MEMORY_MB'),
        }
      }),
    )
    return {
      ...base,
      hosts,
      servers: servers.servers.map((server: Record<string, unknown>) => ({
        id: server.id,
        name: server.name,
        project: server.tenant_id,
        status: server.status,
        host: server['OS-EXT-SRV-ATTR:host'],
        addresses: Object.values(server.addresses as Record<string, { addr: string }[]>)
          .flat()
          .map((address) => address.addr),
      })),
      volumes: volumes.volumes.map((volume: Record<string, unknown>) => ({
        id: volume.id,
        name: volume.name,
        status: volume.status,
        sizeGiB: volume.size,
      })),
      images: images.images.length,
      networks: networks.networks.length,
      diskFreeGiB: Math.floor((disk.bavail * disk.bsize) / 2 ** 30),
    }
  } catch (error) {
    return { ...base, problem: problemOf(error, config.state) }
  }
}

/** What servers may take of it altogether. */
function room(inventory: { total: number; reserved: number; allocation_ratio: number } | undefined): number {
  return inventory === undefined ? 0 : Math.floor((inventory.total - inventory.reserved) * inventory.allocation_ratio)
}

function problemOf(error: unknown, state: string): string {
  if (error instanceof ApiError && error.status === 401)
    return `the admin's password is not the one in ${passwordsFile(state)}: write the new one there`
  return error instanceof Error ? `no answer: ${messageOf(error)}` : String(error)
}

function draw(overview: Overview): void {
  if (!overview.running) {
    say(`${red('●')} no cloud runs on ${overview.state}`)
    say(dim('  npm run up starts one; --state DIR looks elsewhere'))
    return
  }
  const since = duration(Date.now() - Date.parse(overview.startedAt ?? ''))
  say(
    `${overview.problem === undefined && overview.answers === true ? green('●') : yellow('●')} ${bold(overview.url ?? '')}${overview.emulator ? ' (emulator)' : ''}  ${dim(`process ${overview.pid}, up ${since}, state ${overview.state}`)}`,
  )
  if (overview.answers !== true) {
    say(`  ${yellow('it is coming up')}`)
    return
  }
  if (overview.problem !== undefined) {
    say(`  ${red('it runs, but')} ${overview.problem}`)
    return
  }
  say()
  for (const host of overview.hosts ?? []) {
    const mark = host.state === 'up' ? (host.status === 'enabled' ? green('●') : yellow('●')) : red('●')
    say(
      `  ${mark} host ${host.name}  vCPUs ${host.vcpus}, MiB ${host.ramMiB}${host.status === 'enabled' ? '' : `, ${host.status}`}`,
    )
  }
  say(
    `  ${count(overview.images ?? 0, 'image')}, ${count(overview.networks ?? 0, 'network')}, ${overview.diskFreeGiB} GiB free on disk`,
  )
  table('server', overview.servers ?? [], (server) => [
    server.name,
    server.status,
    server.addresses.join(' '),
    server.id,
  ])
  table('volume', overview.volumes ?? [], (volume) => [
    volume.name || '-',
    volume.status,
    `${volume.sizeGiB} GiB`,
    volume.id,
  ])
}

const SHOWN = 12

function table<T>(title: string, rows: readonly T[], cells: (row: T) => string[]): void {
  say(`\n  ${bold(count(rows.length, title))}`)
  const shown = rows.slice(0, SHOWN).map(cells)
  const widths = shown.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  )
  for (const row of shown) say(`    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`)
  if (rows.length > SHOWN) say(dim(`    and ${rows.length - SHOWN} more`))
}
