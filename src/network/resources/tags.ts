/** Tags of any resource: a column of its table. */
import type { Database } from '../../database/database.ts'
import { transaction } from '../../database/transaction.ts'

export type TaggedTable =
  | 'network.networks'
  | 'network.subnets'
  | 'network.ports'
  | 'network.security_groups'
  | 'network.security_group_rules'

/** The row is locked between reading and writing, so that two requests cannot lose one another's tags. */
export async function changeTags(
  db: Database,
  table: TaggedTable,
  id: string,
  change: (tags: readonly string[]) => readonly string[],
): Promise<readonly string[]> {
  return await transaction(db, async (tx) => {
    const [row] = await tx<{ tags: string[] }[]>`select tags from ${tx(table)} where id = ${id} for update`
    const tags = change(row?.tags ?? [])
    if (row === undefined || same(row.tags, tags)) return tags
    await tx`
      update ${tx(table)} set tags = ${tags as string[]}, revision_number = revision_number + 1, updated_at = now()
       where id = ${id}`
    return tags
  })
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}
