/** How the client behaves towards a daemon: framing, order, limits, failures, events, streams. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import { type DomainEvent, type DomainEvents, type DomainRef, LibvirtError } from '../src/index.ts'
import {
  finishPacket,
  PROGRAM_KEEPALIVE,
  STATUS_CONTINUE,
  STATUS_ERROR,
  STATUS_OK,
  TYPE_MESSAGE,
  writeHeader,
} from '../src/rpc/packet.ts'
import { duplexOf, readableOf, writableOf } from '../src/rpc/stream.ts'
import { Writer } from '../src/rpc/xdr.ts'
import { type Client, FakeDaemon, Refusal, until } from './fake-daemon.ts'

const isLibvirtError = (question: keyof LibvirtError) => (error: unknown) => {
  assert.ok(error instanceof LibvirtError, String(error))
  const ask = error[question] as () => boolean
  assert.equal(ask.call(error), true, `${question} of: ${error.message}`)
  return true
}

/** The next `count` events, within reason. */
async function take(events: DomainEvents, count: number): Promise<DomainEvent[]> {
  const taken: DomainEvent[] = []
  while (taken.length < count) {
    const { value, done } = await events.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

function later<T>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>()
}

test('replies in any order find their calls', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const first = later<object>()
  const second = later<object>()
  daemon.answers.connectGetHostname = () => first.promise
  daemon.answers.connectGetLibVersion = () => second.promise
  const hostname = connection.hostname()
  const version = connection.libVersion()
  await until(() => daemon.running === 2)
  second.resolve({ libVer: 9_001_002n })
  assert.deepEqual(await version, { major: 9, minor: 1, micro: 2, number: 9_001_002 })
  first.resolve({ hostname: 'host-a' })
  assert.equal(await hostname, 'host-a')
})

test('a reply that comes byte by byte is read like any other', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const [client] = daemon.clients as unknown as [Client]
  const write = client.socket.write.bind(client.socket)
  client.socket.write = ((bytes: Buffer) => {
    client.socket.setNoDelay(true)
    for (const byte of bytes) write(Buffer.of(byte))
    return true
  }) as typeof client.socket.write
  daemon.answers.connectGetHostname = () => ({ hostname: 'host-a' })
  assert.equal(await connection.hostname(), 'host-a')
})

test('the daemon says no: the error carries its code, domain and text, and the connection goes on', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.domainLookupByName = () => {
    throw new Refusal(42, 'Domain not found')
  }
  await assert.rejects(connection.domains.lookupByName('x'), (error: LibvirtError) => {
    assert.equal(error.code, 42)
    assert.equal(error.codeName, 'VIR_ERR_NO_DOMAIN')
    assert.equal(error.domain, 10)
    assert.equal(error.message, 'Domain not found')
    assert.equal(error.procedure, 'domainLookupByName')
    return error.isNotFound() && !error.isConnectionLost()
  })
  assert.equal(await connection.domains.findByName('x'), undefined)
  assert.equal(connection.state, 'open')
})

test('a packet too long to be true ends the connection with a protocol error', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = () => new Promise(() => {})
  const call = connection.hostname()
  await until(() => daemon.running === 1)
  daemon.broadcast(Buffer.from('7fffffff', 'hex'))
  await assert.rejects(call, (error: LibvirtError) => error.origin === 'protocol')
  assert.equal((await connection.closed)?.origin, 'protocol')
  await assert.rejects(connection.hostname(), isLibvirtError('isConnectionLost'))
})

test('a reply that is cut off fails its call alone', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = ({ serial, client }) => {
    const w = new Writer()
    writeHeader(w, { program: 0x20008086, procedure: 59, type: 1, serial, status: 0 })
    w.u(1000)
    client.send(finishPacket(w))
    return new Promise(() => {})
  }
  await assert.rejects(connection.hostname(), /unreadable packet/)
  daemon.answers.connectGetLibVersion = () => ({ libVer: 1n })
  assert.equal((await connection.libVersion()).number, 1)
})

test('calls under way fail at once when the daemon dies, and say that they had no answer', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  daemon.answers.connectGetHostname = () => new Promise(() => {})
  const calls = Array.from({ length: 8 }, () => connection.hostname())
  await until(() => daemon.running === 4)
  await daemon.die()
  const outcomes = await Promise.allSettled(calls)
  const texts = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? (outcome.reason as LibvirtError) : undefined,
  )
  assert.ok(texts.every((error) => error?.isConnectionLost()))
  assert.equal(texts.filter((error) => error?.message.includes('had not been answered')).length, 4)
  assert.equal(texts.filter((error) => error?.message.includes('was not sent')).length, 4)
  assert.ok((await connection.closed)?.isConnectionLost())
})

test('without a daemon connecting fails at once, and with a mute one in time', async () => {
  const daemon = new FakeDaemon()
  await assert.rejects(daemon.connect(), isLibvirtError('isConnectionLost'))
  await daemon.listen()
  daemon.answers.authList = () => new Promise(() => {})
  await assert.rejects(daemon.connect({ connectTimeoutMs: 50 }), isLibvirtError('isTimeout'))
  const given = new AbortController()
  const connecting = daemon.connect({ signal: given.signal })
  given.abort(new Error('enough'))
  await assert.rejects(connecting, /enough/)
  await until(() => daemon.clients.size === 0)
  await daemon[Symbol.asyncDispose]()
})

test('authentication: the list comes first, and polkit is asked', async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.authList = () => ({ types: [2] })
  daemon.answers.authPolkit = () => ({ complete: 1 })
  await (await daemon.connect()).close()
  assert.deepEqual(daemon.calls.slice(0, 4), ['authList', 'authPolkit', 'connectSupportsFeature', 'connectOpen'])
  daemon.answers.authPolkit = () => {
    throw new Refusal(94, 'no agent')
  }
  await assert.rejects(daemon.connect(), isLibvirtError('isDenied'))
})

test('closing takes leave of the daemon, ends watches without an error, and may be repeated', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  const events = await connection.domains.watch({ kinds: ['reboot'] })
  const next = events.next()
  await connection.close()
  await connection.close()
  assert.deepEqual(await next, { done: true, value: undefined })
  assert.equal(daemon.calls.at(-1), 'connectClose')
  assert.equal(connection.state, 'closed')
  assert.equal(await connection.closed, undefined)
  await assert.rejects(connection.hostname(), isLibvirtError('isConnectionLost'))
})

// ---- Limits --------------------------------------------------------------------------------------------------

test('the daemon never has so many calls of one connection that it would stop to read', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectGetHostname = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return { hostname: 'a' }
  }
  await Promise.all(Array.from({ length: 40 }, () => connection.hostname()))
  assert.equal(daemon.mostRunning, 4)
})

test('slow calls leave a place free, so a quick one overtakes them', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const gate = later<undefined>()
  daemon.answers.domainCreate = () => gate.promise
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  const guest = connection.domains.handle('00000000-0000-0000-0000-000000000001')
  const starts = Array.from({ length: 9 }, () => guest.create())
  await until(() => daemon.running === 3)
  assert.equal(await connection.hostname(), 'a')
  assert.equal(daemon.calls.filter((name) => name === 'domainCreate').length, 3)
  gate.resolve(undefined)
  await Promise.all(starts)
  assert.equal(daemon.mostRunning, 4)
})

test('a call out of time fails, keeps its place until the daemon has answered, and the late answer is dropped', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ maxCallsInFlight: 1 })
  const gate = later<object>()
  daemon.answers.connectGetHostname = () => gate.promise
  daemon.answers.connectGetLibVersion = () => ({ libVer: 1n })
  await assert.rejects(connection.hostname({ timeoutMs: 20 }), isLibvirtError('isTimeout'))
  await assert.rejects(connection.libVersion({ timeoutMs: 20 }), /was not sent/)
  const version = connection.libVersion()
  gate.resolve({ hostname: 'late' })
  assert.equal((await version).number, 1)
  assert.equal(daemon.calls.filter((name) => name === 'connectGetLibVersion').length, 1)
})

test('calls that wait for a guest have a longer time limit than others', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ timeoutMs: 20, slowTimeoutMs: 5000 })
  daemon.answers.domainManagedSave = () => new Promise((resolve) => setTimeout(resolve, 60, undefined))
  daemon.answers.connectGetHostname = () => new Promise((resolve) => setTimeout(resolve, 60, { hostname: 'a' }))
  await connection.domains.handle('00000000-0000-0000-0000-000000000001').managedSave()
  await assert.rejects(connection.hostname(), isLibvirtError('isTimeout'))
})

test('an aborted call rejects with the reason of its signal, and was not sent if it still waited', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ maxCallsInFlight: 1 })
  const gate = later<object>()
  daemon.answers.connectGetHostname = () => gate.promise
  const aborted = new AbortController()
  const running = connection.hostname({ signal: aborted.signal })
  const waiting = connection.libVersion({ signal: aborted.signal })
  await until(() => daemon.running === 1)
  aborted.abort(new Error('changed my mind'))
  await assert.rejects(running, /changed my mind/)
  await assert.rejects(waiting, /changed my mind/)
  await assert.rejects(connection.hostname({ signal: aborted.signal }), /changed my mind/)
  gate.resolve({ hostname: 'late' })
  assert.equal(await connection.hostname(), 'late')
  assert.ok(!daemon.calls.includes('connectGetLibVersion'))
})

test('arguments that cannot be sent are refused here, and cost nothing', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const before = daemon.calls.length
  await assert.rejects(
    connection.domains.lookupByName('x'.repeat(4_194_305)),
    (error: LibvirtError) => error.origin === 'request',
  )
  await assert.rejects(async () => connection.domains.lookupByUuid('no uuid'), /no uuid/)
  await assert.rejects(connection.raw.domainOpenGraphicsFd({} as never), isLibvirtErrorOfDescriptors)
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  assert.equal(await connection.hostname(), 'a')
  assert.equal(daemon.calls.length, before + 1)
})
const isLibvirtErrorOfDescriptors = (error: LibvirtError) => /file descriptors/.test(error.message)

// ---- Keepalive -----------------------------------------------------------------------------------------------

const ping = (() => {
  const w = new Writer()
  writeHeader(w, { program: PROGRAM_KEEPALIVE, procedure: 1, type: TYPE_MESSAGE, serial: 0, status: STATUS_OK })
  return finishPacket(w)
})()

test('a ping of the daemon is answered', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.broadcast(ping)
  await until(() => daemon.others.length === 1)
  assert.equal(daemon.others[0]?.program, PROGRAM_KEEPALIVE)
  assert.equal(daemon.others[0]?.procedure, 2)
  assert.equal(connection.state, 'open')
})

test('a daemon that gives no sign of life is given up', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect({ keepAlive: { intervalMs: 15, count: 2 } })
  daemon.answers.connectGetHostname = () => new Promise(() => {})
  await assert.rejects(connection.hostname(), /no sign of life/)
  assert.equal(daemon.others.filter(({ program }) => program === PROGRAM_KEEPALIVE).length, 2)
})

test('silence of a daemon that is busy with all our calls proves nothing', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ keepAlive: { intervalMs: 10, count: 1 }, maxCallsInFlight: 1 })
  daemon.answers.connectGetHostname = async () => {
    await new Promise((resolve) => setTimeout(resolve, 150))
    return { hostname: 'slow' }
  }
  assert.equal(await connection.hostname(), 'slow')
})

// ---- Events --------------------------------------------------------------------------------------------------

test('an event in the same read as the reply that registers it is delivered', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.connectDomainEventCallbackRegisterAny = ({ client }) => {
    process.nextTick(() => client.socket.uncork())
    client.socket.cork()
    queueMicrotask(() => client.send(daemon.lifecycle(5, 2)))
    return { callbackID: 5 }
  }
  const events = await connection.domains.watch({ kinds: ['lifecycle'] })
  const [event] = await take(events, 1)
  assert.deepEqual(event, {
    kind: 'lifecycle',
    domain: { uuid: '07070707-0707-0707-0707-070707070707', name: 'guest', id: 3 },
    event: 'started',
    detail: 'booted',
  })
})

test('each kind of event is told in words', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const events = await connection.domains.watch()
  const dom = { name: 'guest', uuid: new Uint8Array(16), id: 1 }
  // The fake daemon numbers callbacks from 0, in the order of the kinds.
  daemon.broadcast(
    daemon.lifecycle(0, 5),
    daemon.event('domainEventCallbackReboot', { callbackID: 1, msg: { dom } }),
    daemon.event('domainEventCallbackDeviceAdded', { callbackID: 2, dom, devAlias: 'virtio-disk1' }),
    daemon.event('domainEventCallbackDeviceRemoved', { callbackID: 3, msg: { dom, devAlias: 'virtio-disk1' } }),
    daemon.event('domainEventCallbackDeviceRemovalFailed', { callbackID: 4, dom, devAlias: 'net0' }),
    daemon.event('domainEventCallbackIoErrorReason', {
      callbackID: 5,
      msg: { dom, srcPath: '/x', devAlias: 'virtio-disk0', action: 1, reason: 'enospc' },
    }),
    daemon.event('domainEventCallbackAgentLifecycle', { callbackID: 6, dom, state: 1, reason: 2 }),
    daemon.event('domainEventCallbackWatchdog', { callbackID: 7, msg: { dom, action: 2 } }),
    daemon.event('domainEventBlockJob2', { callbackID: 8, dom, dst: 'vda', type: 3, status: 0 }),
    daemon.event('domainEventCallbackRtcChange', { callbackID: 9, msg: { dom, offset: -3600n } }),
    daemon.event('domainEventCallbackGraphics', {
      callbackID: 10,
      msg: {
        dom,
        phase: 2,
        local: { family: 0, node: '127.0.0.1', service: '5900' },
        remote: { family: 1, node: '::1', service: '40000' },
        authScheme: 'vnc',
        subject: [{ type: 'x509dname', name: 'CN=someone' }],
      },
    }),
    daemon.event('domainEventCallbackControlError', { callbackID: 11, msg: { dom } }),
    daemon.event('domainEventCallbackDiskChange', {
      callbackID: 12,
      msg: { dom, oldSrcPath: '/old.iso', newSrcPath: null, devAlias: 'ide0', reason: 0 },
    }),
    daemon.event('domainEventCallbackTrayChange', { callbackID: 13, msg: { dom, devAlias: 'ide0', reason: 1 } }),
    daemon.event('domainEventCallbackPmwakeup', { callbackID: 14, reason: 0, msg: { dom } }),
    daemon.event('domainEventCallbackPmsuspend', { callbackID: 15, reason: 0, msg: { dom } }),
    daemon.event('domainEventCallbackPmsuspendDisk', { callbackID: 16, reason: 0, msg: { dom } }),
    daemon.event('domainEventCallbackBalloonChange', { callbackID: 17, msg: { dom, actual: 65_536n } }),
    daemon.event('domainEventCallbackTunable', {
      callbackID: 18,
      dom,
      params: [{ field: 'cputune.cpu_shares', value: { type: 4, value: 2048n } }],
    }),
    daemon.event('domainEventCallbackMigrationIteration', { callbackID: 19, dom, iteration: 3 }),
    daemon.event('domainEventCallbackJobCompleted', {
      callbackID: 20,
      dom,
      params: [{ field: 'success', value: { type: 6, value: 1 } }],
    }),
    daemon.event('domainEventCallbackMetadataChange', { callbackID: 21, dom, type: 2, nsuri: 'urn:x' }),
    daemon.event('domainEventBlockThreshold', {
      callbackID: 22,
      dom,
      dev: 'vda[1]',
      path: null,
      threshold: 1n << 40n,
      excess: 512n,
    }),
    daemon.event('domainEventMemoryFailure', { callbackID: 23, dom, recipient: 1, action: 2, flags: 3 }),
    daemon.event('domainEventMemoryDeviceSizeChange', { callbackID: 24, dom, alias: 'virtiomem0', size: 131_072n }),
  )
  const told = (await take(events, 25)).map((event) => {
    const { domain, ...rest } = event as { domain?: DomainRef; kind: string }
    assert.equal(domain?.name, 'guest')
    return rest
  })
  assert.deepEqual(told, [
    { kind: 'lifecycle', event: 'stopped', detail: 'shutdown' },
    { kind: 'reboot' },
    { kind: 'device-added', alias: 'virtio-disk1' },
    { kind: 'device-removed', alias: 'virtio-disk1' },
    { kind: 'device-removal-failed', alias: 'net0' },
    { kind: 'io-error', path: '/x', alias: 'virtio-disk0', action: 'pause', reason: 'enospc' },
    { kind: 'agent-lifecycle', state: 'connected', reason: 'channel' },
    { kind: 'watchdog', action: 'reset' },
    { kind: 'block-job', disk: 'vda', type: 'commit', status: 'completed' },
    { kind: 'rtc-change', offsetSeconds: -3600 },
    {
      kind: 'graphics',
      phase: 'disconnect',
      local: { family: 'ipv4', node: '127.0.0.1', service: '5900' },
      remote: { family: 'ipv6', node: '::1', service: '40000' },
      authScheme: 'vnc',
      identities: [{ type: 'x509dname', name: 'CN=someone' }],
    },
    { kind: 'control-error' },
    {
      kind: 'disk-change',
      oldPath: '/old.iso',
      newPath: undefined,
      alias: 'ide0',
      reason: 'changed-missing-on-start',
    },
    { kind: 'tray-change', alias: 'ide0', state: 'closed' },
    { kind: 'pm-wakeup' },
    { kind: 'pm-suspend' },
    { kind: 'pm-suspend-disk' },
    { kind: 'balloon-change', memoryKiB: 65_536 },
    { kind: 'tunable', values: sameNull({ 'cputune.cpu_shares': 2048n }) },
    { kind: 'migration-iteration', iteration: 3 },
    { kind: 'job-completed', values: sameNull({ success: true }) },
    { kind: 'metadata-change', type: 'element', uri: 'urn:x' },
    { kind: 'block-threshold', device: 'vda[1]', path: undefined, thresholdBytes: 1n << 40n, excessBytes: 512n },
    { kind: 'memory-failure', recipient: 'guest', action: 'fatal', actionRequired: true, recursive: true },
    { kind: 'memory-device-size-change', alias: 'virtiomem0', sizeKiB: 131_072 },
  ])
  // What is told by default is all that libvirt has, but the older forms of two.
  const older = [C.VIR_DOMAIN_EVENT_ID_IO_ERROR, C.VIR_DOMAIN_EVENT_ID_BLOCK_JOB]
  const all = Object.keys(C).filter((name) => name.startsWith('VIR_DOMAIN_EVENT_ID_'))
  assert.equal(all.length, 25 + older.length)
})

/** Params are objects without a prototype, so that a name such as `constructor` is a name like any other. */
function sameNull<T extends object>(values: T): T {
  return Object.assign(Object.create(null), values)
}

test("the older form of a block job's event names the file", async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const events = await connection.domains.watch({ kinds: ['block-job-by-path'] })
  const dom = { name: 'guest', uuid: new Uint8Array(16), id: 1 }
  daemon.broadcast(
    daemon.event('domainEventCallbackBlockJob', { callbackID: 0, msg: { dom, path: '/x', type: 4, status: 3 } }),
  )
  const [event] = await take(events, 1)
  assert.partialDeepStrictEqual(event, {
    kind: 'block-job-by-path',
    path: '/x',
    type: 'active-commit',
    status: 'ready',
  })
})

test('events of QEMU are told as they are, and asked for by name', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  let asked: unknown
  daemon.answers.qemuConnectDomainMonitorEventRegister = ({ args }) => {
    asked = args
    return { callbackID: 0 }
  }
  daemon.answers.qemuConnectDomainMonitorEventDeregister = () => undefined
  // Both have the number 0: QEMU's own events are a program of their own.
  const lifecycle = await connection.domains.watch({ kinds: ['lifecycle'] })
  const events = await connection.domains.watchMonitor({ event: 'SHUTDOWN' })
  assert.deepEqual(asked, { dom: null, event: 'SHUTDOWN', flags: 0 })
  const dom = { name: 'guest', uuid: new Uint8Array(16), id: 1 }
  daemon.broadcast(
    daemon.event('qemuDomainMonitorEvent', {
      callbackID: 0,
      dom,
      event: 'SHUTDOWN',
      seconds: 1_700_000_000n,
      micros: 5,
      details: '{"guest":true}',
    }),
  )
  const { value } = await events.next()
  assert.deepEqual(value, {
    kind: 'monitor',
    domain: { name: 'guest', uuid: '00000000-0000-0000-0000-000000000000', id: 1 },
    event: 'SHUTDOWN',
    timeMicros: 1_700_000_000_000_005,
    details: '{"guest":true}',
  })
  await events.return?.()
  await until(() => daemon.calls.includes('qemuConnectDomainMonitorEventDeregister'))
  await lifecycle.return?.()
})

test('a listener hears its kind of event until it is taken away, and shares the registration', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const heard: string[] = []
  const stop = await connection.domains.on('lifecycle', (event) => heard.push(event.event))
  const events = await connection.domains.watch({ kinds: ['lifecycle'] })
  assert.equal(daemon.calls.filter((name) => name === 'connectDomainEventCallbackRegisterAny').length, 1)
  daemon.broadcast(daemon.lifecycle(0, 2))
  await take(events, 1)
  assert.deepEqual(heard, ['started'])
  await stop()
  await stop()
  daemon.broadcast(daemon.lifecycle(0, 5))
  await take(events, 1)
  assert.deepEqual(heard, ['started'])
  assert.ok(!daemon.calls.includes('connectDomainEventCallbackDeregisterAny'))
  await events.return?.()
  await until(() => daemon.calls.includes('connectDomainEventCallbackDeregisterAny'))
})

test('any number of watchers share one registration, which ends with the last', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const register = () => daemon.calls.filter((name) => name === 'connectDomainEventCallbackRegisterAny').length
  const deregister = () => daemon.calls.filter((name) => name === 'connectDomainEventCallbackDeregisterAny').length
  const stop = new AbortController()
  const [a, b] = await Promise.all([
    connection.domains.watch({ kinds: ['lifecycle'], signal: stop.signal }),
    connection.domains.watch({ kinds: ['lifecycle'] }),
  ])
  assert.equal(register(), 1)
  daemon.broadcast(daemon.lifecycle(0, 0))
  await Promise.all([take(a, 1), take(b, 1)])
  stop.abort()
  assert.deepEqual(await a.next(), { done: true, value: undefined })
  assert.equal(deregister(), 0)
  daemon.broadcast(daemon.lifecycle(0, 1))
  assert.equal((await take(b, 1)).length, 1)
  // Coming while the old registration is being taken back: the daemon would refuse a second one beside it.
  const gate = later<undefined>()
  daemon.answers.connectDomainEventCallbackDeregisterAny = () => gate.promise
  const leaving = b.return?.()
  await until(() => deregister() === 1)
  const coming = connection.domains.watch({ kinds: ['lifecycle'] })
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(register(), 1)
  gate.resolve(undefined)
  await leaving
  const c = await coming
  assert.equal(register(), 2)
  daemon.broadcast(daemon.lifecycle(1, 2))
  assert.equal((await take(c, 1)).length, 1)
})

test('a reader who is too slow finds a mark where events were dropped', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const events = await connection.domains.watch({ kinds: ['lifecycle'], buffer: 2 })
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  daemon.broadcast(...Array.from({ length: 6 }, () => daemon.lifecycle(0, 4)))
  await connection.hostname()
  const kinds = (await take(events, 3)).map((event) => event.kind)
  assert.deepEqual(kinds, ['lifecycle', 'lifecycle', 'events-lost'])
  daemon.broadcast(daemon.lifecycle(0, 4))
  assert.deepEqual(
    (await take(events, 1)).map((event) => event.kind),
    ['lifecycle'],
  )
})

test('a kind that the driver does not have fails the watch and leaves no registration behind', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const register = daemon.answers.connectDomainEventCallbackRegisterAny as (call: never) => unknown
  daemon.answers.connectDomainEventCallbackRegisterAny = (call) => {
    if ((call.args as { eventID: number }).eventID === 1) throw new Refusal(3, 'not here')
    return register(call as never)
  }
  await assert.rejects(connection.domains.watch({ kinds: ['lifecycle', 'reboot'] }), /not here/)
  assert.equal(daemon.calls.filter((name) => name === 'connectDomainEventCallbackDeregisterAny').length, 1)
})

test('without reconnect the loss of the daemon ends a watch with an error', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  const events = await connection.domains.watch({ kinds: ['lifecycle'] })
  const told = assert.rejects(events.next(), isLibvirtError('isConnectionLost'))
  await daemon.die()
  await told
  assert.equal((await events.next()).done, true)
})

// ---- Reconnect -----------------------------------------------------------------------------------------------

test('a connection that reconnects registers its watches again and says that events may be missing', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ reconnect: { minDelayMs: 5, maxDelayMs: 20 } })
  const states: string[] = []
  connection.onStateChange((state) => states.push(state))
  const events = await connection.domains.watch({ kinds: ['lifecycle'] })
  daemon.answers.connectGetHostname = () => ({ hostname: 'back' })

  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  await assert.rejects(connection.hostname(), isLibvirtError('isConnectionLost'))
  await daemon.listen()
  assert.deepEqual(await take(events, 1), [{ kind: 'events-lost', cause: 'reconnected' }])
  // Whoever hears this lists again, so calls must be possible by now.
  assert.equal(await connection.hostname(), 'back')
  daemon.broadcast(daemon.lifecycle(1, 2))
  assert.equal((await take(events, 1))[0]?.kind, 'lifecycle')
  assert.equal(states[0], 'reconnecting')
  assert.equal(states.at(-1), 'open')
})

test('closing while reconnecting ends the tries', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect({ reconnect: { minDelayMs: 5, maxDelayMs: 5 } })
  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  await connection.close()
  await daemon.listen()
  await new Promise((resolve) => setTimeout(resolve, 40))
  assert.equal(daemon.clients.size, 0)
  assert.equal(connection.state, 'closed')
})

// ---- Streams -------------------------------------------------------------------------------------------------

const dom = { name: 'guest', uuid: new Uint8Array(16), id: 1 }

/** Packets that leave in one piece behind the reply of the call in hand. */
function behindReply(client: Client, ...packets: Buffer[]): void {
  client.socket.cork()
  queueMicrotask(() => {
    client.send(...packets)
    client.socket.uncork()
  })
}

test('a screenshot whose data comes with the reply is whole, and is finished', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.domainScreenshot = ({ client, serial, name }) => {
    behindReply(
      client,
      client.stream(serial, name, STATUS_CONTINUE, Buffer.from('abc')),
      client.stream(serial, name, STATUS_CONTINUE, Buffer.from('def')),
      client.stream(serial, name, STATUS_CONTINUE),
    )
    void until(() => daemon.others.some(({ status }) => status === STATUS_OK)).then(() =>
      client.send(client.stream(serial, name, STATUS_OK)),
    )
    return { mime: 'image/png' }
  }
  const shot = await connection.domains.handle('00000000-0000-0000-0000-000000000001').screenshot()
  assert.equal(shot.mime, 'image/png')
  assert.equal(Buffer.from(shot.data).toString(), 'abcdef')
})

test('a console carries bytes both ways until the guest side ends', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const opened = later<{ client: Client; serial: number }>()
  daemon.answers.domainOpenConsole = ({ client, serial }) => {
    opened.resolve({ client, serial })
  }
  const console_ = await connection.domains.handle('00000000-0000-0000-0000-000000000001').openConsole()
  const { client, serial } = await opened.promise
  const read: Buffer[] = []
  console_.on('data', (chunk) => read.push(chunk))
  console_.write('ls\n')
  await until(() => daemon.others.length === 1)
  assert.equal(daemon.others[0]?.bytes.toString(), 'ls\n')
  client.send(client.stream(serial, 'domainOpenConsole', STATUS_CONTINUE, Buffer.from('hello')))
  await until(() => read.length === 1)
  client.send(client.stream(serial, 'domainOpenConsole', STATUS_CONTINUE))
  await until(() => daemon.others.length === 2)
  assert.equal(daemon.others[1]?.status, STATUS_OK)
  const closed = once(console_, 'close')
  client.send(client.stream(serial, 'domainOpenConsole', STATUS_OK))
  await closed
  assert.equal(Buffer.concat(read).toString(), 'hello')
})

test('leaving a console aborts its stream', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  daemon.answers.domainOpenConsole = () => undefined
  const { stream } = await connection.raw.domainOpenConsole({ dom, devName: null, flags: 0 })
  duplexOf(stream).destroy()
  await until(() => daemon.others.length === 1)
  assert.equal(daemon.others[0]?.status, STATUS_ERROR)
})

test('an error of the daemon inside a stream reaches the reader, and nothing waits for an answer after it', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const { encodeError } = await import('./generated/daemon-protocol.ts')
  daemon.answers.storageVolDownload = ({ client, serial, name }) => {
    const w = new Writer()
    const text = { message: 'disk on fire', str1: null, str2: null, str3: null }
    encodeError(w, { code: 38, domain: 38, level: 2, dom: null, net: null, int1: 5, int2: -1, ...text })
    behindReply(client, client.stream(serial, name, STATUS_ERROR, w.finish()))
  }
  const vol = { pool: 'p', name: 'v', key: 'k' }
  const { stream } = await connection.raw.storageVolDownload({ vol, offset: 0n, length: 0n, flags: 0 })
  await assert.rejects(stream.read(), /disk on fire/)
  await assert.rejects(stream.finish(), /disk on fire/)
  await stream.abort()
  const download = readableOf(
    (await connection.raw.storageVolDownload({ vol, offset: 0n, length: 0n, flags: 0 })).stream,
  )
  await assert.rejects(download.toArray(), /disk on fire/)
})

test('an upload is cut into pieces the daemon likes, and is over when the daemon says so', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const opened = later<{ client: Client; serial: number }>()
  daemon.answers.storageVolUpload = ({ client, serial }) => {
    opened.resolve({ client, serial })
  }
  const vol = { pool: 'p', name: 'v', key: 'k' }
  const upload = writableOf((await connection.raw.storageVolUpload({ vol, offset: 0n, length: 0n, flags: 0 })).stream)
  const { client, serial } = await opened.promise
  const bytes = Buffer.alloc(2_200_000, 'x')
  let finished = false
  upload.end(bytes, () => {
    finished = true
  })
  await until(() => daemon.others.length === 4)
  assert.deepEqual(
    daemon.others.map((packet) => packet.bytes.length),
    [1_048_576, 1_048_576, 102_848, 0],
  )
  assert.equal(daemon.others[3]?.status, STATUS_OK)
  assert.equal(finished, false)
  client.send(client.stream(serial, 'storageVolUpload', STATUS_OK))
  await until(() => finished)
})

test('a reader who does not read stops the socket instead of filling the memory', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const opened = later<{ client: Client; serial: number }>()
  daemon.answers.storageVolDownload = ({ client, serial }) => {
    opened.resolve({ client, serial })
  }
  const vol = { pool: 'p', name: 'v', key: 'k' }
  const { stream } = await connection.raw.storageVolDownload({ vol, offset: 0n, length: 0n, flags: 0 })
  const { client, serial } = await opened.promise
  const piece = client.stream(serial, 'storageVolDownload', STATUS_CONTINUE, Buffer.alloc(262_120))
  const pieces = 100
  for (let sent = 0; sent < pieces; sent++) client.send(piece)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(client.socket.writableLength > 2 << 20, `only ${client.socket.writableLength} bytes wait`)
  client.send(client.stream(serial, 'storageVolDownload', STATUS_CONTINUE))
  let total = 0
  for await (const chunk of stream) if (chunk instanceof Buffer) total += chunk.length
  assert.equal(total, pieces * 262_120)
})

test('after an abort the data still under way is dropped, and the confirmation ends it', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const opened = later<{ client: Client; serial: number }>()
  daemon.answers.storageVolDownload = ({ client, serial }) => {
    opened.resolve({ client, serial })
  }
  const vol = { pool: 'p', name: 'v', key: 'k' }
  const { stream } = await connection.raw.storageVolDownload({ vol, offset: 0n, length: 0n, flags: 0 })
  const { client, serial } = await opened.promise
  const piece = client.stream(serial, 'storageVolDownload', STATUS_CONTINUE, Buffer.alloc(262_120))
  for (let sent = 0; sent < 70; sent++) client.send(piece)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const aborted = stream.abort()
  for (let sent = 0; sent < 70; sent++) client.send(piece)
  client.send(client.stream(serial, 'storageVolDownload', STATUS_OK), piece)
  await aborted
  assert.equal(await stream.read(), undefined)
  daemon.answers.connectGetHostname = () => ({ hostname: 'a' })
  assert.equal(await connection.hostname(), 'a')
})

test('streams fail with the connection', async () => {
  await using daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  daemon.answers.domainOpenConsole = () => undefined
  const console_ = await connection.domains.handle('00000000-0000-0000-0000-000000000001').openConsole()
  const failed = once(console_, 'error')
  console_.resume()
  await daemon.die()
  const [error] = await failed
  assert.ok(error instanceof LibvirtError && error.isConnectionLost())
})
