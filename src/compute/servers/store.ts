/** The SQL of servers. One function, one statement. A server that counts has `deleted_at is null`. */
import type { Sql, Transaction } from '../../database/database.ts'
import type { HostName, PortId, ProjectId, ServerId, StoryId, UserId } from '../../ids.ts'
import type { NicPlan } from '../../network/index.ts'
import type { Power, TaskState, VmState } from '../lifecycle/states.ts'
import type { ImageSnapshot, InjectedFile, Server, ServerFault, ServerRecord } from './server.ts'

/** What a create writes; the rest begins empty. */
export interface NewServer {
  readonly id: ServerId
  readonly projectId: ProjectId
  readonly userId: UserId
  readonly name: string
  readonly hostname: string
  readonly description: string | null
  readonly storyId: StoryId
  readonly pinnedAvailabilityZone: string | null
  readonly requestedHost: string | null
  readonly schedulerHints: Readonly<Record<string, unknown>>
  readonly flavorId: string
  readonly flavorName: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly extraSpecs: Readonly<Record<string, string>>
  readonly imageId: string | null
  readonly image: ImageSnapshot | null
  readonly rootDeviceName: string | null
  readonly keyName: string | null
  readonly keyType: string | null
  readonly publicKey: string | null
  readonly userData: string | null
  readonly files: readonly InjectedFile[]
  readonly adminPassword: string | null
  readonly configDrive: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  readonly nics: readonly NicPlan[]
  readonly securityGroups: readonly string[]
  readonly accessIpV4: string | null
  readonly accessIpV6: string | null
  readonly diskConfig: 'AUTO' | 'MANUAL'
  readonly reservationId: string
  readonly launchIndex: number
  readonly randomSeed: string
}

/** All servers of one request in one statement; they begin as BUILD, waiting for the scheduler. */
export async function insertServers(tx: Transaction, servers: readonly NewServer[]): Promise<void> {
  const json = (value: unknown) => tx.json(value as never)
  await tx`
    insert into compute.servers ${tx(
      servers.map((server) => ({
        id: server.id,
        project_id: server.projectId,
        user_id: server.userId,
        name: server.name,
        hostname: server.hostname,
        description: server.description,
        vm_state: 'building',
        task_state: 'scheduling',
        story_id: server.storyId,
        pinned_availability_zone: server.pinnedAvailabilityZone,
        requested_host: server.requestedHost,
        scheduler_hints: json(server.schedulerHints),
        flavor_id: server.flavorId,
        flavor_name: server.flavorName,
        vcpus: server.vcpus,
        ram_mib: server.ramMiB,
        root_gib: server.rootGiB,
        ephemeral_gib: server.ephemeralGiB,
        swap_mib: server.swapMiB,
        extra_specs: json(server.extraSpecs),
        image_id: server.imageId,
        image: server.image === null ? null : json(server.image),
        root_device_name: server.rootDeviceName,
        key_name: server.keyName,
        key_type: server.keyType,
        public_key: server.publicKey,
        user_data: server.userData,
        files: json(server.files),
        admin_password: server.adminPassword,
        config_drive: server.configDrive,
        metadata: json(server.metadata),
        tags: server.tags as string[],
        nics: json(server.nics),
        security_groups: server.securityGroups as string[],
        access_ip_v4: server.accessIpV4,
        access_ip_v6: server.accessIpV6,
        disk_config: server.diskConfig,
        reservation_id: server.reservationId,
        launch_index: server.launchIndex,
        random_seed: server.randomSeed,
      })),
    )}`
}

/** The columns of `Server`, without the long ones that only stories read. */
export const serverColumns = (sql: Sql) => sql`
  id, number, project_id, user_id, name, hostname, description, vm_state, task_state, power_state, fault, locked_by,
  locked_reason, deletion_requested_at, story_id, host, availability_zone, pinned_availability_zone, scheduler_hints,
  flavor_id, flavor_name, vcpus, ram_mib as "ramMiB", root_gib as "rootGiB", ephemeral_gib as "ephemeralGiB",
  swap_mib as "swapMiB", extra_specs, image_id, image, root_device_name, key_name, config_drive, metadata, tags,
  security_groups, access_ip_v4, access_ip_v6, disk_config, reservation_id, launch_index, created_at, updated_at,
  launched_at, terminated_at, deleted_at`

/** One server that is not deleted; of any project where none is given. */
export async function findServer(
  sql: Sql,
  id: ServerId,
  { projectId, withDeleted = false }: { projectId?: ProjectId | undefined; withDeleted?: boolean } = {},
): Promise<Server | undefined> {
  const [found] = await sql<Server[]>`
    select ${serverColumns(sql)} from compute.servers
     where id = ${id}
       ${projectId === undefined ? sql`` : sql`and project_id = ${projectId}`}
       ${withDeleted ? sql`` : sql`and deleted_at is null`}`
  return found
}

/** The same, holding the row until the transaction ends: what two requests must not both decide. */
export async function lockServer(tx: Transaction, id: ServerId): Promise<Server | undefined> {
  const [found] = await tx<Server[]>`
    select ${serverColumns(tx)} from compute.servers where id = ${id} and deleted_at is null for update`
  return found
}

/** The whole row, whether deleted or not. */
export async function findRecord(sql: Sql, id: ServerId): Promise<ServerRecord | undefined> {
  const [found] = await sql<ServerRecord[]>`
    select ${serverColumns(sql)}, requested_host, key_type, public_key, user_data, files, admin_password, nics, random_seed
      from compute.servers where id = ${id}`
  return found
}

/** User data of servers by id, for the answer to an admin. */
export async function userDataOf(sql: Sql, ids: readonly ServerId[]): Promise<Map<ServerId, string>> {
  const rows = await sql<{ id: ServerId; userData: string }[]>`
    select id, user_data from compute.servers where id = any(${ids as readonly string[] as string[]}) and user_data is not null`
  return new Map(rows.map(({ id, userData }) => [id, userData]))
}

// --- What users change --------------------------------------------------------------------------------------------

export interface ServerChange {
  readonly name?: string
  readonly hostname?: string
  readonly description?: string | null
  readonly accessIpV4?: string | null
  readonly accessIpV6?: string | null
  readonly diskConfig?: 'AUTO' | 'MANUAL'
  readonly pinnedAvailabilityZone?: string | null
}

const CHANGEABLE: Readonly<Record<keyof ServerChange, string>> = {
  name: 'name',
  hostname: 'hostname',
  description: 'description',
  accessIpV4: 'access_ip_v4',
  accessIpV6: 'access_ip_v6',
  diskConfig: 'disk_config',
  pinnedAvailabilityZone: 'pinned_availability_zone',
}

export async function changeServer(sql: Sql, id: ServerId, change: ServerChange): Promise<void> {
  const set = Object.fromEntries(
    Object.entries(change).map(([key, value]) => [CHANGEABLE[key as keyof ServerChange], value]),
  )
  await sql`
    update compute.servers set ${sql({ ...set, updated_at: new Date() })} where id = ${id} and deleted_at is null`
}

export async function setMetadata(sql: Sql, id: ServerId, metadata: Readonly<Record<string, string>>): Promise<void> {
  await sql`
    update compute.servers set metadata = ${sql.json(metadata as never)}, updated_at = now()
     where id = ${id} and deleted_at is null`
}

export async function setTags(sql: Sql, id: ServerId, tags: readonly string[]): Promise<void> {
  await sql`
    update compute.servers set tags = ${tags as string[]}, updated_at = now() where id = ${id} and deleted_at is null`
}

export async function setLock(
  sql: Sql,
  id: ServerId,
  lockedBy: 'owner' | 'admin' | null,
  reason: string | null,
): Promise<void> {
  await sql`
    update compute.servers set locked_by = ${lockedBy}, locked_reason = ${reason}, updated_at = now()
     where id = ${id} and deleted_at is null`
}

/** os-resetState: an admin's word on what a server is. */
export async function resetState(sql: Sql, id: ServerId, vmState: 'active' | 'error'): Promise<void> {
  await sql`
    update compute.servers set vm_state = ${vmState}, task_state = null, updated_at = now(),
           fault = case when ${vmState} = 'active' then null else fault end
     where id = ${id} and deleted_at is null`
}

// --- What stories report ------------------------------------------------------------------------------------------

/** Whether a delete has been asked for: what the boot story asks before each step. A server that is gone was. */
export async function deletionRequested(sql: Sql, id: ServerId): Promise<boolean> {
  const [found] = await sql<{ requested: boolean }[]>`
    select deletion_requested_at is not null or deleted_at is not null as requested
      from compute.servers where id = ${id}`
  return found?.requested ?? true
}

/** A story begins on an idle server: the caller has locked the row and checked the move. */
export async function beginTask(tx: Transaction, id: ServerId, taskState: TaskState, storyId: StoryId): Promise<void> {
  await tx`
    update compute.servers set task_state = ${taskState}, story_id = ${storyId}, updated_at = now() where id = ${id}`
}

/** The next task of a story. A delete that was asked for meanwhile stays what is shown. */
export async function enterTask(sql: Sql, id: ServerId, taskState: TaskState): Promise<void> {
  await sql`
    update compute.servers set task_state = ${taskState}, updated_at = now()
     where id = ${id} and deletion_requested_at is null and deleted_at is null`
}

/** A host has been claimed for it, and its ports come next. */
export async function tookHost(sql: Sql, id: ServerId, host: HostName, availabilityZone: string): Promise<void> {
  await sql`
    update compute.servers
       set host = ${host}, availability_zone = ${availabilityZone}, updated_at = now(),
           task_state = case when deletion_requested_at is null then 'networking' else task_state end
     where id = ${id} and deleted_at is null`
}

/** A host has refused it, or will not be needed. */
export async function leftHost(sql: Sql, id: ServerId): Promise<void> {
  await sql`
    update compute.servers
       set host = null, availability_zone = null, vm_state = 'building', power_state = 0, updated_at = now(),
           task_state = case when deletion_requested_at is null then 'scheduling' else task_state end
     where id = ${id} and deleted_at is null`
}

/**
 * The guest runs. Answers false when a delete came first: the row decides, because both writes meet there.
 * Forgets the password: the guest has it.
 */
export async function becameActive(sql: Sql, id: ServerId, storyId: StoryId): Promise<boolean> {
  const done = await sql`
    with became as (
      update compute.servers
         set vm_state = 'active', task_state = null, power_state = 1, fault = null, admin_password = null,
             launched_at = coalesce(launched_at, now()), updated_at = now()
       where id = ${id} and deletion_requested_at is null and deleted_at is null
       returning id, host),
    finished as (
      update compute.instance_actions as action
         set finished_at = now(), updated_at = now(), host = became.host
        from became where action.server_id = became.id and action.story_id = ${storyId} and finished_at is null)
    select id from became`
  return done.count > 0
}

/** A boot ended without a guest. False when a delete was asked for: then the story goes on to delete. */
export async function becameError(sql: Sql, id: ServerId, fault: ServerFault): Promise<boolean> {
  const done = await sql`
    update compute.servers
       set vm_state = 'error', task_state = null, power_state = 0, fault = ${sql.json(fault as never)},
           admin_password = null, updated_at = now()
     where id = ${id} and deletion_requested_at is null and deleted_at is null`
  return done.count > 0
}

/** A deed on a standing server is done. A delete meanwhile keeps its task. */
export async function settle(sql: Sql, id: ServerId, vmState: VmState, powerState: Power): Promise<void> {
  await sql`
    update compute.servers
       set vm_state = ${vmState}, power_state = ${powerState}, updated_at = now(),
           task_state = case when deletion_requested_at is null then null else task_state end,
           fault = case when ${vmState} = 'error' then fault else null end
     where id = ${id} and deleted_at is null`
}

/** A deed failed and the server is as it was before; the fault is kept for those who may see it. */
export async function endTask(sql: Sql, id: ServerId, fault: ServerFault | null): Promise<void> {
  await sql`
    update compute.servers
       set task_state = null, updated_at = now(), fault = coalesce(${fault === null ? null : sql.json(fault as never)}, fault)
     where id = ${id} and deletion_requested_at is null and deleted_at is null`
}

/** A deed failed and the server is not what it was. */
export async function deedFailed(sql: Sql, id: ServerId, fault: ServerFault): Promise<void> {
  await sql`
    update compute.servers
       set vm_state = 'error', task_state = null, fault = ${sql.json(fault as never)}, updated_at = now()
     where id = ${id} and deletion_requested_at is null and deleted_at is null`
}

/** The cards that a server has from now on. */
export async function addNic(sql: Sql, id: ServerId, nic: NicPlan): Promise<void> {
  await sql`
    update compute.servers
       set nics = (select coalesce(jsonb_agg(n), '[]') from jsonb_array_elements(nics) n where n ->> 'portId' <> ${nic.portId})
                  || ${sql.json([nic] as never)}, updated_at = now()
     where id = ${id} and deleted_at is null`
}

export async function removeNic(sql: Sql, id: ServerId, portId: PortId): Promise<void> {
  await sql`
    update compute.servers
       set nics = (select coalesce(jsonb_agg(n), '[]') from jsonb_array_elements(nics) n where n ->> 'portId' <> ${portId}),
           updated_at = now()
     where id = ${id} and deleted_at is null`
}

/** A delete is asked for: from now on no story but the one that deletes takes a step. */
export async function requestDeletion(tx: Transaction, id: ServerId, storyId: StoryId): Promise<void> {
  await tx`
    update compute.servers
       set deletion_requested_at = now(), task_state = 'deleting', story_id = ${storyId}, updated_at = now()
     where id = ${id}`
}

/** Kept as a row, which counts no more and has no disks. */
export async function becameDeleted(sql: Sql, id: ServerId): Promise<void> {
  await sql`
    with disks as (delete from compute.block_devices where server_id = ${id})
    update compute.servers
       set vm_state = 'deleted', task_state = null, power_state = 0, host = null, admin_password = null, user_data = null,
           files = '[]', deleted_at = now(), terminated_at = now(), updated_at = now()
     where id = ${id} and deleted_at is null`
}

/** A delete failed: the user may ask again. */
export async function deletionFailed(sql: Sql, id: ServerId, fault: ServerFault): Promise<void> {
  await sql`
    update compute.servers
       set vm_state = 'error', task_state = null, deletion_requested_at = null, fault = ${sql.json(fault as never)},
           updated_at = now()
     where id = ${id} and deleted_at is null`
}

// --- Why its host -------------------------------------------------------------------------------------------------

export async function saveSchedule(sql: Sql, id: ServerId, verdicts: unknown): Promise<void> {
  await sql`
    insert into compute.schedules (server_id, verdicts) values (${id}, ${sql.json(verdicts as never)})
    on conflict (server_id) do update set verdicts = excluded.verdicts, made_at = now()`
}

export async function findSchedule(sql: Sql, id: ServerId): Promise<{ verdicts: unknown; madeAt: Date } | undefined> {
  const [found] = await sql<{ verdicts: unknown; madeAt: Date }[]>`
    select verdicts, made_at from compute.schedules where server_id = ${id}`
  return found
}

/** Hosts of servers by id, of one project: what `same_host` and `different_host` hints mean. */
export async function hostsOf(sql: Sql, ids: readonly string[]): Promise<{ id: ServerId; host: HostName | null }[]> {
  return await sql<{ id: ServerId; host: HostName | null }[]>`
    select id, host from compute.servers where id = any(${ids as readonly string[] as string[]}) and deleted_at is null`
}
