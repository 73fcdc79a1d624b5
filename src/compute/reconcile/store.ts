/** The SQL of compute's gardeners. */
import type { Sql } from '../../database/database.ts'
import type { HostName, ServerId, StoryId } from '../../ids.ts'
import type { Power, TaskState, VmState } from '../lifecycle/states.ts'

/** A server as a gardener compares it with its guest. */
export interface TendedServer {
  readonly id: ServerId
  readonly vmState: VmState
  readonly taskState: TaskState | null
  readonly powerState: Power
  /** Changes with every write to the row: a correction that was decided on an older one does not take place. */
  readonly version: string
}

export async function serversOn(sql: Sql, host: HostName, only?: ServerId): Promise<TendedServer[]> {
  return await sql<TendedServer[]>`
    select id, vm_state, task_state, power_state, xmin::text as version from compute.servers
     where host = ${host} and deleted_at is null ${only === undefined ? sql`` : sql`and id = ${only}`}`
}

/** Corrects what a server is shown as, unless anything has happened to it since it was looked at. */
export async function correct(
  sql: Sql,
  { id, version }: Pick<TendedServer, 'id' | 'version'>,
  vmState: VmState,
  powerState: Power,
): Promise<boolean> {
  const done = await sql`
    update compute.servers set vm_state = ${vmState}, power_state = ${powerState}, updated_at = now()
     where id = ${id} and xmin::text = ${version} and task_state is null and deleted_at is null`
  return done.count > 0
}

/** Of these ids, where each server is; those that no server ever had are absent. */
export async function whereabouts(
  sql: Sql,
  ids: readonly string[],
): Promise<{ id: ServerId; host: HostName | null; vmState: VmState; isIdle: boolean; isDeleted: boolean }[]> {
  return await sql`
    select id, host, vm_state, task_state is null as is_idle, deleted_at is not null as is_deleted
      from compute.servers where id = any(${ids as string[]})
       and (deleted_at is null or deleted_at < now() - interval '10 seconds')`
}

/** When a host was last seen to start; noted for the next time. */
export async function noteBoot(sql: Sql, host: HostName, bootedAt: Date): Promise<Date | undefined> {
  const [before] = await sql<{ before: Date | null }[]>`
    with earlier as (select booted_at from compute.host_boots where host = ${host}),
    noted as (
      insert into compute.host_boots (host, booted_at) values (${host}, ${bootedAt})
      on conflict (host) do update set booted_at = excluded.booted_at)
    select (select booted_at from earlier) as before`
  return before?.before ?? undefined
}

/** Servers that have been waiting for a story for so long that it may be gone. */
export async function longBusy(
  sql: Sql,
  seconds: number,
): Promise<{ id: ServerId; storyId: StoryId; vmState: VmState; deletionRequested: boolean }[]> {
  return await sql`
    select id, story_id, vm_state, deletion_requested_at is not null as deletion_requested
      from compute.servers
     where deleted_at is null and (task_state is not null or vm_state = 'building')
       and updated_at < now() - make_interval(secs => ${seconds})
     order by updated_at limit 100`
}

/** Actions and devices that wait for a story, with the story. */
export async function openStories(sql: Sql, seconds: number): Promise<StoryId[]> {
  const rows = await sql<{ storyId: StoryId }[]>`
    select story_id from compute.instance_actions
     where finished_at is null and story_id is not null and started_at < now() - make_interval(secs => ${seconds})
    union
    select story_id from compute.block_devices
     where story_id is not null and created_at < now() - make_interval(secs => ${seconds})
     limit 100`
  return rows.map(({ storyId }) => storyId)
}

/** Nobody waits for a story that is gone. */
export async function forgetStory(sql: Sql, story: StoryId): Promise<void> {
  await sql`
    with settled as (update compute.block_devices set story_id = null where story_id = ${story})
    update compute.instance_actions
       set finished_at = now(), updated_at = now(), message = 'Error', error_code = 'compute.story.gone',
           details = 'The story of this action is gone.'
     where story_id = ${story} and finished_at is null`
}
