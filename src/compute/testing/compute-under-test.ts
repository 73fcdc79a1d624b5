/** Compute with its neighbours on simulated hosts, for its own tests: the real services where they need no network. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Answer,
  type Person,
  person,
  serviceUnderTest,
  type ServiceUnderTest,
} from '../../../test/support/service.ts'
import {
  openSimulatedBackend,
  type SimulatedBackend,
  simulatedAgents,
  type SimulatedAgents,
} from '../../agent/simulated/index.ts'
import type { ImageId, NetworkId, ServerId } from '../../ids.ts'
import { imageMigrations, openImages, type Images } from '../../image/index.ts'
import { type Network, networkMigrations, openNetwork, type PortNews } from '../../network/index.ts'
import { openPlacement, type Placement, placementMigrations } from '../../placement/index.ts'
import { openVolumes, type Volumes, volumeMigrations } from '../../volume/index.ts'
import { type Compute, computeMigrations, openCompute } from '../index.ts'

export interface TestCloud extends AsyncDisposable {
  readonly test: ServiceUnderTest
  readonly compute: Compute
  readonly agents: SimulatedAgents
  readonly backend: SimulatedBackend
  readonly placement: Placement
  readonly network: Network & PortNews
  /** Of demo. */
  readonly privateId: NetworkId
  /** Shared by all. */
  readonly publicId: NetworkId
  readonly volumes: Volumes
  readonly images: Images
  /** A raw image of 1 MiB that demo and alt may use. */
  readonly imageId: ImageId
  ask: (who: Person | undefined, method: string, path: string, body?: unknown, version?: string) => Promise<Answer>
  /** Creates as demo, with the image and the flavor `tiny` unless told otherwise; answers the id. */
  boot(server?: object, options?: { who?: Person; version?: string }): Promise<ServerId>
  /** Waits until no task is left; answers what an admin sees at the newest version. */
  // biome-ignore lint/suspicious/noExplicitAny: a conversation's test says which fields it expects
  settled(id: ServerId): Promise<any>
  /** Waits until it is gone. */
  gone(id: ServerId): Promise<void>
}

export async function testCloud({ hosts = 2 }: { hosts?: number } = {}): Promise<TestCloud> {
  const test = await serviceUnderTest([
    placementMigrations,
    imageMigrations,
    networkMigrations,
    volumeMigrations,
    computeMigrations,
  ])
  const { context } = test
  const agents = simulatedAgents(hosts)
  const backend = openSimulatedBackend({ host: 'host-1' })
  const images = await openImages(context)
  const placement = await openPlacement(context)
  const network = await openNetwork(context, { agents })
  const volumes = await openVolumes(context, { agents, images, backends: [backend] })
  const compute = await openCompute(context, { agents, images, placement, network, volumes })
  await context.stories.launch()
  await test.app.register(volumes.plugin, { prefix: '/volume' })
  await test.app.register(network.plugin, { prefix: '/network' })
  await test.mount('/compute', compute.plugin)
  await compute.bootstrap()
  await compute.start()

  const { privateId, publicId } = await network.bootstrap({
    publicCidr: () => '192.0.2.0/24',
    privateCidr: '10.0.0.0/16',
    adminProjectId: person('admin').projectId!,
    demoProjectId: person('demo').projectId!,
  })
  const file = join(context.stateDir, 'image.raw')
  await writeFile(file, Buffer.alloc(2 ** 20))
  const imageId = await images.importFile({
    name: 'raw',
    path: file,
    diskFormat: 'raw',
    properties: {},
    ownerProjectId: person('demo').projectId!,
  })

  const ask: TestCloud['ask'] = (who, method, path, body, version) =>
    test.ask(who, method, `/compute/v2.1${path}`, body, version === undefined ? {} : microversionHeaders(version))
  const show = async (id: ServerId) => await ask('admin', 'GET', `/servers/${id}`, undefined, 'latest')

  return {
    test,
    compute,
    agents,
    backend,
    placement,
    network,
    privateId,
    publicId,
    volumes,
    images,
    imageId,
    ask,
    async boot(server = {}, { who = 'demo', version = 'latest' } = {}) {
      const networks = [{ uuid: privateId }]
      const body = { server: { name: 'web', imageRef: imageId, flavorRef: 'tiny', networks, ...server } }
      const answer = await ask(who, 'POST', '/servers', body, version)
      if (answer.status !== 202) throw new Error(`create answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return answer.body.server.id
    },
    async settled(id) {
      for (let tries = 0; tries < 400; tries++) {
        const answer = await show(id)
        if (answer.status !== 200) throw new Error(`show answered ${answer.status}`)
        const { server } = answer.body
        if (server['OS-EXT-STS:task_state'] === null && server.status !== 'BUILD') return server
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error(`server ${id} did not settle: ${JSON.stringify((await show(id)).body)}`)
    },
    async gone(id) {
      for (let tries = 0; tries < 400; tries++) {
        if ((await show(id)).status === 404) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error(`server ${id} is not gone: ${JSON.stringify((await show(id)).body)}`)
    },
    async [Symbol.asyncDispose]() {
      await compute.close()
      await network.close()
      await volumes.close()
      await images.close()
      await test[Symbol.asyncDispose]()
    },
  }
}

export function microversionHeaders(version: string): Record<string, string> {
  return { 'openstack-api-version': `compute ${version}` }
}
