/**
 * The first contents of a cloud: the default domain, the roles, two projects with a user each, the catalog. Everything is
 * made only where it is missing, so that it can run at each start; URLs alone follow what is asked, as addresses change.
 * Source: keystone/cmd/bootstrap.py
 */
import type { Database, Sql, Transaction } from '../database/database.ts'
import { type DomainId, newHexId, type ProjectId, type RoleId, type UserId } from '../ids.ts'
import { insertGrant } from './assignments/store.ts'
import type { Changes } from './changes.ts'
import type { Bootstrapped, BootstrapOrder } from './index.ts'
import type { PasswordHashing } from './passwords/hashing.ts'
import { DEFAULT_DOMAIN } from './projects/projects.ts'
import { insertImplication } from './roles/store.ts'

/** Each role with those that it implies. */
const ROLES = {
  reader: [],
  member: ['reader'],
  manager: ['member'],
  admin: ['manager'],
  service: [],
} as const
type RoleName = keyof typeof ROLES

const INTERFACES = ['public', 'internal', 'admin'] as const

export async function bootstrap(
  order: BootstrapOrder,
  { db, changes, hashing, region }: { db: Database; changes: Changes; hashing: PasswordHashing; region: string },
): Promise<Bootstrapped> {
  // Before the transaction, which should not wait for it; and only the first time, because it is most of a warm start.
  const [adminHash, demoHash] = await Promise.all([
    hashUnlessThere(db, hashing, 'admin', order.adminPassword),
    hashUnlessThere(db, hashing, 'demo', order.demoPassword),
  ])
  return await changes.commit(async (tx) => {
    // Several control planes may start at once; the second finds all made.
    await tx`select pg_advisory_xact_lock(hashtext('identity.bootstrap'))`
    await ensureDomain(tx)
    const roles = {} as Record<RoleName, RoleId>
    for (const name of Object.keys(ROLES) as RoleName[]) roles[name] = await ensureRole(tx, name, ROLES[name], roles)
    const adminProjectId = await ensureProject(tx, 'admin')
    const demoProjectId = await ensureProject(tx, 'demo')
    const admin = await ensureUser(tx, 'admin', adminHash, adminProjectId)
    const demo = await ensureUser(tx, 'demo', demoHash, demoProjectId)
    // Only with the user: a role that was taken away later stays away.
    if (admin.made) {
      for (const target of [{ projectId: adminProjectId }, { domainId: DEFAULT_DOMAIN }, { system: true as const }]) {
        await insertGrant(tx, { roleId: roles.admin, actor: { userId: admin.id }, target, inherited: false })
      }
    }
    if (demo.made) {
      const target = { projectId: demoProjectId }
      await insertGrant(tx, { roleId: roles.member, actor: { userId: demo.id }, target, inherited: false })
    }
    await tx`insert into identity.regions (id) values (${region}) on conflict do nothing`
    for (const [type, { name, url }] of Object.entries(order.endpoints)) {
      await ensureService(tx, { type, name, url: type === 'volumev3' ? volumeUrl(url) : url, region })
    }
    return {
      domainId: DEFAULT_DOMAIN,
      adminUserId: admin.id,
      adminProjectId,
      demoUserId: demo.id,
      demoProjectId,
    }
  })
}

/** Undefined for a user that is there: his password stays. */
async function hashUnlessThere(
  db: Database,
  hashing: PasswordHashing,
  name: string,
  password: string,
): Promise<string | undefined> {
  return (await findUserNamed(db, name)) === undefined ? await hashing.hash(password) : undefined
}

async function findUserNamed(sql: Sql, name: string): Promise<UserId | undefined> {
  const [found] = await sql<{ id: UserId }[]>`
    select id from identity.users where name = ${name} and domain_id = ${DEFAULT_DOMAIN}`
  return found?.id
}

async function ensureDomain(tx: Transaction): Promise<void> {
  await tx`
    insert into identity.projects (id, name, is_domain, description)
    values (${DEFAULT_DOMAIN as DomainId}, 'Default', true, 'The default domain')
    on conflict do nothing`
}

async function ensureRole(
  tx: Transaction,
  name: RoleName,
  implied: readonly RoleName[],
  roles: Readonly<Record<RoleName, RoleId>>,
): Promise<RoleId> {
  const [found] = await tx<{ id: RoleId }[]>`select id from identity.roles where name = ${name} and domain_id is null`
  if (found !== undefined) return found.id
  const id = newHexId<RoleId>()
  await tx`insert into identity.roles (id, name, options) values (${id}, ${name}, '{"immutable": true}')`
  for (const other of implied) await insertImplication(tx, id, roles[other])
  return id
}

async function ensureProject(tx: Transaction, name: string): Promise<ProjectId> {
  const [found] = await tx<{ id: ProjectId }[]>`
    select id from identity.projects where name = ${name} and domain_id = ${DEFAULT_DOMAIN}`
  if (found !== undefined) return found.id
  const id = newHexId<ProjectId>()
  await tx`
    insert into identity.projects (id, name, domain_id, parent_id, description)
    values (${id}, ${name}, ${DEFAULT_DOMAIN}, ${DEFAULT_DOMAIN}, '')`
  return id
}

async function ensureUser(
  tx: Transaction,
  name: string,
  hash: string | undefined,
  projectId: ProjectId,
): Promise<{ id: UserId; made: boolean }> {
  const found = await findUserNamed(tx, name)
  if (found !== undefined) return { id: found, made: false }
  if (hash === undefined) throw new Error(`the user ${name} was removed while the cloud was being made; start again`)
  const id = newHexId<UserId>()
  await tx`
    insert into identity.users (id, name, domain_id, default_project_id)
    values (${id}, ${name}, ${DEFAULT_DOMAIN}, ${projectId})`
  await tx`insert into identity.passwords (user_id, hash) values (${id}, ${hash})`
  return { id, made: true }
}

/** The service with its three endpoints in the region; an endpoint that is there has its URL set. */
async function ensureService(
  tx: Transaction,
  { type, name, url, region }: { type: string; name: string; url: string; region: string },
): Promise<void> {
  const [found] = await tx<{ id: string }[]>`
    select id from identity.services where type = ${type} order by position limit 1`
  const serviceId = found?.id ?? newHexId<string>()
  if (found === undefined) {
    await tx`insert into identity.services (id, type, name) values (${serviceId}, ${type}, ${name})`
  }
  for (const each of INTERFACES) {
    const there = await tx`
      update identity.endpoints set url = ${url}
       where service_id = ${serviceId} and region_id = ${region} and interface = ${each}`
    if (there.count > 0) continue
    await tx`
      insert into identity.endpoints (id, service_id, region_id, interface, url)
      values (${newHexId<string>()}, ${serviceId}, ${region}, ${each}, ${url})`
  }
}

/** Clients of this catalog entry expect the project in its path. */
function volumeUrl(url: string): string {
  return /\/v3(\/|$)/.test(url) ? url : `${url}/v3/$(project_id)s`
}
