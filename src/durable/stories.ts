/**
 * Stories: durable workflows that are asked for in the same transaction that writes the resource they are about.
 *
 * The request is a row; DBOS begins it after the commit, under the row's id, so beginning it twice is beginning it
 * once. Requests of a control plane that died between the two are begun by `sweep`, at start and on a clock.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { DBOS } from '@dbos-inc/dbos-sdk'
import type { Database, Sql, Transaction } from '../database/database.ts'
import type { StoryId } from '../ids.ts'
import { forgetRecords, keptSpans, recordedSpans, type Span } from './history.ts'
import { openStoryPool } from './pool.ts'
import { haltSagas, resumeSagas } from './saga.ts'

/** Input of a story: plain JSON. */
export type Plain = { readonly [key: string]: unknown }

export interface Story<In extends Plain> {
  /** `compute.boot-server`: service, then deed. Stable: it is written down. */
  readonly name: string
  readonly run: (input: In) => Promise<void>
}

export interface Stories {
  /**
   * Registers a story. All are registered before `launch`.
   * @param body calls `saga`; nothing happens by chance between its steps
   */
  define<In extends Plain>(name: string, body: (input: In) => Promise<void>): Story<In>
  /**
   * Runs `work` in a transaction; the stories that it asks for begin when it has committed.
   * @returns what `work` returned
   */
  commit<T>(work: (tx: Transaction, ask: Ask) => Promise<T>): Promise<T>
  /** Connects DBOS and resumes what an earlier process left unfinished. */
  launch(): Promise<void>
  /** Waits for running steps to end, up to some seconds, and disconnects. */
  shutdown(): Promise<void>
  /** The steps that a story has taken so far, in order; empty for one that has not begun. */
  steps(id: StoryId): Promise<readonly Span[]>
  /** Resolves when the story has ended, whatever way. For tests and for callers that answer synchronously. */
  ended(id: StoryId): Promise<void>
  /** Stories that ended longer ago lose their records, apart from their spans. By itself once a minute, after ten. */
  forget(keptMs: number): Promise<void>
  /** Whether a story is at work or will be; `unknown` for one that nobody asked for. For gardeners. */
  status(id: StoryId): Promise<'under-way' | 'ended' | 'unknown'>
}

/** Asks for a story in the transaction at hand. The id may be chosen by the caller, so that its row can hold it. */
export type Ask = <In extends Plain>(story: Story<In>, id: StoryId, input: In) => Promise<void>

interface Options {
  readonly db: Database
  /** PostgreSQL URL for DBOS's own pool. */
  readonly url: string
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

/** Of DBOS's own pool. */
const CONNECTIONS = 6
const SWEEP_EVERY_MS = 5_000
const FORGET_EVERY_MS = 60_000
const RECORDS_KEPT_MS = 10 * 60_000
/** Well below the age from which the sweeper looks at a request. */
const NOTE_EVERY_MS = 200
/** How long a shutdown waits for steps under way; one that takes longer is taken again by the next process. */
const STEP_ENDS_WITHIN_MS = 5_000

export function openStories({ db, url, log }: Options): Stories {
  const registered = new Map<string, (input: Plain) => Promise<void>>()
  let sweeper: NodeJS.Timeout | undefined
  let forgetter: NodeJS.Timeout | undefined
  let forgetting: Promise<void> | undefined
  let pool: ReturnType<typeof openStoryPool> | undefined
  /**
   * DBOS keeps the current workflow in the asynchronous context and forbids a step to begin or await another one. A
   * step of ours may ask a neighbour for a story of its own (a boot that needs a volume), so this is done outside.
   */
  const outsideAnyStory = AsyncLocalStorage.snapshot()

  /** Stories that this process runs now: waiting for one of them needs no polling. */
  const running = new Map<string, Promise<unknown>>()

  const begin = async (id: string, name: string, input: Plain) => {
    const workflow = registered.get(name)
    if (workflow === undefined) {
      log.error({ story: name, id }, 'a story of an unknown name was asked for')
      return
    }
    const handle = await outsideAnyStory(() => DBOS.startWorkflow(workflow, { workflowID: id })(input))
    const result = outsideAnyStory(() => handle.getResult({ pollingIntervalMs: 250 }).catch(() => undefined))
    if (!running.has(id))
      running.set(
        id,
        result.finally(() => running.delete(id)),
      )
  }

  /** Stories that have begun, and whose requests do not say so yet. */
  const unnoted: StoryId[] = []
  let noter: NodeJS.Timeout | undefined

  /** Stories that were committed a moment ago. */
  const beginning = new Map<string, Promise<void>>()

  /** One that cannot begin now is begun by the sweeper. */
  const beginAll = async (asked: readonly { id: StoryId; name: string; input: Plain }[]) => {
    const begun: StoryId[] = []
    try {
      for (const { id, name, input } of asked) {
        await begin(id, name, input)
        begun.push(id)
      }
    } catch (error) {
      log.warn({ stories: asked.slice(begun.length), err: error }, 'stories begin late')
    }
    unnoted.push(...begun)
    noter ??= setTimeout(noteBegun, NOTE_EVERY_MS)
  }

  /**
   * Notes in one statement which requests have begun. A process that dies before has them begun once more by the sweeper,
   * which changes nothing: a workflow of that id is there.
   */
  const noteBegun = async () => {
    noter = undefined
    const ids = unnoted.splice(0)
    if (ids.length === 0) return
    try {
      await db`update durable.story_requests set begun_at = now() where id = any(${ids})`
    } catch (error) {
      log.warn({ stories: ids, err: error }, 'stories were not noted as begun')
    }
  }

  const sweep = async () => {
    const waiting = await db<{ id: string; story: string; input: Plain }[]>`
      select id, story, input from durable.story_requests
       where begun_at is null and requested_at < now() - interval '2 seconds' order by requested_at limit 500`
    for (const { id, story, input } of waiting) await begin(id, story, input)
    if (waiting.length > 0) {
      await db`update durable.story_requests set begun_at = now() where id = any(${waiting.map((row) => row.id)})`
    }
    await db`delete from durable.story_requests where begun_at < now() - interval '1 hour'`
  }

  const forget = (keptMs: number) => outsideAnyStory(() => forgetRecords(db, new Date(Date.now() - keptMs)))

  return {
    forget,

    define(name, body) {
      const guarded = async (input: Plain) => {
        try {
          await body(input as never)
        } catch (error) {
          // The saga has undone what it did and its rows say what went wrong; the workflow's own record keeps it too.
          log.info({ story: name, id: DBOS.workflowID, err: error }, 'story failed')
          throw error
        }
      }
      registered.set(name, DBOS.registerWorkflow(guarded, { name, maxRecoveryAttempts: 1_000_000 }))
      return { name, run: (input) => registered.get(name)!(input) }
    },

    async commit(work) {
      const asked: { id: StoryId; name: string; input: Plain }[] = []
      const result = await db.begin(async (tx) => {
        const done = await work(tx, async (story, id, input) => {
          await requestStory(tx, story.name, id, input)
          asked.push({ id, name: story.name, input })
        })
        return { done }
      })
      // From here on the stories are promised, so the answer does not wait until they have begun.
      const all = beginAll(asked).finally(() => {
        for (const { id } of asked) beginning.delete(id)
      })
      for (const { id } of asked) beginning.set(id, all)
      return (result as { done: Awaited<ReturnType<typeof work>> }).done
    },

    async launch() {
      pool = openStoryPool(url, CONNECTIONS, (error) => log.warn({ err: error }, 'a connection for stories broke'))
      DBOS.setConfig({
        name: 'stratolith',
        systemDatabaseUrl: url,
        systemDatabasePool: pool,
        // Of messages, events, streams and schedules we use none.
        useListenNotify: false,
        schedulerPollingIntervalMs: 3_600_000,
        // Fixed: a story begun under older code is resumed by newer code. Reordering steps is a migration.
        applicationVersion: 'stratolith-1',
        logger: quiet(log),
        tracingEnabled: false,
      })
      resumeSagas()
      await DBOS.launch()
      await sweep()
      sweeper = setInterval(() => {
        sweep().catch((error) => log.error({ err: error }, 'story sweep failed'))
      }, SWEEP_EVERY_MS)
      sweeper.unref()
      forgetter = setInterval(() => {
        // A round that takes long is not joined by a second one.
        forgetting ??= forget(RECORDS_KEPT_MS)
          .catch((error) => log.error({ err: error }, 'records of ended stories stay'))
          .finally(() => (forgetting = undefined))
      }, FORGET_EVERY_MS)
      forgetter.unref()
    },

    async shutdown() {
      clearInterval(sweeper)
      clearInterval(forgetter)
      await forgetting
      await Promise.all(beginning.values())
      clearTimeout(noter)
      await noteBegun()
      await haltSagas(STEP_ENDS_WITHIN_MS)
      await DBOS.shutdown()
      await pool?.end()
    },

    async steps(id) {
      const spans = await recordedSpans(id)
      return spans.length > 0 ? spans : await keptSpans(db, id)
    },

    async ended(id) {
      await beginning.get(id)
      await (running.get(id) ??
        outsideAnyStory(() =>
          DBOS.retrieveWorkflow(id)
            .getResult({ pollingIntervalMs: 50 })
            .catch(() => undefined),
        ))
    },

    async status(id) {
      if (beginning.has(id) || running.has(id)) return 'under-way'
      const workflow = await outsideAnyStory(() => DBOS.getWorkflowStatus(id))
      if (workflow !== null)
        return workflow.status === 'PENDING' || workflow.status === 'ENQUEUED' ? 'under-way' : 'ended'
      if ((await keptSpans(db, id)).length > 0) return 'ended'
      const [asked] = await db`select from durable.story_requests where id = ${id} and begun_at is null`
      return asked === undefined ? 'unknown' : 'under-way'
    },
  }
}

async function requestStory(tx: Sql, story: string, id: StoryId, input: Plain): Promise<void> {
  await tx`insert into durable.story_requests (id, story, input) values (${id}, ${story}, ${tx.json(input as never)})`
}

/** DBOS tells much that only its makers need; its warnings and errors are ours too. */
function quiet(log: Options['log']) {
  const text = (entry: unknown) => (entry instanceof Error ? entry.message : String(entry))
  return {
    debug: () => {},
    info: () => {},
    warn: (entry: unknown) => log.warn({ from: 'dbos' }, text(entry)),
    error: (entry: unknown) => log.error({ from: 'dbos' }, text(entry)),
  }
}
