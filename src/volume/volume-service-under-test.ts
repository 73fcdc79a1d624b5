/** Block storage on a real database with pretend back ends and a few images, for the tests beside the code. */
import { Readable } from 'node:stream'
import { type ServiceUnderTest, serviceUnderTest } from '../../test/support/service.ts'
import { agentsOf } from '../agent/agents.ts'
import { openSimulatedBackend, type SimulatedBackend } from '../agent/simulated/index.ts'
import { DomainError } from '../domain-error.ts'
import type { BootImage, Images } from '../image/index.ts'
import { openVolumes, type Volumes, volumeMigrations } from './index.ts'

export interface VolumeServiceUnderTest extends ServiceUnderTest {
  readonly volumes: Volumes
  readonly backends: readonly SimulatedBackend[]
  /** Asks as `demo`, with the newest microversion unless another is given. */
  demo(method: string, path: string, body?: unknown, version?: string): Promise<Answered>
  admin(method: string, path: string, body?: unknown, version?: string): Promise<Answered>
  /** A volume of demo's, made and settled. */
  aVolume(fields?: Record<string, unknown>): Promise<{ id: string; status: string }>
  /** Waits until a volume is in none of the states that pass. */
  settled(id: string): Promise<{ id: string; status: string; [field: string]: unknown }>
  readonly images: Map<string, BootImage>
}

type Answered = Awaited<ReturnType<ServiceUnderTest['ask']>>

export const TINY_IMAGE: BootImage = {
  id: '11111111-1111-4111-8111-111111111111' as BootImage['id'],
  name: 'tiny',
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  sizeBytes: 20_000_000,
  virtualSizeBytes: 2 * 1024 ** 3,
  minDiskGiB: 1,
  minRamMiB: 64,
  checksum: 'abc',
  sha512: 'd41d'.padEnd(128, '0'),
  properties: { hw_disk_bus: 'scsi' },
}

const PASSING = ['creating', 'downloading', 'deleting', 'extending']

export async function volumeServiceUnderTest({
  backends = [openSimulatedBackend({ host: 'host-1' })],
}: {
  backends?: readonly SimulatedBackend[]
} = {}): Promise<VolumeServiceUnderTest> {
  const test = await serviceUnderTest([volumeMigrations])
  const images = new Map<string, BootImage>([[TINY_IMAGE.id, TINY_IMAGE]])
  const volumes = await openVolumes(test.context, { agents: agentsOf([]), images: imagesOf(images), backends })
  await test.mount('/volume', volumes.plugin)
  await test.context.stories.launch()

  const as =
    (who: 'demo' | 'admin') =>
    (method: string, path: string, body?: unknown, version = 'latest') =>
      test.ask(who, method, `/volume/v3${path}`, body, { 'openstack-api-version': `volume ${version}` })
  const demo = as('demo')
  const admin = as('admin')

  const settled = async (id: string) => {
    for (let tries = 0; tries < 500; tries++) {
      const { status, body } = await admin('GET', `/volumes/${id}`)
      if (status === 404) return { id, status: 'gone' }
      if (!PASSING.includes(body.volume.status)) return body.volume
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`volume ${id} does not settle`)
  }

  return {
    ...test,
    volumes,
    backends,
    demo,
    admin,
    settled,
    images,
    async aVolume(fields = {}) {
      const { status, body } = await demo('POST', '/volumes', { volume: { size: 1, ...fields } })
      if (status !== 202) throw new Error(`no volume: ${JSON.stringify(body)}`)
      return await settled(body.volume.id)
    },
    async [Symbol.asyncDispose]() {
      await volumes.close()
      await test[Symbol.asyncDispose]()
    },
  }
}

function imagesOf(images: ReadonlyMap<string, BootImage>): Images {
  return {
    plugin: async () => {},
    policies: {},
    async forBoot(_caller, id) {
      const found = images.get(id)
      if (found === undefined) throw new DomainError('not-found', 'image.image.not-found', `No image ${id}.`)
      if (found.name === 'queued')
        throw new DomainError('conflict', 'image.image.not-active', `Image ${id} is not active.`)
      return found
    },
    find: async (id) => images.get(id),
    source: { open: async () => Readable.from([]) },
    importFile: async () => TINY_IMAGE.id,
    close: async () => {},
  }
}
