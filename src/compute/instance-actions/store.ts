/** The SQL of instance actions: what was asked of a server, and how it went. */
import type { Sql, Transaction } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import type { HostName, ServerId, StoryId } from '../../ids.ts'
import type { InstanceAction } from '../servers/server.ts'

/** Opened in the transaction that asks for the story. */
export async function openActions(
  tx: Transaction,
  action: string,
  caller: Pick<Caller, 'requestId' | 'projectId' | 'userId'>,
  of: readonly { serverId: ServerId; storyId: StoryId }[],
): Promise<void> {
  await tx`
    insert into compute.instance_actions ${tx(
      of.map(({ serverId, storyId }) => ({
        server_id: serverId,
        action,
        request_id: caller.requestId,
        story_id: storyId,
        project_id: caller.projectId ?? null,
        user_id: caller.userId,
      })),
    )}`
}

/** How an action ended; `failed` is absent where it went well. Repeating it changes nothing. */
export async function closeAction(
  sql: Sql,
  server: ServerId,
  story: StoryId,
  {
    action,
    host,
    failed,
  }: { action?: string; host?: HostName | null; failed?: { errorCode: string; message: string } } = {},
): Promise<void> {
  await sql`
    update compute.instance_actions
       set finished_at = now(), updated_at = now(), host = ${host ?? null},
           message = ${failed === undefined ? null : 'Error'}, error_code = ${failed?.errorCode ?? null},
           details = ${failed?.message ?? null}
     where server_id = ${server} and story_id = ${story} and finished_at is null
       ${action === undefined ? sql`` : sql`and action = ${action}`}`
}

const columns = (sql: Sql) => sql`
  server_id, action, request_id, story_id, project_id, user_id, started_at, updated_at, finished_at, message, error_code,
  details, host`

export interface ActionPage {
  readonly limit?: number
  /** Request id of the last action of the page before. */
  readonly marker?: string
  readonly changesSince?: Date
  readonly changesBefore?: Date
}

/** Newest first. */
export async function listActions(sql: Sql, server: ServerId, page: ActionPage = {}): Promise<InstanceAction[]> {
  return await sql<InstanceAction[]>`
    select ${columns(sql)} from compute.instance_actions
     where server_id = ${server}
       ${page.marker === undefined ? sql`` : sql`and id < (select max(id) from compute.instance_actions where server_id = ${server} and request_id = ${page.marker})`}
       ${page.changesSince === undefined ? sql`` : sql`and updated_at >= ${page.changesSince}`}
       ${page.changesBefore === undefined ? sql`` : sql`and updated_at <= ${page.changesBefore}`}
     order by id desc limit ${page.limit ?? null}`
}

export async function findAction(sql: Sql, server: ServerId, requestId: string): Promise<InstanceAction | undefined> {
  const [found] = await sql<InstanceAction[]>`
    select ${columns(sql)} from compute.instance_actions
     where server_id = ${server} and request_id = ${requestId} order by id desc limit 1`
  return found
}

export async function findActionOfStory(
  sql: Sql,
  server: ServerId,
  story: StoryId,
): Promise<InstanceAction | undefined> {
  const [found] = await sql<InstanceAction[]>`
    select ${columns(sql)} from compute.instance_actions where server_id = ${server} and story_id = ${story}`
  return found
}

/** Stories that are still at work on a server: what a delete waits for. */
export async function storiesUnderWay(sql: Sql, server: ServerId, except: StoryId): Promise<StoryId[]> {
  const rows = await sql<{ storyId: StoryId }[]>`
    select story_id from compute.instance_actions
     where server_id = ${server} and finished_at is null and story_id <> ${except}`
  return rows.map(({ storyId }) => storyId)
}
