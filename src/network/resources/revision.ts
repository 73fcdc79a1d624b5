/** `If-Match: revision_number=N`: a change only of the revision that the client has seen. */
import type { Sql } from '../../database/database.ts'
import { refusal } from '../errors.ts'
import type { Fragment } from './filters.ts'

/** @throws DomainError `network.revision.mismatch` (a 412) */
export function refuseOtherRevision(row: { readonly revisionNumber: number }, wanted: number | undefined): void {
  if (wanted !== undefined && wanted !== row.revisionNumber) {
    throw refusal('network.revision.mismatch', wanted, row.revisionNumber)
  }
}

/** The same as a condition of the write, so that nothing can change in between. */
export function ofRevision(sql: Sql, wanted: number | undefined): Fragment {
  return wanted === undefined ? sql`true` : sql`revision_number = ${wanted}`
}
