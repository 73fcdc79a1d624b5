/** The SQL of attachments, and of the connections from before there were attachments. */
import type { Sql } from '../../database/database.ts'
import type { AttachmentId, ServerId, VolumeId } from '../../ids.ts'
import type { Fragment } from '../list-query.ts'
import type { Credentials } from './credentials.ts'

export type AttachStatus = 'reserved' | 'attaching' | 'attached'

/** As a client writes it; what we need of it is checked in attachments.ts. */
export type ConnectorDocument = Readonly<Record<string, unknown>>

/** Where a target answers. The account is the volume's. */
export interface Endpoint {
  readonly targetPortal: string
  readonly targetIqn: string
  readonly targetLun: number
}

export interface AttachmentRow {
  readonly id: AttachmentId
  readonly volumeId: VolumeId
  readonly projectId: string
  readonly serverId: ServerId | null
  readonly status: AttachStatus
  readonly mode: 'rw' | 'ro' | null
  readonly connector: ConnectorDocument | null
  readonly connection: Endpoint | null
  readonly mountpoint: string | null
  readonly attachedHost: string | null
  readonly heldByCompute: boolean
  readonly attachedAt: Date | null
  readonly createdAt: Date
  readonly authUsername: string
  readonly authPassword: string
}

const withAccount = (sql: Sql) => sql`
  select a.*, v.auth_username, v.auth_password from volume.attachments a join volume.volumes v on v.id = a.volume_id`

export async function findAttachment(sql: Sql, id: string): Promise<AttachmentRow | undefined> {
  const [row] = await sql<AttachmentRow[]>`${withAccount(sql)} where a.id = ${id}`
  return row
}

export async function attachmentsOf(sql: Sql, volumeId: string): Promise<readonly AttachmentRow[]> {
  return await sql<AttachmentRow[]>`${withAccount(sql)} where a.volume_id = ${volumeId} order by a.created_at`
}

export interface AttachmentSelection {
  readonly where: readonly Fragment[]
  readonly order: Fragment
  readonly limit: number
  readonly offset: number
  readonly marker?: string
}

export async function listAttachments(
  sql: Sql,
  { where, order, limit, offset, marker }: AttachmentSelection,
): Promise<readonly AttachmentRow[]> {
  const fits = where.reduce<Fragment>((sum, next) => sql`${sum} and ${next}`, sql`true`)
  return await sql<AttachmentRow[]>`
    with ordered as (
      select a.*, v.auth_username, v.auth_password, row_number() over (order by ${order}) as position
        from volume.attachments a join volume.volumes v on v.id = a.volume_id where ${fits})
    select * from ordered
     where ${marker === undefined ? sql`true` : sql`position > (select position from ordered where id = ${marker})`}
     order by position limit ${limit} offset ${offset}`
}

export async function insertAttachment(
  tx: Sql,
  attachment: Pick<AttachmentRow, 'id' | 'volumeId' | 'projectId' | 'serverId' | 'mode' | 'heldByCompute'>,
): Promise<void> {
  await tx`
    insert into volume.attachments (id, volume_id, project_id, server_id, status, mode, held_by_compute)
    values (${attachment.id}, ${attachment.volumeId}, ${attachment.projectId}, ${attachment.serverId}, 'reserved',
      ${attachment.mode}, ${attachment.heldByCompute})`
}

/** The connector is known: `attaching`, unless it is further already. */
export async function setConnector(tx: Sql, id: string, connector: ConnectorDocument): Promise<void> {
  await tx`
    update volume.attachments
       set connector = ${tx.json(connector as never)}, attached_host = ${text(connector.host)},
           mountpoint = coalesce(${text(connector.mountpoint)}, mountpoint), mode = coalesce(${modeOf(connector)}, mode),
           status = case when status = 'attached' then status else 'attaching' end, updated_at = clock_timestamp()
     where id = ${id}`
}

export async function setEndpoint(tx: Sql, id: string, endpoint: Endpoint): Promise<void> {
  await tx`
    update volume.attachments
       set connection = ${tx.json({ ...endpoint })}, attached_at = coalesce(attached_at, clock_timestamp())
     where id = ${id}`
}

export async function setAttached(
  tx: Sql,
  id: string,
  { mountpoint, host }: { mountpoint: string | null; host?: string | null },
): Promise<void> {
  await tx`
    update volume.attachments
       set status = 'attached', mountpoint = coalesce(${mountpoint}, mountpoint),
           attached_host = coalesce(${host ?? null}, attached_host),
           attached_at = coalesce(attached_at, clock_timestamp()), updated_at = clock_timestamp()
     where id = ${id}`
}

export async function deleteAttachment(tx: Sql, id: string): Promise<void> {
  await tx`delete from volume.attachments where id = ${id}`
}

export async function deleteAttachmentsOf(tx: Sql, volumeId: string): Promise<void> {
  await tx`delete from volume.attachments where volume_id = ${volumeId}`
}

export async function openConnection(tx: Sql, volumeId: string, initiator: string, connector: ConnectorDocument) {
  await tx`
    insert into volume.connections (volume_id, initiator, connector)
    values (${volumeId}, ${initiator}, ${tx.json(connector as never)})
    on conflict (volume_id, initiator) do update set connector = excluded.connector`
}

/** @param initiator undefined: every one of the volume */
export async function closeConnection(tx: Sql, volumeId: string, initiator: string | undefined): Promise<void> {
  await tx`
    delete from volume.connections
     where volume_id = ${volumeId} and ${initiator === undefined ? tx`true` : tx`initiator = ${initiator}`}`
}

/** Who must be able to connect to a volume now. */
export async function initiatorsOf(tx: Sql, volumeId: string): Promise<readonly string[]> {
  const rows = await tx<{ initiator: string }[]>`
    select connector->>'initiator' as initiator from volume.attachments
     where volume_id = ${volumeId} and connector->>'initiator' is not null
    union select initiator from volume.connections where volume_id = ${volumeId} order by 1`
  return rows.map((row) => row.initiator)
}

/** Nobody is connected any more: the next to connect gets an account that the last one does not know. */
export async function setCredentials(tx: Sql, volumeId: string, credentials: Credentials): Promise<void> {
  await tx`
    update volume.volumes set auth_username = ${credentials.authUsername}, auth_password = ${credentials.authPassword}
     where id = ${volumeId}`
}

export interface ExportRow {
  readonly volumeId: VolumeId
  readonly backend: string
  readonly targetNumber: number
  readonly initiators: readonly string[]
  readonly authUsername: string
  readonly authPassword: string
}

/** Every export that should be there. */
export async function wantedExports(sql: Sql): Promise<readonly ExportRow[]> {
  return await sql<ExportRow[]>`
    with wanted as (
      select volume_id, connector->>'initiator' as initiator from volume.attachments
       where connector->>'initiator' is not null
      union select volume_id, initiator from volume.connections)
    select v.id as volume_id, v.backend, v.target_number, v.auth_username, v.auth_password,
           json_agg(w.initiator order by w.initiator) as initiators
      from wanted w join volume.volumes v on v.id = w.volume_id where v.backend is not null group by v.id`
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value.slice(0, 255) : null)
const modeOf = (connector: ConnectorDocument): 'rw' | 'ro' | null =>
  connector.mode === 'rw' || connector.mode === 'ro' ? connector.mode : null
