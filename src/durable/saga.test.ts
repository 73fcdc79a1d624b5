import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serviceUnderTest, type ServiceUnderTest } from '../../test/support/service.ts'
import { newId, type StoryId } from '../ids.ts'
import { saga } from './saga.ts'
import type { Story } from './stories.ts'

describe('a saga', () => {
  let test: ServiceUnderTest
  let story: Story<{ failAt: string }>
  let asking: Story<Record<string, never>>
  const happened: string[] = []

  before(async () => {
    test = await serviceUnderTest([])
    story = test.context.stories.define('durable.test', async ({ failAt }: { failAt: string }) => {
      await saga(async (step) => {
        for (const name of ['one', 'two', 'three']) {
          await step(name, {
            run: async () => {
              happened.push(name)
              if (name === failAt) throw new Error(`no ${name}`)
            },
            undo: async () => {
              happened.push(`undo ${name}`)
            },
          })
        }
      })
    })
    asking = test.context.stories.define('durable.asking', async () => {
      await saga(async (step) => {
        await step('ask another', {
          run: async () => {
            const other = newId<StoryId>()
            await test.context.stories.commit(async (_tx, ask) => ask(story, other, { failAt: 'none' }))
            await test.context.stories.ended(other)
            happened.push('heard')
          },
        })
      })
    })
    await test.context.stories.launch()
  })
  after(() => test[Symbol.asyncDispose]())

  const tell = async (failAt: string) => {
    happened.length = 0
    const id = newId<StoryId>()
    await test.context.stories.commit(async (_tx, ask) => ask(story, id, { failAt }))
    await test.context.stories.ended(id)
    return { did: [...happened], steps: await test.context.stories.steps(id) }
  }

  it('takes its steps in order and leaves a span of each', async () => {
    const { did, steps } = await tell('none')
    assert.deepEqual(did, ['one', 'two', 'three'])
    assert.deepEqual(
      steps.map((span) => span.step),
      ['one', 'two', 'three'],
    )
  })

  it('undoes the failed step and those above it, last first', async () => {
    const { did, steps } = await tell('two')
    assert.deepEqual(did, ['one', 'two', 'undo two', 'undo one'])
    assert.equal(steps[1]?.error, 'no two')
  })

  it('leaves its spans alone when its records are forgotten', async () => {
    const { stories, db } = test.context
    const id = newId<StoryId>()
    await stories.commit(async (_tx, ask) => ask(story, id, { failAt: 'two' }))
    await stories.ended(id)
    const spans = await stories.steps(id)
    await stories.forget(-60_000)
    assert.equal((await db`select from dbos.operation_outputs where workflow_uuid = ${id}`).count, 0)
    assert.deepEqual(await stories.steps(id), spans)
    assert.equal(await stories.status(id), 'ended')
    await stories.forget(-60_000)
    assert.deepEqual(await stories.steps(id), spans)
  })

  it('keeps the records of a story that is not old enough', async () => {
    const { stories, db } = test.context
    const id = newId<StoryId>()
    await stories.commit(async (_tx, ask) => ask(story, id, { failAt: 'none' }))
    await stories.ended(id)
    await stories.forget(60_000)
    assert.equal((await db`select from dbos.workflow_status where workflow_uuid = ${id}`).count, 1)
  })

  it('may have a step that asks for another story and awaits it', async () => {
    happened.length = 0
    const { stories } = test.context
    const id = newId<StoryId>()
    await stories.commit(async (_tx, ask) => ask(asking, id, {}))
    await stories.ended(id)
    assert.deepEqual(happened, ['one', 'two', 'three', 'heard'])
  })

  it('is not begun when its transaction fails', async () => {
    happened.length = 0
    const id = newId<StoryId>()
    await assert.rejects(
      test.context.stories.commit(async (_tx, ask) => {
        await ask(story, id, { failAt: 'none' })
        throw new Error('changed my mind')
      }),
    )
    assert.deepEqual(await test.context.stories.steps(id), [])
    assert.deepEqual(happened, [])
  })
})
