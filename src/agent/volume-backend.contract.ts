/**
 * What every back end of block storage must do, as tests: a back end's own test file calls `volumeBackendContract` with
 * a way to open itself.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isDomainError } from '../domain-error.ts'
import { type ImageId, newId, type VolumeId } from '../ids.ts'
import type { ExportOrder, VolumeBackend, VolumeConnection } from './contract.ts'

export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: VolumeBackend
  /** An image that `writeImage` can fetch, smaller than 1 GiB. */
  anImage(): Promise<{ readonly id: ImageId; readonly format: string }>
  sizeGiB(volumeId: VolumeId): Promise<number>
  /** Whether the volume begins with the bytes of this image. */
  holdsImage(volumeId: VolumeId, imageId: ImageId): Promise<boolean>
  /** Whether a host with this initiator and secret gets at a volume there. */
  canConnect(connection: VolumeConnection): Promise<boolean>
}

const INITIATOR = 'iqn.1993-08.org.debian:01:contract-one'
const OTHER_INITIATOR = 'iqn.1993-08.org.debian:01:contract-two'

export function volumeBackendContract(driver: string, open: () => Promise<BackendUnderTest>): void {
  describe(`${driver} as a volume back end`, () => {
    let test: BackendUnderTest
    let backend: VolumeBackend
    let targets = 0

    before(async () => {
      test = await open()
      backend = test.backend
    })
    after(() => test[Symbol.asyncDispose]())

    const aVolume = async (sizeGiB = 1) => {
      const id = newId<VolumeId>()
      await backend.create(id, sizeGiB)
      return id
    }
    const anOrder = (volumeId: VolumeId, wish: Partial<ExportOrder> = {}): ExportOrder => ({
      volumeId,
      targetNumber: ++targets,
      initiators: [INITIATOR],
      authUsername: 'contract-user',
      authPassword: 'contract-secret-1',
      ...wish,
    })
    const connection = (
      order: ExportOrder,
      target: { targetPortal: string; targetIqn: string; targetLun: number },
      wish: Partial<VolumeConnection> = {},
    ): VolumeConnection => ({
      driverVolumeType: 'iscsi',
      ...target,
      authUsername: order.authUsername,
      authPassword: order.authPassword,
      initiator: INITIATOR,
      ...wish,
    })
    const unknown = (error: unknown) => isDomainError(error, 'agent.volume.unknown')

    it('is named host@backend#pool, by the names that its figures give', async () => {
      const stats = await backend.stats()
      assert.match(backend.name, /^[^@#]+@[^@#]+#[^@#]+$/)
      assert.ok(backend.name.endsWith(`@${stats.backendName}#${stats.poolName}`), backend.name)
      assert.ok(stats.totalGiB > 0)
      assert.ok(stats.freeGiB <= stats.totalGiB)
    })

    it('makes a volume once, however often it is asked', async () => {
      const id = await aVolume(2)
      await backend.create(id, 2)
      assert.equal(await test.sizeGiB(id), 2)
      assert.deepEqual(
        (await backend.list()).filter((other) => other === id),
        [id],
      )
      await backend.remove(id)
    })

    it('removes a volume, and finding none is fine', async () => {
      const id = await aVolume()
      await backend.remove(id)
      assert.ok(!(await backend.list()).includes(id))
      await backend.remove(id)
    })

    it('grows a volume, once and again, and never shrinks one', async () => {
      const id = await aVolume(1)
      await backend.extend(id, 3)
      await backend.extend(id, 3)
      await backend.extend(id, 2)
      assert.equal(await test.sizeGiB(id), 3)
      await backend.remove(id)
    })

    it('fills a volume with an image, once and again, and keeps its size', async () => {
      const id = await aVolume(2)
      const image = await test.anImage()
      await backend.writeImage(id, image)
      await backend.writeImage(id, image)
      assert.equal(await test.holdsImage(id, image.id), true)
      assert.equal(await test.sizeGiB(id), 2)
      await backend.remove(id)
    })

    it('copies a volume into a larger one that lives on without the first', async () => {
      const from = await aVolume(1)
      const image = await test.anImage()
      await backend.writeImage(from, image)
      const to = newId<VolumeId>()
      await backend.copy(from, to, 2)
      await backend.copy(from, to, 2)
      await backend.remove(from)
      assert.equal(await test.sizeGiB(to), 2)
      assert.equal(await test.holdsImage(to, image.id), true)
      await backend.remove(to)
    })

    it('refuses to work on a volume that it does not have', async () => {
      const id = newId<VolumeId>()
      await assert.rejects(backend.extend(id, 2), unknown)
      await assert.rejects(backend.copy(id, newId<VolumeId>(), 2), unknown)
      await assert.rejects(backend.writeImage(id, await test.anImage()), unknown)
      await assert.rejects(backend.ensureExport(anOrder(id)), unknown)
    })

    it('exports a volume to the host that is named, and to no other', async () => {
      const id = await aVolume()
      const order = anOrder(id)
      const target = await backend.ensureExport(order)
      assert.equal(await test.canConnect(connection(order, target)), true)
      assert.equal(await test.canConnect(connection(order, target, { initiator: OTHER_INITIATOR })), false)
      await backend.removeExport(id, order.targetNumber)
      await backend.remove(id)
    })

    it('lets nobody in with a wrong password', async () => {
      const id = await aVolume()
      const order = anOrder(id)
      const target = await backend.ensureExport(order)
      assert.equal(await test.canConnect(connection(order, target)), true)
      assert.equal(await test.canConnect(connection(order, target, { authPassword: 'contract-secret-2' })), false)
      await backend.removeExport(id, order.targetNumber)
      await backend.remove(id)
    })

    it('exports at the same place when it is asked again, to whom it is told then', async () => {
      const id = await aVolume()
      const order = anOrder(id)
      const target = await backend.ensureExport(order)
      assert.deepEqual(await backend.ensureExport(order), target)
      assert.deepEqual(await backend.ensureExport({ ...order, initiators: [OTHER_INITIATOR] }), target)
      assert.equal(await test.canConnect(connection(order, target)), false)
      assert.equal(await test.canConnect(connection(order, target, { initiator: OTHER_INITIATOR })), true)
      await backend.removeExport(id, order.targetNumber)
      await backend.remove(id)
    })

    it('takes an export away, and finding none is fine', async () => {
      const id = await aVolume()
      const order = anOrder(id)
      const target = await backend.ensureExport(order)
      await backend.removeExport(id, order.targetNumber)
      assert.equal(await test.canConnect(connection(order, target)), false)
      await backend.removeExport(id, order.targetNumber)
      await backend.remove(id)
    })

    it('reconciles to exactly the exports that should be', async () => {
      const kept = await aVolume()
      const missing = await aVolume()
      const stranger = await aVolume()
      const keptOrder = anOrder(kept)
      const missingOrder = anOrder(missing)
      const strangerOrder = anOrder(stranger)
      const keptTarget = await backend.ensureExport(keptOrder)
      const missingTarget = await backend.ensureExport(missingOrder)
      await backend.removeExport(missing, missingOrder.targetNumber)
      const strangerTarget = await backend.ensureExport(strangerOrder)
      await backend.reconcileExports([keptOrder, missingOrder])
      assert.equal(await test.canConnect(connection(keptOrder, keptTarget)), true)
      assert.equal(await test.canConnect(connection(missingOrder, missingTarget)), true)
      assert.equal(await test.canConnect(connection(strangerOrder, strangerTarget)), false)
      await backend.reconcileExports([])
      assert.equal(await test.canConnect(connection(keptOrder, keptTarget)), false)
      for (const id of [kept, missing, stranger]) await backend.remove(id)
    })
  })
}
