/** Our own share of a real boot: from the request to ACTIVE, less what libvirt and QEMU's tools took. Needs root. */
import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { adminToken } from '../test/support/clean-slate.ts'
import { freePort, startCloud } from '../test/support/cloud-process.ts'
import { send } from '../test/support/http-load.ts'
import { tinyImage } from '../test/support/lab.ts'

/** Steps of the boot story that wait for libvirt (define, start) or qemu-img. */
const NOT_OURS = new Set(['power on', 'prepare disks'])
const BOOTS = 7

export interface BootTimes {
  /** Median, the first boot left out: it makes the network and fetches the image. */
  readonly ownMs: number
  readonly totalMs: number
}

export async function realBoots(): Promise<BootTimes> {
  const dir = await mkdtemp(join(tmpdir(), 'st-bench-'))
  await chmod(dir, 0o711)
  const state = join(dir, 's')
  await mkdir(state, { mode: 0o711 })
  await copyFile(await tinyImage(), join(state, 'tiny.qcow2'))
  const cloud = await startCloud(state, await freePort(), ['--clouds-yaml', 'none'])
  try {
    const headers = {
      'x-auth-token': await adminToken(state, cloud.url),
      'openstack-api-version': 'compute 2.96',
    }
    const get = async (path: string) => JSON.parse((await send(cloud.url, 'GET', path, headers)).text)
    const imageRef = (await get('/image/v2/images?name=tiny')).images[0].id
    const network = (await get('/network/v2.0/networks?name=public')).networks[0].id
    const boots: BootTimes[] = []
    for (let each = 0; each < BOOTS; each++) {
      const began = performance.now()
      const body = { server: { name: `boot-${each}`, flavorRef: 'tiny', imageRef, networks: [{ uuid: network }] } }
      const { server } = JSON.parse((await send(cloud.url, 'POST', '/compute/v2.1/servers', headers, body)).text)
      const path = `/compute/v2.1/servers/${server.id}`
      for (let status = 'BUILD'; status !== 'ACTIVE'; status = (await get(path)).server.status) {
        if (status === 'ERROR') throw new Error(JSON.stringify((await get(path)).server.fault))
        await sleep(5)
      }
      const totalMs = performance.now() - began
      const [action] = (await get(`${path}/os-instance-actions`)).instanceActions
      const { events } = (await get(`${path}/os-instance-actions/${action.request_id}`)).instanceAction
      boots.push({ totalMs, ownMs: totalMs - spent(events) })
      await send(cloud.url, 'DELETE', path, headers)
    }
    const later = boots.slice(1)
    return { ownMs: median(later.map((boot) => boot.ownMs)), totalMs: median(later.map((boot) => boot.totalMs)) }
  } finally {
    await cloud.stop()
    const down = [join(import.meta.dirname, '../src/main.ts'), 'down', '--purge', '--state', state]
    await promisify(execFile)(process.execPath, down)
    await rm(dir, { recursive: true, force: true })
  }
}

function spent(events: readonly { event: string; start_time: string; finish_time: string }[]): number {
  return events
    .filter(({ event }) => NOT_OURS.has(event))
    .reduce((sum, { start_time, finish_time }) => sum + Date.parse(`${finish_time}Z`) - Date.parse(`${start_time}Z`), 0)
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}
