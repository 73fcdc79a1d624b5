/**
 * The saga runner: steps in the order they happen, each with its undo beside it. A step's outcome is written down
 * before the next begins (by DBOS), so a crash resumes at the step in flight. If a step fails, its own undo and those
 * above it run, last first: its own too, because a failed step may be half done.
 */
import { DBOS } from '@dbos-inc/dbos-sdk'
import { DomainError } from '../domain-error.ts'

export interface Deed<T> {
  /** May run twice (a crash repeats the step in flight). `signal` aborts when the time is up. */
  readonly run: (signal: AbortSignal) => Promise<T>
  /** May find nothing to undo. Retried until it succeeds or `UNDO_ATTEMPTS` are spent. */
  readonly undo?: () => Promise<void>
  /** A step that takes longer has failed. */
  readonly withinMs?: number
  /** Retry on any error but a DomainError, this many times in all; 1 where absent. */
  readonly attempts?: number
}

export type Step = <T>(name: string, deed: Deed<T>) => Promise<T>

export interface SagaOptions {
  /**
   * Asked before each step. When it says yes the saga stops as if the step had failed, with a DomainError
   * `durable.saga.abandoned`: how a delete during a boot is a turn of the same story.
   */
  readonly abandoned?: () => Promise<boolean>
  /** Told of an undo that kept failing: news for an operator. */
  readonly onStuckUndo?: (step: string, error: unknown) => void
}

/** A test's way in: see testing.ts. `phase` is `do` or `undo`. */
export interface SagaProbe {
  around<T>(step: { name: string; phase: 'do' | 'undo' }, run: () => Promise<T>): Promise<T>
}

/** Set while the process ends: a step that would begin now begins in the next process. */
let halted = false
const inFlight = new Set<Promise<unknown>>()

/** Lets no further step begin, and resolves when those under way are written down, or after `withinMs`. */
export async function haltSagas(withinMs: number): Promise<void> {
  halted = true
  await Promise.race([Promise.allSettled(inFlight), new Promise((resolve) => setTimeout(resolve, withinMs).unref())])
}

/** Steps may begin again. */
export function resumeSagas(): void {
  halted = false
}

/** A step of DBOS, counted. A story that meets a halt stands still for good: its next process takes the step. */
async function recorded<T>(run: () => Promise<T>, config: Parameters<typeof DBOS.runStep>[1]): Promise<T> {
  if (halted) return await new Promise<never>(() => {})
  const work = DBOS.runStep(run, config)
  inFlight.add(work)
  try {
    return await work
  } finally {
    inFlight.delete(work)
  }
}

const DEFAULT_STEP_MS = 120_000
const UNDO_ATTEMPTS = 5

let probe: SagaProbe | undefined
/** Installs a probe around every step and undo of this process; `undefined` takes it away. */
export function probeSagas(next: SagaProbe | undefined): void {
  probe = next
}

/**
 * Runs `body` inside a DBOS workflow. Rethrows the error of the step that failed, after all undos.
 */
export async function saga<T>(body: (step: Step) => Promise<T>, options: SagaOptions = {}): Promise<T> {
  const undos: { name: string; undo: () => Promise<void> }[] = []
  const step: Step = async (name, deed) => {
    if (deed.undo !== undefined) undos.push({ name, undo: deed.undo })
    return await recorded(() => attempt(name, deed, options), { name })
  }
  try {
    return await body(step)
  } catch (error) {
    for (const { name, undo } of undos.reverse()) await runUndo(name, undo, options)
    throw error
  }
}

async function attempt<T>(name: string, deed: Deed<T>, options: SagaOptions): Promise<T> {
  if (await options.abandoned?.()) {
    throw new DomainError('conflict', 'durable.saga.abandoned', `abandoned before "${name}"`)
  }
  const attempts = deed.attempts ?? 1
  for (let tried = 1; ; tried++) {
    try {
      return await probed({ name, phase: 'do' }, () => within(name, deed.withinMs ?? DEFAULT_STEP_MS, deed.run))
    } catch (error) {
      if (error instanceof DomainError || tried >= attempts) throw error
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** tried))
    }
  }
}

async function within<T>(name: string, ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const clock = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DomainError('unavailable', 'durable.step.late', `"${name}" took longer than ${ms / 1000} s`)
      clock.abort(error)
      reject(error)
    }, ms)
  })
  try {
    return await Promise.race([run(clock.signal), late])
  } finally {
    clearTimeout(timer)
  }
}

async function runUndo(name: string, undo: () => Promise<void>, options: SagaOptions): Promise<void> {
  try {
    await recorded(() => probed({ name, phase: 'undo' }, undo), {
      name: `undo: ${name}`,
      retriesAllowed: true,
      maxAttempts: UNDO_ATTEMPTS,
      intervalSeconds: 0.2,
      backoffRate: 3,
    })
  } catch (error) {
    options.onStuckUndo?.(name, error)
  }
}

function probed<T>(step: { name: string; phase: 'do' | 'undo' }, run: () => Promise<T>): Promise<T> {
  return probe === undefined ? run() : probe.around(step, run)
}
