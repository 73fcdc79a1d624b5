/** The client's part of a migration, against two daemons that note what they are asked, in which order and with what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import { type Connection, type Domain, LibvirtError, type MigrateParams } from '../src/index.ts'
import { FakeDaemon, Refusal, until } from './fake-daemon.ts'

const uuid = '07070707-0707-0707-0707-070707070707'
const dom = { name: 'guest', uuid: new Uint8Array(16).fill(7), id: 3 }
const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (value: Uint8Array) => Buffer.from(value).toString()

interface Asked {
  where: 'source' | 'destination'
  name: string
  args: Record<string, unknown>
}

/** Two daemons with what all four generations of migration need; features by number, for both. */
class Hosts implements AsyncDisposable {
  readonly source = new FakeDaemon()
  readonly destination = new FakeDaemon()
  /** But for questions about features. */
  readonly asked: Asked[] = []
  features = new Set([4, 6, 7, 12, 13])
  from!: Connection
  to!: Connection
  guest!: Domain

  async open(): Promise<this> {
    for (const [where, daemon] of [
      ['source', this.source],
      ['destination', this.destination],
    ] as const) {
      await daemon.listen()
      const note = (name: string, answer: () => unknown) => {
        daemon.answers[name] = ({ args }) => {
          this.asked.push({ where, name, args: args as Record<string, unknown> })
          return answer()
        }
      }
      daemon.answers.connectSupportsFeature = ({ args }) => {
        const { feature } = args as { feature: number }
        // Keepalive and events by callback are not the drivers'.
        return { supported: feature === 10 || feature === 14 || this.features.has(feature) ? 1 : 0 }
      }
      note('domainGetState', () => ({ state: 1, reason: 1 }))
      note('domainGetInfo', () => ({ state: 1, maxMem: 1n, memory: 1n, nrVirtCpu: 1, cpuTime: 0n }))
      note('domainGetXmlDesc', () => ({ xml: '<xml/>' }))
      note('domainAbortJob', () => undefined)
      note('domainLookupByName', () => ({ dom }))
      note('domainMigrateBegin3Params', () => ({ cookieOut: bytes('begin'), xml: '<begun/>' }))
      note('domainMigratePrepare3Params', () => ({ cookieOut: bytes('prepare'), uriOut: 'tcp:there:49152' }))
      note('domainMigratePerform3Params', () => ({ cookieOut: bytes('perform') }))
      note('domainMigrateFinish3Params', () => ({ dom: { ...dom, id: 9 }, cookieOut: bytes('finish') }))
      note('domainMigrateConfirm3Params', () => undefined)
      note('domainMigrateBegin3', () => ({ cookieOut: bytes('begin'), xml: '<begun/>' }))
      note('domainMigratePrepare3', () => ({ cookieOut: bytes('prepare'), uriOut: 'tcp:there:49152' }))
      note('domainMigratePerform3', () => ({ cookieOut: bytes('perform') }))
      note('domainMigrateFinish3', () => ({ dom: { ...dom, id: 9 }, cookieOut: bytes('finish') }))
      note('domainMigrateConfirm3', () => undefined)
      note('domainMigratePrepare', () => ({ cookie: bytes('prepare'), uriOut: 'tcp:there:49152' }))
      note('domainMigratePrepare2', () => ({ cookie: bytes('prepare'), uriOut: 'tcp:there:49152' }))
      note('domainMigratePerform', () => undefined)
      note('domainMigrateFinish', () => ({ ddom: { ...dom, id: 9 } }))
      note('domainMigrateFinish2', () => ({ ddom: { ...dom, id: 9 } }))
    }
    this.from = await this.source.connect()
    this.to = await this.destination.connect()
    this.guest = this.from.domains.handle(uuid, 'guest')
    return this
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.from.close()
    await this.to.close()
    await this.source[Symbol.asyncDispose]()
    await this.destination[Symbol.asyncDispose]()
  }

  /** The order of the phases: `source begin`, … */
  get order(): string[] {
    return this.asked
      .filter(({ name }) => name.startsWith('domainMigrate'))
      .map(({ where, name }) => `${where} ${name.replace('domainMigrate', '').toLowerCase()}`)
  }
  of(name: string): Record<string, unknown> {
    const found = this.asked.find((entry) => entry.name === name)
    assert.ok(found, `${name} was not asked`)
    return found.args
  }
  /** The phase fails with this, and is noted all the same. */
  refuse(where: 'source' | 'destination', name: string, error: Error = new Refusal(9, `no ${name}`)): void {
    this[where].answers[name] = ({ args }) => {
      this.asked.push({ where, name, args: args as Record<string, unknown> })
      throw error
    }
  }
}
const hosts = () => new Hosts().open()
const paramsOf = (args: Record<string, unknown>) =>
  Object.fromEntries(
    (args.params as { field: string; value: { value: unknown } }[]).map(({ field, value }) => [field, value.value]),
  )
const cookieOf = (args: Record<string, unknown>) => text(args.cookieIn as Uint8Array)
const withProtection = C.VIR_MIGRATE_LIVE | C.VIR_MIGRATE_CHANGE_PROTECTION

test('the five phases follow each other, and each is given what the one before it left', async () => {
  await using both = await hosts()
  const there = await both.guest.migrate(both.to, { bandwidth: 50, migrate_disks: ['vda', 'vdb'] }, C.VIR_MIGRATE_LIVE)
  assert.equal(there.connection, both.to)
  assert.equal(there.id, 9)
  assert.deepEqual(both.order, [
    'source begin3params',
    'destination prepare3params',
    'source perform3params',
    'destination finish3params',
    'source confirm3params',
  ])
  const begin = both.of('domainMigrateBegin3Params')
  assert.equal(begin.flags, withProtection)
  assert.deepEqual(
    (begin.params as { field: string }[]).map(({ field }) => field),
    ['bandwidth', 'migrate_disks', 'migrate_disks'],
  )
  assert.deepEqual((begin.params as { value: unknown }[])[0]?.value, { type: C.VIR_TYPED_PARAM_ULLONG, value: 50n })
  const prepare = both.of('domainMigratePrepare3Params')
  assert.equal(cookieOf(prepare), 'begin')
  assert.equal(paramsOf(prepare).destination_xml, '<begun/>')
  assert.equal(prepare.flags, C.VIR_MIGRATE_LIVE, "protection is the source's own affair")
  const perform = both.of('domainMigratePerform3Params')
  assert.equal(cookieOf(perform), 'prepare')
  assert.equal(paramsOf(perform).migrate_uri, 'tcp:there:49152')
  assert.equal(perform.dconnuri, null)
  assert.equal(perform.flags, withProtection)
  const finish = both.of('domainMigrateFinish3Params')
  assert.equal(cookieOf(finish), 'perform')
  assert.equal(paramsOf(finish).destination_name, 'guest')
  assert.equal(finish.cancelled, 0)
  const confirm = both.of('domainMigrateConfirm3Params')
  assert.equal(cookieOf(confirm), 'finish')
  assert.equal(confirm.cancelled, 0)
})

test('a guest that is paused stays so, and flags of the source alone do not reach the destination', async () => {
  await using both = await hosts()
  both.source.answers.domainGetState = () => ({ state: C.VIR_DOMAIN_PAUSED, reason: 1 })
  const flags = C.VIR_MIGRATE_LIVE | C.VIR_MIGRATE_ABORT_ON_ERROR | C.VIR_MIGRATE_AUTO_CONVERGE
  await both.guest.migrate(both.to, {}, flags)
  assert.equal(both.of('domainMigratePrepare3Params').flags, C.VIR_MIGRATE_LIVE | C.VIR_MIGRATE_PAUSED)
  assert.equal(
    both.of('domainMigratePerform3Params').flags,
    flags | C.VIR_MIGRATE_PAUSED | C.VIR_MIGRATE_CHANGE_PROTECTION,
  )
})

test('a URI of ours is kept where the destination names none', async () => {
  await using both = await hosts()
  both.destination.answers.domainMigratePrepare3Params = () => ({ cookieOut: bytes(''), uriOut: null })
  await both.guest.migrate(both.to, { migrate_uri: 'tcp:mine', destination_name: 'other' })
  assert.equal(paramsOf(both.of('domainMigratePerform3Params')).migrate_uri, 'tcp:mine')
  assert.equal(paramsOf(both.of('domainMigrateFinish3Params')).destination_name, 'other')
})

test('a beginning that fails ends it there', async () => {
  await using both = await hosts()
  both.refuse('source', 'domainMigrateBegin3Params')
  await assert.rejects(both.guest.migrate(both.to), /no domainMigrateBegin3Params/)
  assert.deepEqual(both.order, ['source begin3params'])
})

test('when the destination cannot prepare, the source is told, since its job runs', async () => {
  await using both = await hosts()
  both.refuse('destination', 'domainMigratePrepare3Params')
  await assert.rejects(both.guest.migrate(both.to), /no domainMigratePrepare3Params/)
  assert.deepEqual(both.order, ['source begin3params', 'destination prepare3params', 'source confirm3params'])
  assert.equal(both.of('domainMigrateConfirm3Params').cancelled, 1)
  assert.equal(cookieOf(both.of('domainMigrateConfirm3Params')), '')
})

test('without protection no job runs yet, and nobody has to be told', async () => {
  await using both = await hosts()
  both.features.delete(7)
  both.refuse('destination', 'domainMigratePrepare3Params')
  await assert.rejects(both.guest.migrate(both.to), /no domainMigratePrepare3Params/)
  assert.deepEqual(both.order, ['source begin3params', 'destination prepare3params'])
  await assert.rejects(
    both.guest.migrate(both.to, {}, C.VIR_MIGRATE_CHANGE_PROTECTION),
    /cannot enforce change protection/,
  )
})

test('a destination that names no URI is let go, and the source too', async () => {
  await using both = await hosts()
  both.destination.answers.domainMigratePrepare3Params = () => ({ cookieOut: bytes('prepare'), uriOut: null })
  both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_MIGRATE_FINISH_OK, 'cancelled'))
  await assert.rejects(both.guest.migrate(both.to), /named no URI/)
  assert.deepEqual(both.order, ['source begin3params', 'destination finish3params', 'source confirm3params'])
  assert.equal(cookieOf(both.of('domainMigrateFinish3Params')), 'prepare')
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 1)
  assert.equal(both.of('domainMigrateConfirm3Params').cancelled, 1)
})

test('when copying fails, the destination is told to forget it, and the source knows already', async () => {
  await using both = await hosts()
  both.refuse('source', 'domainMigratePerform3Params', new Refusal(C.VIR_ERR_OPERATION_FAILED, 'unexpectedly failed'))
  both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_MIGRATE_FINISH_OK, 'cancelled'))
  await assert.rejects(both.guest.migrate(both.to), /unexpectedly failed/)
  assert.deepEqual(both.order, [
    'source begin3params',
    'destination prepare3params',
    'source perform3params',
    'destination finish3params',
  ])
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 1)
  assert.equal(cookieOf(both.of('domainMigrateFinish3Params')), '')
})

test('why it failed is often known to the destination only', async () => {
  await using both = await hosts()
  both.refuse('source', 'domainMigratePerform3Params', new Refusal(C.VIR_ERR_OPERATION_FAILED, 'unexpectedly failed'))
  both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_INTERNAL_ERROR, 'QEMU died there'))
  await assert.rejects(both.guest.migrate(both.to), /QEMU died there/)
  // An error of the source that says something itself is kept.
  both.refuse('source', 'domainMigratePerform3Params', new Refusal(C.VIR_ERR_INTERNAL_ERROR, 'this is why'))
  await assert.rejects(both.guest.migrate(both.to), /this is why/)
})

test('when the guest does not arrive, it goes on at the source', async () => {
  await using both = await hosts()
  both.refuse('destination', 'domainMigrateFinish3Params')
  await assert.rejects(both.guest.migrate(both.to), /no domainMigrateFinish3Params/)
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 0)
  assert.equal(both.of('domainMigrateConfirm3Params').cancelled, 1)
})

test('a destination that dies at the end counts as one where the guest did not arrive', async () => {
  await using both = await hosts()
  both.destination.answers.domainMigrateFinish3Params = async () => {
    await both.destination.die()
    return new Promise(() => {})
  }
  await assert.rejects(both.guest.migrate(both.to), (error: LibvirtError) => error.isConnectionLost())
  assert.equal(both.of('domainMigrateConfirm3Params').cancelled, 1)
})

test('a source that cannot be told is warned of, and the guest has moved all the same', async (t) => {
  await using both = await hosts()
  const warned = t.mock.method(process, 'emitWarning', () => {})
  both.refuse('source', 'domainMigrateConfirm3Params')
  assert.equal((await both.guest.migrate(both.to)).id, 9)
  assert.match(String(warned.mock.calls[0]?.arguments[0]), /left paused at the source/)
})

test('a guest that does not run is moved without copying', async () => {
  await using both = await hosts()
  await both.guest.migrate(both.to, {}, C.VIR_MIGRATE_OFFLINE | C.VIR_MIGRATE_PERSIST_DEST)
  assert.deepEqual(both.order, [
    'source begin3params',
    'destination prepare3params',
    'destination finish3params',
    'source confirm3params',
  ])
  assert.equal(cookieOf(both.of('domainMigrateFinish3Params')), '')
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 0)
  both.features.delete(12)
  await assert.rejects(both.guest.migrate(both.to, {}, C.VIR_MIGRATE_OFFLINE), /offline migration is not supported/)
})

/** Begins to copy, and says when; ends as the daemon does when its job is aborted. */
function untilAborted(both: Hosts, abortsRefused = 0) {
  const began = Promise.withResolvers<void>()
  const ends = Promise.withResolvers<void>()
  let refused = 0
  both.source.answers.domainMigratePerform3Params = async ({ args }) => {
    both.asked.push({ where: 'source', name: 'domainMigratePerform3Params', args })
    began.resolve()
    await ends.promise
    throw new Refusal(C.VIR_ERR_OPERATION_ABORTED, 'operation aborted')
  }
  both.source.answers.domainAbortJob = () => {
    both.asked.push({ where: 'source', name: 'domainAbortJob', args: {} })
    if (refused++ < abortsRefused) throw new Refusal(C.VIR_ERR_OPERATION_INVALID, 'no job is active')
    ends.resolve()
  }
  both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_MIGRATE_FINISH_OK, 'cancelled'))
  return began.promise
}

test('an abort during the copying ends the job at the source and the guest at the destination', async () => {
  await using both = await hosts()
  const began = untilAborted(both, 1)
  const stop = new AbortController()
  const moving = both.guest.migrate(both.to, {}, 0, { signal: stop.signal })
  await began
  const reason = new Error('changed my mind')
  stop.abort(reason)
  await assert.rejects(moving, reason)
  assert.equal(both.asked.filter(({ name }) => name === 'domainAbortJob').length, 2, 'one was too early')
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 1)
  assert.ok(!both.order.includes('source confirm3params'))
})

test('a time limit cancels in the same way', async () => {
  await using both = await hosts()
  void untilAborted(both)
  await assert.rejects(both.guest.migrate(both.to, {}, 0, { timeoutMs: 50 }), (error: LibvirtError) =>
    error.isTimeout(),
  )
  assert.equal(both.of('domainMigrateFinish3Params').cancelled, 1)
})

test('an abort between the phases takes back what was prepared', async () => {
  for (const [phase, where] of [
    ['domainMigrateBegin3Params', 'source'],
    ['domainMigratePrepare3Params', 'destination'],
  ] as const) {
    await using both = await hosts()
    const stop = new AbortController()
    const answer = both[where].answers[phase] as (call: never) => unknown
    both[where].answers[phase] = (call) => {
      stop.abort()
      return answer(call as never)
    }
    both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_MIGRATE_FINISH_OK, 'cancelled'))
    await assert.rejects(both.guest.migrate(both.to, {}, 0, { signal: stop.signal }), { name: 'AbortError' })
    assert.ok(!both.order.includes('source perform3params'))
    assert.equal(both.order.includes('destination finish3params'), where === 'destination')
    assert.equal(both.of('domainMigrateConfirm3Params').cancelled, 1)
  }
})

test('an abort after the copying comes too late, and the guest has moved', async () => {
  await using both = await hosts()
  const stop = new AbortController()
  const finish = both.destination.answers.domainMigrateFinish3Params as (call: never) => unknown
  both.destination.answers.domainMigrateFinish3Params = (call) => {
    stop.abort()
    return finish(call as never)
  }
  assert.equal((await both.guest.migrate(both.to, {}, 0, { signal: stop.signal })).id, 9)
  assert.ok(!both.source.calls.includes('domainAbortJob'))
})

test('a signal that was aborted before begins nothing', async () => {
  await using both = await hosts()
  await assert.rejects(both.guest.migrate(both.to, {}, 0, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.deepEqual(both.order, [])
})

test('older daemons are asked in the older form, and told what they know only', async () => {
  await using both = await hosts()
  both.features = new Set([6, 7])
  const params: MigrateParams = { bandwidth: 7, destination_xml: '<wanted/>', destination_name: 'other' }
  await both.guest.migrate(both.to, params, C.VIR_MIGRATE_LIVE)
  assert.deepEqual(both.order, [
    'source begin3',
    'destination prepare3',
    'source perform3',
    'destination finish3',
    'source confirm3',
  ])
  assert.partialDeepStrictEqual(both.of('domainMigrateBegin3'), {
    xmlin: '<wanted/>',
    dname: 'other',
    resource: 7n,
    flags: BigInt(withProtection),
  })
  assert.partialDeepStrictEqual(both.of('domainMigratePrepare3'), { uriIn: null, domXml: '<begun/>' })
  assert.partialDeepStrictEqual(both.of('domainMigratePerform3'), { uri: 'tcp:there:49152', xmlin: null })
  assert.partialDeepStrictEqual(both.of('domainMigrateFinish3'), { dname: 'other', cancelled: 0 })
  assert.deepEqual(
    ['domainMigratePrepare3', 'domainMigratePerform3', 'domainMigrateFinish3', 'domainMigrateConfirm3'].map((name) =>
      cookieOf(both.of(name)),
    ),
    ['begin', 'prepare', 'perform', 'finish'],
  )
  await assert.rejects(both.guest.migrate(both.to, { disks_port: 5 }), /migration parameter disks_port/)
})

test('the second version cancels by the return code of its last phase', async () => {
  await using both = await hosts()
  both.features = new Set([3, 11])
  await both.guest.migrate(both.to)
  assert.deepEqual(both.order, ['destination prepare2', 'source perform', 'destination finish2'])
  assert.equal(both.of('domainGetXmlDesc').flags, C.VIR_DOMAIN_XML_MIGRATABLE)
  assert.equal(both.of('domainMigrateFinish2').retcode, 0)
  both.asked.length = 0
  both.refuse('source', 'domainMigratePerform')
  both.refuse('destination', 'domainMigrateFinish2')
  await assert.rejects(both.guest.migrate(both.to), /no domainMigratePerform/)
  assert.equal(both.of('domainMigrateFinish2').retcode, 1)
  await assert.rejects(both.guest.migrate(both.to, { destination_xml: '<x/>' }), /cannot change the XML/)
})

test('the first version has no way to cancel, and no version none at all', async () => {
  await using both = await hosts()
  both.features = new Set([1])
  await both.guest.migrate(both.to, { migrate_uri: 'tcp:mine' })
  assert.deepEqual(both.order, ['destination prepare', 'source perform', 'destination finish'])
  assert.equal(both.of('domainMigratePrepare').uriIn, 'tcp:mine')
  assert.equal(text(both.of('domainMigratePerform').cookie as Uint8Array), 'prepare')
  both.features = new Set()
  await assert.rejects(both.guest.migrate(both.to), /no way of migration in common/)
})

test('peer to peer, the source does it all, and reaches the destination by the URI of our connection', async () => {
  await using both = await hosts()
  const there = both.to as { uri: string }
  there.uri = 'qemu+tcp://there/system'
  const flags = C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_TUNNELLED
  assert.equal((await both.guest.migrate(both.to, { destination_name: 'other' }, flags)).name, 'guest')
  assert.deepEqual(both.order, ['source perform3params'])
  const perform = both.of('domainMigratePerform3Params')
  assert.equal(perform.dconnuri, 'qemu+tcp://there/system')
  assert.equal(perform.flags, flags)
  assert.equal(both.of('domainLookupByName').name, 'other')
  there.uri = 'qemu:///system'
  await assert.rejects(both.guest.migrate(both.to, {}, flags), /its own host/)
})

test('by URI alone no other daemon is asked', async () => {
  await using both = await hosts()
  const flags = C.VIR_MIGRATE_PEER2PEER | C.VIR_MIGRATE_LIVE
  await both.guest.migrateToUri('qemu+tls://there/system', { 'parallel.connections': 2 }, flags)
  assert.deepEqual(both.order, ['source perform3params'])
  assert.equal(paramsOf(both.of('domainMigratePerform3Params'))['parallel.connections'], 2)

  both.features = new Set([4, 6])
  await both.guest.migrateToUri('qemu+tls://there/system', { destination_xml: '<x/>' }, flags)
  assert.partialDeepStrictEqual(both.of('domainMigratePerform3'), {
    dconnuri: 'qemu+tls://there/system',
    uri: null,
    xmlin: '<x/>',
  })
  both.features = new Set([4])
  await both.guest.migrateToUri('qemu+tls://there/system', {}, flags)
  assert.equal(both.of('domainMigratePerform').uri, 'qemu+tls://there/system')

  both.asked.length = 0
  both.features = new Set([5, 6])
  await both.guest.migrateToUri(null, { migrate_uri: 'tcp:there' }, C.VIR_MIGRATE_LIVE)
  assert.partialDeepStrictEqual(both.of('domainMigratePerform3'), { dconnuri: null, uri: 'tcp:there' })
})

test('what makes no sense is refused before anything is begun', async () => {
  await using both = await hosts()
  const refused = async (flags: number, why: RegExp, uri: string | null = 'qemu+tcp://there/system') => {
    await assert.rejects(both.guest.migrateToUri(uri, {}, flags), why)
  }
  const p2p = C.VIR_MIGRATE_PEER2PEER
  await refused(p2p | C.VIR_MIGRATE_NON_SHARED_DISK | C.VIR_MIGRATE_NON_SHARED_INC, /whole or incrementally/)
  await refused(p2p | C.VIR_MIGRATE_TUNNELLED | C.VIR_MIGRATE_PARALLEL, /cannot be parallel/)
  await refused(p2p | C.VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES, /synchronous writes/)
  await refused(p2p, /needs the URI/, null)
  await refused(p2p, /its own host/, 'qemu:///system')
  await refused(p2p, /its own host/, 'qemu+ssh://localhost/system')
  await refused(0, /direct migration is not supported/)
  both.features.delete(4)
  await refused(p2p, /peer-to-peer migration is not supported/)
  await assert.rejects(both.guest.migrate(both.to, {}, p2p), /peer-to-peer migration is not supported/)
  await assert.rejects(both.guest.migrate(both.to, {}, C.VIR_MIGRATE_TUNNELLED), /has to be peer-to-peer/)
  await assert.rejects(
    both.guest.migrate(both.to, { bandwidth: 'much' as never }),
    (error: LibvirtError) => error.origin === 'request',
  )
  await assert.rejects(both.guest.migrate(both.to, { unheard_of: 5 }), /say \{ type, value \}/)
  assert.deepEqual(both.order, [])
})

test('a lost source says that nobody knows what became of the guest', async () => {
  await using both = await hosts()
  both.source.answers.domainMigratePerform3Params = async () => {
    await both.source.die()
    return new Promise(() => {})
  }
  both.refuse('destination', 'domainMigrateFinish3Params', new Refusal(C.VIR_ERR_MIGRATE_FINISH_OK, 'cancelled'))
  await assert.rejects(
    both.guest.migrate(both.to),
    (error) => error instanceof LibvirtError && error.isConnectionLost(),
  )
  await until(() => both.order.includes('destination finish3params'))
})
