/**
 * What is kept of stories that have ended. DBOS writes down what each step answered, for a story that has to go on after
 * a crash; one that has ended needs no more than its spans. The rest would grow without end, and hold what steps told
 * each other, keys to volumes among it.
 */
import { DBOS } from '@dbos-inc/dbos-sdk'
import type { Database, Sql } from '../database/database.ts'
import type { StoryId } from '../ids.ts'

/** One step of a story as it went. */
export interface Span {
  readonly step: string
  readonly startedAt: Date
  readonly finishedAt: Date
  /** The message of the error that ended the step, if one did. */
  readonly error?: string
}

/** How many stories lose their records in one round. */
const ROUND = 200

/** The spans of a story whose records are still there; empty for one that has not begun. */
export async function recordedSpans(id: string): Promise<readonly Span[]> {
  const steps = (await DBOS.listWorkflowSteps(id)) ?? []
  return steps.map((step) => ({
    step: step.name,
    startedAt: new Date(step.startedAtEpochMs ?? 0),
    finishedAt: new Date(step.completedAtEpochMs ?? step.startedAtEpochMs ?? 0),
    ...(step.error !== null && { error: step.error.message }),
  }))
}

/** The spans of a story that has lost its records; empty where none has. */
export async function keptSpans(sql: Sql, id: StoryId): Promise<readonly Span[]> {
  const rows = await sql<{ step: string; startedAt: Date; finishedAt: Date; error: string | null }[]>`
    select step, started_at, finished_at, error from durable.spans where story_id = ${id} order by number`
  return rows.map(({ error, ...span }) => ({ ...span, ...(error !== null && { error }) }))
}

/**
 * Stories that ended before `endedBefore` keep their spans alone; a round at a time. Repeating it, also after a crash
 * between the two, changes nothing.
 */
export async function forgetRecords(db: Database, endedBefore: Date): Promise<void> {
  for (;;) {
    const ended = await DBOS.listWorkflows({
      status: ['SUCCESS', 'ERROR'],
      completedBefore: endedBefore.toISOString(),
      limit: ROUND,
      loadInput: false,
      loadOutput: false,
    })
    const ids = ended.map(({ workflowID }) => workflowID)
    if (ids.length === 0) return
    for (const id of ids) await keepSpans(db, id, await recordedSpans(id))
    await DBOS.deleteWorkflows(ids)
    if (ids.length < ROUND) return
  }
}

async function keepSpans(sql: Sql, id: string, spans: readonly Span[]): Promise<void> {
  if (spans.length === 0) return
  await sql`
    insert into durable.spans ${sql(
      spans.map(({ step, startedAt, finishedAt, error }, number) => ({
        story_id: id,
        number,
        step,
        started_at: startedAt,
        finished_at: finishedAt,
        error: error ?? null,
      })),
    )} on conflict do nothing`
}
