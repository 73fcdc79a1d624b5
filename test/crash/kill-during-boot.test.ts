/**
 * `kill -9` of the control plane before and after every step of a boot. Whatever the moment, the next start finishes what
 * was begun: the server is ACTIVE, whole, and its deletion leaves nothing. Each life of the cloud is killed at one place.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { adminToken } from '../support/clean-slate.ts'
import { type CloudProcess, freePort, startCloud } from '../support/cloud-process.ts'
import { send } from '../support/http-load.ts'

/** As boot-server.ts names them; the last test below fails when it names another. */
const STEPS = [
  'rank hosts',
  'create volumes',
  'claim host',
  'bind ports',
  'connect volumes',
  'prepare disks',
  'write config drive',
  'power on',
  'mark volumes in use',
  'report ACTIVE',
]
const EMULATOR = ['--emulator', '--clouds-yaml', 'none']
const COMPUTE = { 'openstack-api-version': 'compute 2.96' }

describe('a control plane that is killed during a boot', () => {
  let state: string
  let port: number
  let cloud: CloudProcess
  const seen = new Set<string>()

  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'st-crash-'))
    await chmod(state, 0o711)
    port = await freePort()
    cloud = await startCloud(state, port, EMULATOR)
    await cloud.stop()
  })
  after(async () => {
    await cloud.stop()
    await rm(state, { recursive: true, force: true })
  })

  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await send(
      cloud.url,
      method,
      path,
      { 'x-auth-token': await adminToken(state, cloud.url), ...(path.startsWith('/compute') && COMPUTE) },
      body,
    )
    return { status: reply.status, body: reply.text === '' ? undefined : JSON.parse(reply.text) }
  }

  const order = async (name: string) => {
    const { flavors } = (await ask('GET', '/compute/v2.1/flavors')).body
    const image = (await ask('GET', '/image/v2/images?name=tiny')).body.images[0].id
    const network = (await ask('GET', '/network/v2.0/networks?name=public')).body.networks[0].id
    return {
      server: {
        name,
        flavorRef: flavors.find((flavor: { name: string }) => flavor.name === 'tiny').id,
        imageRef: image,
        networks: [{ uuid: network }],
        config_drive: true,
        block_device_mapping_v2: [
          { source_type: 'image', uuid: image, destination_type: 'local', boot_index: 0, delete_on_termination: true },
          {
            source_type: 'blank',
            destination_type: 'volume',
            volume_size: 1,
            boot_index: -1,
            delete_on_termination: true,
          },
        ],
      },
    }
  }

  const untilSettled = async (id: string) => {
    const deadline = Date.now() + 30_000
    for (;;) {
      const { server } = (await ask('GET', `/compute/v2.1/servers/${id}`)).body
      if (server.status !== 'BUILD') return server
      assert.ok(Date.now() < deadline, `still in BUILD, task ${server['OS-EXT-STS:task_state']}`)
      await sleep(50)
    }
  }

  const nothingIsLeft = async () => {
    const deadline = Date.now() + 20_000
    for (;;) {
      const ports = (await ask('GET', '/network/v2.0/ports')).body.ports.filter((each: { device_owner: string }) =>
        each.device_owner.startsWith('compute:'),
      )
      const { volumes } = (await ask('GET', '/volume/v3/volumes?all_tenants=1')).body
      const { resource_providers: providers } = (await ask('GET', '/placement/resource_providers')).body
      const allocations = await Promise.all(
        providers.map(async ({ uuid }: { uuid: string }) =>
          Object.keys((await ask('GET', `/placement/resource_providers/${uuid}/allocations`)).body.allocations),
        ),
      )
      const left = { ports: ports.length, volumes: volumes.length, allocations: allocations.flat().length }
      if (left.ports + left.volumes + left.allocations === 0) return
      assert.ok(Date.now() < deadline, `left behind: ${JSON.stringify(left)}`)
      await sleep(100)
    }
  }

  for (const moment of ['before', 'after']) {
    for (const step of STEPS) {
      it(`finishes the boot when it was killed ${moment} "${step}"`, async () => {
        cloud = await startCloud(state, port, [...EMULATOR, '--crash-at', `${moment}:${step}`])
        const asked = await ask('POST', '/compute/v2.1/servers', await order(`${moment} ${step}`))
        assert.equal(asked.status, 202, JSON.stringify(asked.body))
        await Promise.race([cloud.ended, sleep(20_000).then(() => assert.fail('it was not killed'))])
        cloud = await startCloud(state, port, EMULATOR)
        const server = await untilSettled(asked.body.server.id)
        assert.equal(server.status, 'ACTIVE', JSON.stringify(server.fault))
        const actions = (await ask('GET', `/compute/v2.1/servers/${server.id}/os-instance-actions`)).body
          .instanceActions
        const shown = (
          await ask('GET', `/compute/v2.1/servers/${server.id}/os-instance-actions/${actions.at(-1).request_id}`)
        ).body.instanceAction
        for (const { event } of shown.events) seen.add(event)
        assert.equal(server['os-extended-volumes:volumes_attached'].length, 1)
        assert.equal(Object.values(server.addresses).flat().length, 1)
        assert.equal((await ask('DELETE', `/compute/v2.1/servers/${server.id}`)).status, 204)
        await nothingIsLeft()
        await cloud.stop()
      })
    }
  }

  it('was killed at every step that a boot has', () => {
    const steps = [...seen].filter((event) => !event.includes('__') && !event.startsWith('compute_'))
    assert.deepEqual(
      steps.filter((step) => !STEPS.includes(step)),
      [],
    )
    assert.deepEqual(
      STEPS.filter((step) => !seen.has(step)),
      [],
    )
  })
})
