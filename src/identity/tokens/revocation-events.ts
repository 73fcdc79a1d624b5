/**
 * What made tokens bad before their time, for whoever keeps tokens of their own. The rows are written by the tables
 * themselves (migrations/0024). Source: keystone/api/os_revoke.py, keystone/models/revoke_model.py
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Database, Sql } from '../../database/database.ts'
import { last } from '../../http/paging.ts'
import { goneForGood } from '../errors.ts'
import type { Links } from '../links.ts'
import { momentOf } from '../moment.ts'
import { microseconds } from './view.ts'

interface RevocationEvent {
  readonly userId: string | null
  readonly projectId: string | null
  readonly domainId: string | null
  readonly trustId: string | null
  readonly auditId: string | null
  readonly revokedAt: Date
}

export const revocationEventRoutes: FastifyPluginAsync<{ db: Database; links: Links }> = async (app, { db, links }) => {
  app.get('/OS-REVOKE/events', { config: { policy: 'identity:list_revoke_events' } }, async (request) => {
    const since = last((request.query as Record<string, unknown>).since) || undefined
    const events = await listEvents(db, since === undefined ? undefined : momentOf(since))
    return {
      events: events.map(viewEvent),
      links: { next: null, self: links.self('OS-REVOKE', 'events'), previous: null },
    }
  })

  // Tokens that could be listed have been gone from upstream for years; clients that still ask are told so.
  app.get('/auth/tokens/OS-PKI/revoked', { config: { policy: 'identity:revocation_list' } }, async () => {
    throw goneForGood('The list of revoked tokens')
  })
}

/** Of users, projects, domains, trusts and single tokens, the oldest first. */
async function listEvents(sql: Sql, since: Date | undefined): Promise<readonly RevocationEvent[]> {
  return await sql<RevocationEvent[]>`
    select user_id, project_id, domain_id, trust_id, audit_id, revoked_at from identity.revocation_events
     where true ${since === undefined ? sql`` : sql`and revoked_at > ${since}`} order by revoked_at, id`
}

/** Forgets events whose tokens have all ended. */
export async function deleteEvents(sql: Sql, before: Date): Promise<void> {
  await sql`delete from identity.revocation_events where revoked_at < ${before}`
}

function viewEvent(event: RevocationEvent): Record<string, unknown> {
  const moment = `${microseconds(event.revokedAt)}Z`
  return {
    ...(event.userId !== null && { user_id: event.userId }),
    ...(event.projectId !== null && { project_id: event.projectId }),
    ...(event.domainId !== null && { domain_id: event.domainId }),
    ...(event.trustId !== null && { 'OS-TRUST:trust_id': event.trustId }),
    ...(event.auditId !== null && { audit_id: event.auditId }),
    issued_before: moment,
    revoked_at: moment,
  }
}
