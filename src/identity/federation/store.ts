/** Rows of `identity.identity_providers` with their remote ids, and of `identity.service_providers`. */
import { type Sql, violatedConstraint } from '../../database/database.ts'
import { idTaken, notFound, remoteIdTaken } from '../errors.ts'
import { type Filterable, type ListQuery, matching, paged } from '../listing.ts'

export interface IdentityProvider {
  readonly id: string
  readonly domainId: string
  readonly enabled: boolean
  readonly description: string | null
  /** Minutes. */
  readonly authorizationTtl: number | null
  /** Each names one provider only. */
  readonly remoteIds: readonly string[]
}

export interface ServiceProvider {
  readonly id: string
  readonly enabled: boolean
  readonly description: string | null
  readonly authUrl: string
  readonly spUrl: string
  readonly relayStatePrefix: string
}

export const PROVIDER_FILTERS: Filterable = {
  id: { column: 'v.id', type: 'text' },
  enabled: { column: 'v.enabled', type: 'boolean' },
}

const identityColumns = (sql: Sql) => sql`
  v.id, v.domain_id, v.enabled, v.description, v.authorization_ttl,
  (select coalesce(array_agg(r.remote_id order by r.remote_id), '{}') from identity.remote_ids r where r.idp_id = v.id)
    as remote_ids`

export async function findIdentityProvider(sql: Sql, id: string): Promise<IdentityProvider | undefined> {
  const [found] = await sql<IdentityProvider[]>`
    select ${identityColumns(sql)} from identity.identity_providers v where v.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockIdentityProvider(sql: Sql, id: string): Promise<IdentityProvider | undefined> {
  const [found] = await sql<IdentityProvider[]>`
    select ${identityColumns(sql)} from identity.identity_providers v where v.id = ${id} for update of v`
  return found
}

export async function listIdentityProviders(sql: Sql, list: ListQuery): Promise<readonly IdentityProvider[]> {
  return await sql<IdentityProvider[]>`
    select ${identityColumns(sql)} from identity.identity_providers v
     where true ${matching(sql, list)} ${paged(sql, list, 'v.id')}`
}

export async function insertIdentityProvider(sql: Sql, provider: IdentityProvider): Promise<void> {
  await guarded('identity provider', provider.id, async () => {
    await sql`
      insert into identity.identity_providers (id, domain_id, enabled, description, authorization_ttl)
      values (${provider.id}, ${provider.domainId}, ${provider.enabled}, ${provider.description},
              ${provider.authorizationTtl})`
    await insertRemoteIds(sql, provider)
  })
}

export async function updateIdentityProvider(sql: Sql, provider: IdentityProvider): Promise<void> {
  await guarded('identity provider', provider.id, async () => {
    await sql`
      update identity.identity_providers
         set enabled = ${provider.enabled}, description = ${provider.description},
             authorization_ttl = ${provider.authorizationTtl}
       where id = ${provider.id}`
    await sql`delete from identity.remote_ids where idp_id = ${provider.id}`
    await insertRemoteIds(sql, provider)
  })
}

async function insertRemoteIds(sql: Sql, { id, remoteIds }: IdentityProvider): Promise<void> {
  await sql`insert into identity.remote_ids (idp_id, remote_id) select ${id}, unnest(${[...remoteIds]}::text[])`
}

export async function deleteIdentityProvider(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.identity_providers where id = ${id}`
  return gone.count > 0
}

const serviceColumns = (sql: Sql) => sql`
  v.id, v.enabled, v.description, v.auth_url, v.sp_url, v.relay_state_prefix`

export async function findServiceProvider(sql: Sql, id: string): Promise<ServiceProvider | undefined> {
  const [found] = await sql<ServiceProvider[]>`
    select ${serviceColumns(sql)} from identity.service_providers v where v.id = ${id}`
  return found
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockServiceProvider(sql: Sql, id: string): Promise<ServiceProvider | undefined> {
  const [found] = await sql<ServiceProvider[]>`
    select ${serviceColumns(sql)} from identity.service_providers v where v.id = ${id} for update`
  return found
}

export async function listServiceProviders(sql: Sql, list: ListQuery): Promise<readonly ServiceProvider[]> {
  return await sql<ServiceProvider[]>`
    select ${serviceColumns(sql)} from identity.service_providers v
     where true ${matching(sql, list)} ${paged(sql, list, 'v.id')}`
}

export async function insertServiceProvider(sql: Sql, provider: ServiceProvider): Promise<void> {
  await guarded('service provider', provider.id, async () => {
    await sql`
      insert into identity.service_providers (id, enabled, description, auth_url, sp_url, relay_state_prefix)
      values (${provider.id}, ${provider.enabled}, ${provider.description}, ${provider.authUrl}, ${provider.spUrl},
              ${provider.relayStatePrefix})`
  })
}

export async function updateServiceProvider(sql: Sql, provider: ServiceProvider): Promise<void> {
  await sql`
    update identity.service_providers
       set enabled = ${provider.enabled}, description = ${provider.description}, auth_url = ${provider.authUrl},
           sp_url = ${provider.spUrl}, relay_state_prefix = ${provider.relayStatePrefix}
     where id = ${provider.id}`
}

export async function deleteServiceProvider(sql: Sql, id: string): Promise<boolean> {
  const gone = await sql`delete from identity.service_providers where id = ${id}`
  return gone.count > 0
}

async function guarded(
  kind: 'identity provider' | 'service provider',
  id: string,
  write: () => Promise<void>,
): Promise<void> {
  try {
    await write()
  } catch (error) {
    switch (violatedConstraint(error)) {
      case 'identity_providers_pkey':
      case 'service_providers_pkey':
        throw idTaken(kind, id)
      case 'identity_providers_domain':
        throw notFound('domain', 'of the identity provider')
      case 'remote_ids_once':
        throw remoteIdTaken()
      default:
        throw error
    }
  }
}
