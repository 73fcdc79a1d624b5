/** Live migration of an emulated guest between two hosts. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import { type Connection, connect, type Domain, type LibvirtError } from '../src/index.ts'
import { Authority } from './certificates.ts'
import { freePort } from './daemon-settings.ts'
import { hostsUnavailable, withTwoHosts } from './two-daemons.ts'

const skip = hostsUnavailable() || Authority.unavailable()
const limits = { skip, timeout: 120_000 }

let here: Connection
let there: Connection
/** Of the other host, through TLS. */
let uri: string
let strangerUri: string
const stack = new AsyncDisposableStack()
before(async () => {
  if (skip !== false) return
  await withTwoHosts(stack, async (authority, one, two) => {
    uri = two.tlsUri(authority.pki(authority.issue({ name: 'one.example' })))
    strangerUri = two.tlsUri(authority.pki(undefined))
    here = stack.use(await one.connect())
    there = stack.use(await connect(uri))
  })
})
after(() => stack.disposeAsync())

/** Runs at the first host; without disks, nothing has to be shared. */
async function start(): Promise<Domain> {
  const name = `libvirt-ts-moving-${randomUUID().slice(0, 8)}`
  return await here.domains.createXml(`<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory>
    <vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>
    <devices><memballoon model='none'/></devices></domain>`)
}
/** The hypervisors' own way, which the names of these hosts would not show. */
async function away(): Promise<{ migrate_uri: string }> {
  return { migrate_uri: `tcp:127.0.0.1:${await freePort()}` }
}
async function isOnlyAt(where: Connection, guest: Domain): Promise<void> {
  const found = await where.domains.findByUuid(guest.uuid)
  assert.equal((await found?.state())?.state, 'running')
  const other = where === here ? there : here
  assert.equal(await other.domains.findByUuid(guest.uuid), undefined)
}

test('the hosts are two', limits, async () => {
  assert.equal(await here.hostname(), 'one.example')
  assert.equal(await there.hostname(), 'two.example')
  assert.equal(await there.isEncrypted(), true)
})

test('a running guest is led from one daemon to the other, told of at both ends', limits, async () => {
  const guest = await start()
  await using departures = await here.domains.watch({ kinds: ['lifecycle'], domain: guest })
  await using arrivals = await there.domains.watch({ kinds: ['lifecycle'] })
  const moved = await guest.migrate(there, await away(), C.VIR_MIGRATE_LIVE)
  assert.equal(moved.connection, there)
  assert.equal(moved.uuid, guest.uuid)
  await isOnlyAt(there, guest)
  assert.deepEqual(await moved.state(), { state: 'running', reason: 'migrated' })
  const until = async (watch: typeof arrivals, event: string) => {
    for await (const told of watch) if (told.kind === 'lifecycle' && told.event === event) return
  }
  await until(departures, 'stopped')
  await until(arrivals, 'resumed')
  await moved.destroy()
})

test('a paused guest arrives paused, with another name and its definition', limits, async () => {
  const guest = await start()
  await guest.suspend()
  const name = `${guest.name}-moved`
  const flags = C.VIR_MIGRATE_LIVE | C.VIR_MIGRATE_PERSIST_DEST
  const moved = await guest.migrate(there, { ...(await away()), destination_name: name }, flags)
  assert.equal(moved.name, name)
  assert.equal((await moved.state()).state, 'paused')
  assert.equal(await moved.isPersistent(), true)
  await moved.destroy()
  await moved.undefine()
})

test('the daemons move a guest among themselves, over TLS', limits, async () => {
  const guest = await start()
  await guest.migrateToUri(uri, await away(), C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_LIVE)
  await isOnlyAt(there, guest)
  await (await there.domains.lookupByUuid(guest.uuid)).destroy()

  // Even the memory goes through their connection.
  const other = await start()
  const flags = C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_TUNNELLED | C.VIR_MIGRATE_LIVE
  const moved = await other.migrate(there, {}, flags)
  await isOnlyAt(there, other)
  await moved.destroy()
})

for (const [who, flags] of [
  ['led from here', 0],
  ['of the daemons among themselves', C.VIR_MIGRATE_PEER2PEER],
] as const) {
  test(`a migration ${who} that is aborted leaves the guest where it was`, limits, async () => {
    const guest = await start()
    const controller = new AbortController()
    const enough = new Error('enough')
    const stop = await here.domains.on('migration-iteration', () => controller.abort(enough), { domain: guest })
    const params = { ...(await away()), bandwidth: 1n }
    const options = { signal: controller.signal }
    await assert.rejects(guest.migrate(there, params, flags | C.VIR_MIGRATE_LIVE, options), enough)
    await isOnlyAt(here, guest)
    await stop()
    // Nothing is left that would be in the way of the next one.
    const moved = await guest.migrate(there, await away(), C.VIR_MIGRATE_LIVE)
    await isOnlyAt(there, guest)
    await moved.destroy()
  })
}

test('a migration that cannot begin leaves the guest where it was', limits, async () => {
  const guest = await start()
  await assert.rejects(
    guest.migrate(there, { migrate_uri: 'tcp:127.0.0.1:1', destination_xml: '<domain/>' }, C.VIR_MIGRATE_LIVE),
    (error: LibvirtError) => error.origin === 'daemon',
  )
  await isOnlyAt(here, guest)
  // A daemon that the other one does not let in.
  await assert.rejects(
    guest.migrateToUri(strangerUri, await away(), C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_LIVE),
    (error: LibvirtError) => error.origin === 'daemon',
  )
  await isOnlyAt(here, guest)
  await guest.destroy()
})
