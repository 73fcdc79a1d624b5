/** The SQL of disabled services. */
import type { Sql } from '../../database/database.ts'

export interface DisabledService {
  readonly binaryName: string
  readonly host: string
  readonly reason: string | null
  readonly updatedAt: Date
}

export async function disabledServices(sql: Sql): Promise<readonly DisabledService[]> {
  return await sql<DisabledService[]>`select * from volume.disabled_services`
}

export async function disableService(
  sql: Sql,
  { binaryName, host, reason }: { binaryName: string; host: string; reason: string | null },
): Promise<void> {
  await sql`
    insert into volume.disabled_services (binary_name, host, reason) values (${binaryName}, ${host}, ${reason})
    on conflict (binary_name, host) do update set reason = excluded.reason, updated_at = clock_timestamp()`
}

export async function enableService(
  sql: Sql,
  { binaryName, host }: { binaryName: string; host: string },
): Promise<void> {
  await sql`delete from volume.disabled_services where binary_name = ${binaryName} and host = ${host}`
}
