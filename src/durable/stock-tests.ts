/**
 * The three tests that every story gets for free: each step twice changes nothing; failing at each step in turn ends on
 * a clean slate; so does repeating each undo. A clean slate is a list of named checks, such as `noAllocationsRemain`.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DBOS } from '@dbos-inc/dbos-sdk'
import { DomainError } from '../domain-error.ts'
import type { StoryId } from '../ids.ts'
import { probeSagas, type SagaProbe } from './saga.ts'

type Checks = Readonly<Record<string, () => Promise<void>>>

export interface StoryUnderTest {
  /** Its steps in order, when all goes well. A step that is missing here fails the tests. */
  readonly steps: readonly string[]
  /** Makes ground for one telling; no step of it is disturbed. */
  readonly prepare?: () => Promise<void>
  /** Asks for the story, and resolves when it has ended, whatever way. */
  readonly tell: () => Promise<StoryId>
  /** What holds when it went well. */
  readonly done: Checks
  /** What holds when it did not. */
  readonly cleanSlate: Checks
  /** For stories that only go forward: what a person does after a failure, before the slate is clean. */
  readonly recover?: () => Promise<void>
}

/** Declares the tests; call it where `describe` may be called. Nothing of `story` runs before the tests do. */
export function stockTests(name: string, story: StoryUnderTest): void {
  describe(`${name}, as every story`, () => {
    it('takes the steps that are told of it', async () => {
      const seen: { story: string | undefined; step: string }[] = []
      await story.prepare?.()
      const told = await under(
        async ({ name, phase }, run) => {
          if (phase === 'do') seen.push({ story: DBOS.workflowID, step: name })
          return await run()
        },
        () => story.tell(),
      )
      assert.deepEqual(
        seen.filter((each) => each.story === told).map((each) => each.step),
        story.steps,
      )
      await hold(story.done)
    })

    it('comes to the same when each step is taken twice', async () => {
      await story.prepare?.()
      await under(
        async ({ name, phase }, run) => {
          if (phase === 'do' && story.steps.includes(name)) await run()
          return await run()
        },
        () => story.tell(),
      )
      await hold(story.done)
    })

    for (const step of story.steps) {
      it(`ends on a clean slate when "${step}" fails before its deed`, () => failing(step, 'before'))
      it(`ends on a clean slate when "${step}" fails after its deed`, () => failing(step, 'after'))
    }

    for (const step of story.steps) {
      it(`ends on a clean slate when "${step}" fails and each undo is repeated`, () => failing(step, 'after', true))
    }
  })

  async function failing(step: string, when: 'before' | 'after', undoTwice = false): Promise<void> {
    await story.prepare?.()
    await under(
      async ({ name, phase }, run) => {
        if (phase === 'undo' && undoTwice) await run()
        if (phase === 'do' && name === step && when === 'before') throw failure(step)
        const result = await run()
        if (phase === 'do' && name === step) throw failure(step)
        return result
      },
      () => story.tell(),
    )
    await story.recover?.()
    await hold(story.cleanSlate)
  }
}

async function under<T>(around: SagaProbe['around'], deed: () => Promise<T>): Promise<T> {
  probeSagas({ around })
  try {
    return await deed()
  } finally {
    probeSagas(undefined)
  }
}

async function hold(checks: Checks): Promise<void> {
  for (const [name, check] of Object.entries(checks)) {
    await check().catch((error: Error) => {
      throw new Error(`${name} does not hold: ${error.message}`, { cause: error })
    })
  }
}

/** As an agent that cannot be reached: no host, not the request, is to blame, and a step does not repeat it. */
function failure(step: string): DomainError {
  return new DomainError('unavailable', 'test.step.failed', `the test made "${step}" fail`)
}
