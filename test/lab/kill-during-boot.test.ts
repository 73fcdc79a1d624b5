/** `kill -9` in the middle of a real boot, at three places: the next start finishes it, and its guest comes up. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, chmod, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { adminToken, cleanSlate } from '../support/clean-slate.ts'
import { type CloudProcess, freePort, startCloud } from '../support/cloud-process.ts'
import { send } from '../support/http-load.ts'
import { labMissing, tinyImage } from '../support/lab.ts'

const run = promisify(execFile)
const COMPUTE = { 'openstack-api-version': 'compute 2.96' }

describe('a control plane that is killed during a real boot', { skip: labMissing('lab') ?? false }, () => {
  let dir: string
  let state: string
  let port: number
  let cloud: CloudProcess

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'st-kill-'))
    await chmod(dir, 0o711)
    state = join(dir, 's')
    await mkdir(state, { mode: 0o711 })
    await copyFile(await tinyImage(), join(state, 'tiny.qcow2'))
    port = await freePort()
    cloud = await startCloud(state, port, ['--clouds-yaml', 'none'])
    await cloud.stop()
  })
  after(async () => {
    await cloud?.stop()
    const program = join(import.meta.dirname, '../../src/main.ts')
    await run(process.execPath, [program, 'down', '--purge', '--state', state]).finally(() =>
      rm(dir, { recursive: true, force: true }),
    )
  })

  const ask = async (method: string, path: string, body?: unknown) => {
    const headers = { 'x-auth-token': await adminToken(state, cloud.url), ...(path.startsWith('/compute') && COMPUTE) }
    const reply = await send(cloud.url, method, path, headers, body)
    return { status: reply.status, body: reply.text === '' ? undefined : JSON.parse(reply.text) }
  }
  const until = async (what: () => Promise<boolean>, withinMs: number, why: () => Promise<string>) => {
    const deadline = Date.now() + withinMs
    while (!(await what())) {
      if (Date.now() > deadline) assert.fail(await why())
      await sleep(250)
    }
  }

  for (const where of ['after:bind ports', 'before:prepare disks', 'after:power on']) {
    it(`finishes the boot when it was killed ${where.replace(':', ' "')}"`, async () => {
      cloud = await startCloud(state, port, ['--clouds-yaml', 'none', '--crash-at', where])
      const image = (await ask('GET', '/image/v2/images?name=tiny')).body.images[0].id
      const network = (await ask('GET', '/network/v2.0/networks?name=public')).body.networks[0].id
      const asked = await ask('POST', '/compute/v2.1/servers', {
        server: {
          name: 'survivor',
          flavorRef: 'tiny',
          imageRef: image,
          networks: [{ uuid: network }],
          block_device_mapping_v2: [
            {
              source_type: 'image',
              uuid: image,
              destination_type: 'local',
              boot_index: 0,
              delete_on_termination: true,
            },
            {
              source_type: 'blank',
              destination_type: 'volume',
              volume_size: 1,
              boot_index: -1,
              delete_on_termination: true,
            },
          ],
        },
      })
      assert.equal(asked.status, 202, JSON.stringify(asked.body))
      const { id } = asked.body.server
      await Promise.race([cloud.ended, sleep(60_000).then(() => assert.fail('it was not killed'))])
      cloud = await startCloud(state, port, ['--clouds-yaml', 'none'])
      const shown = async () => (await ask('GET', `/compute/v2.1/servers/${id}`)).body.server
      await until(
        async () => (await shown()).status !== 'BUILD',
        60_000,
        async () => JSON.stringify(await shown()),
      )
      assert.equal((await shown()).status, 'ACTIVE', JSON.stringify((await shown()).fault))
      const console = () => readFile(join(state, 'instances', id, 'console.log'), 'utf8').catch(() => '')
      await until(
        async () => /ready after/.test(await console()),
        180_000,
        async () => (await console()).slice(-1000),
      )
      assert.match((await console()).replaceAll('\r', ''), /tiny: disk: vdb size=1073741824/)
      assert.equal((await ask('DELETE', `/compute/v2.1/servers/${id}`)).status, 204)
      await until(
        async () => (await ask('GET', `/compute/v2.1/servers/${id}`)).status === 404,
        60_000,
        async () => 'it is not deleted',
      )
      await cleanSlate(state, cloud.url)
      await cloud.stop()
    })
  }
})
