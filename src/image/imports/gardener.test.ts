import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { tendImports } from './gardener.ts'

describe('an import that has ended without saying so', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest()
  })
  after(() => test[Symbol.asyncDispose]())

  const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
  const tend = (status: 'under-way' | 'ended' | 'unknown') =>
    tendImports({
      db: test.service.context.db,
      stories: { status: async () => status },
      log: pino({ level: 'silent' }),
    })
  /** As a story leaves it that could not undo. */
  const heldBy = async (id: string, status: string, quietSeconds: number) => {
    const taskId = randomUUID()
    const { db } = test.service.context
    await db`
      update image.images
         set status = ${status}, import_task = ${taskId}, importing_to = '{file}', failed_stores = '{}',
             updated_at = now() - make_interval(secs => ${quietSeconds})
       where id = ${id}`
    await db`
      insert into image.tasks (id, type, status, owner, user_id, request_id, image_id, input)
      values (${taskId}, 'api_image_import', 'processing', '', '', '', ${id}, '{}')`
  }
  const taskOf = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks[0]

  it('leaves its image to be filled anew', async () => {
    const id = await test.anImage()
    await heldBy(id, 'importing', 120)
    await tend('ended')
    const image = await show(id)
    assert.deepEqual([image.status, image.os_glance_failed_import], ['queued', 'file'])
    assert.equal((await taskOf(id)).status, 'failure')
    assert.equal((await test.upload('demo', id, 'again')).status, 204)
  })

  it('leaves an image that was being copied as it was', async () => {
    const id = await test.anActiveImage()
    await heldBy(id, 'active', 120)
    await tend('unknown')
    const image = await show(id)
    assert.deepEqual([image.status, image.stores, image.os_glance_import_task], ['active', 'file', undefined])
  })

  it('is not taken for one that is under way, or has only just begun', async () => {
    const [busy, young] = [await test.anImage(), await test.anImage()]
    await heldBy(busy, 'importing', 120)
    await tend('under-way')
    await heldBy(young, 'importing', 5)
    await test.service.context.db`update image.images set import_task = null, status = 'queued' where id = ${busy}`
    await tend('ended')
    assert.equal((await show(young)).status, 'importing')
    assert.equal((await taskOf(busy)).status, 'processing')
  })
})
