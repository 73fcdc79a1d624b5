import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { type ByteStore, openByteStore } from './byte-store.ts'
import { openStores } from '../stores/stores.ts'
import { tendBytes } from './gardener.ts'

describe('after a crash', () => {
  let test: ImageServiceUnderTest
  let bytes: ByteStore
  let dir: string
  before(async () => {
    test = await imageServiceUnderTest()
    dir = join(test.service.context.stateDir, 'image')
    bytes = await openByteStore(dir)
  })
  after(async () => {
    await bytes.close()
    await test[Symbol.asyncDispose]()
  })

  const tend = async () => {
    const stores = await openStores(bytes, dir, [])
    await tendBytes({ db: test.service.context.db, stores, log: pino({ level: 'silent' }) })
  }
  const status = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}`)).body.status
  /** An image whose upload began, by a control plane that has died `seconds` ago or will have. */
  const aDeadUpload = async (leaseSeconds: number) => {
    const id = await test.anImage()
    const uploadId = randomUUID()
    await test.service.context.db`
      update image.images set status = 'saving', upload_id = ${uploadId},
        upload_lease_until = now() + make_interval(secs => ${leaseSeconds}) where id = ${id}`
    const path = join(dir, 'incoming', `${id}.${uploadId}`)
    await writeFile(path, 'half')
    const longAgo = new Date(Date.now() - 3_600_000)
    await utimes(path, longAgo, longAgo)
    return { id, path }
  }

  it('an upload of a dead control plane is given up, its bytes go, and the image can be filled', async () => {
    const { id, path } = await aDeadUpload(-1)
    await tend()
    assert.equal(await status(id), 'queued')
    assert.equal(existsSync(path), false)
    assert.equal((await test.upload('demo', id, 'again')).status, 204)
  })

  it('an upload that is alive elsewhere is left alone', async () => {
    const { id, path } = await aDeadUpload(20)
    await tend()
    assert.equal(await status(id), 'saving')
    assert.equal(existsSync(path), true)
  })

  it('bytes that were named but whose image did not become active go', async () => {
    const { id, path } = await aDeadUpload(-1)
    await rename(path, join(dir, 'images', id))
    await tend()
    assert.equal(existsSync(join(dir, 'images', id)), false)
    assert.equal(await status(id), 'queued')
  })

  it('bytes of a deleted image and of one that never was go; those of the others stay', async () => {
    const kept = await test.anActiveImage()
    const deactivated = await test.anActiveImage()
    await test.ask('demo', 'POST', `/v2/images/${deactivated}/actions/deactivate`)
    const deleted = await test.anActiveImage()
    await test.ask('demo', 'DELETE', `/v2/images/${deleted}`)
    const never = randomUUID()
    for (const id of [deleted, never]) await writeFile(join(dir, 'images', id), 'rubbish')
    await tend()
    const stands = [kept, deactivated, deleted, never].map((id) => existsSync(join(dir, 'images', id)))
    assert.deepEqual(stands, [true, true, false, false])
  })
})
