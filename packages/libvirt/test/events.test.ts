/** Registrations with a daemon, and who hears what: any kind of object, over any number of lives of the daemon. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventsLost } from '../src/index.ts'
import { FakeDaemon, until } from './fake-daemon.ts'

const dom = { name: 'guest', uuid: new Uint8Array(16).fill(7), id: 3 }
const net = { name: 'net', uuid: new Uint8Array(16).fill(8) }

/** Answers registrations of networks as well. */
function withNetworks(daemon: FakeDaemon): FakeDaemon {
  daemon.answers.connectNetworkEventRegisterAny = () => ({ callbackID: 0 })
  daemon.answers.connectNetworkEventDeregisterAny = () => undefined
  return daemon
}

test('drivers number their callbacks each for itself, and nobody hears what another one said', async () => {
  await using daemon = withNetworks(await new FakeDaemon().listen())
  await using connection = await daemon.connect()
  const heard: string[] = []
  await connection.domains.on('lifecycle', ({ domain, event }) => heard.push(`${domain.name} ${event}`))
  await connection.networks.on('lifecycle', ({ network, event }) => heard.push(`${network.name} ${event}`))
  daemon.broadcast(
    daemon.event('networkEventLifecycle', { callbackID: 0, net, event: 2, detail: 0 }),
    daemon.lifecycle(0, 2),
    // A kind that was not asked for, and a number that was not given.
    daemon.event('domainEventCallbackReboot', { callbackID: 0, msg: { dom } }),
    daemon.lifecycle(99, 3),
  )
  await until(() => heard.length >= 2)
  await connection.raw.connectSupportsFeature({ feature: 1 })
  assert.deepEqual(heard, ['net started', 'guest started'])
})

test('a guest and all guests are two registrations', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const asked: unknown[] = []
  daemon.answers.connectDomainEventCallbackRegisterAny = ({ args }) => {
    asked.push(args)
    return { callbackID: asked.length - 1 }
  }
  const guest = connection.domains.handle('07070707-0707-0707-0707-070707070707', 'guest')
  const heard: string[] = []
  const stop = await guest.on('lifecycle', () => heard.push('one'))
  await connection.domains.on('lifecycle', () => heard.push('all'))
  assert.deepEqual(
    asked.map((args) => (args as { dom: typeof dom | null }).dom?.name ?? null),
    ['guest', null],
  )
  daemon.broadcast(daemon.lifecycle(0, 2), daemon.lifecycle(1, 2))
  await until(() => heard.length === 2)
  await stop()
  daemon.broadcast(daemon.lifecycle(0, 2), daemon.lifecycle(1, 2))
  await until(() => heard.length === 3)
  assert.deepEqual(heard, ['one', 'all', 'all'])
})

test('a listener is registered again with a daemon that came back, and is told that events were lost', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect({ reconnect: { minDelayMs: 5, maxDelayMs: 20 } })
  const heard: string[] = []
  const lost: EventsLost[] = []
  const forget = connection.onEventsLost((event) => lost.push(event))
  await connection.domains.on('lifecycle', ({ event }) => heard.push(event))
  await daemon.die()
  await daemon.listen()
  await until(() => lost.length === 1 && connection.state === 'open')
  assert.deepEqual(lost, [{ kind: 'events-lost', cause: 'reconnected' }])
  daemon.broadcast(daemon.lifecycle(1, 2))
  await until(() => heard.length === 1)
  assert.deepEqual(heard, ['started'])
  forget()
  await daemon.die()
  await daemon.listen()
  await until(() => daemon.calls.filter((name) => name === 'connectDomainEventCallbackRegisterAny').length === 3)
  await until(() => connection.state === 'open')
  assert.equal(lost.length, 1)
})

test('a listener that throws spoils neither the connection nor what others hear', async (t) => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const thrown: unknown[] = []
  t.mock.method(globalThis, 'queueMicrotask', (work: () => void) => {
    try {
      work()
    } catch (error) {
      thrown.push(error)
    }
  })
  const heard: string[] = []
  await connection.domains.on('lifecycle', () => {
    throw new Error('the fault of the program')
  })
  await connection.domains.on('lifecycle', ({ event }) => heard.push(event))
  daemon.broadcast(daemon.lifecycle(0, 2))
  await until(() => heard.length === 1)
  assert.match(String(thrown[0]), /the fault of the program/)
  assert.equal(connection.state, 'open')
})

test('a registration that the daemon refuses leaves nothing behind', async () => {
  await using daemon = await new FakeDaemon().listen()
  await using connection = await daemon.connect()
  const answer = daemon.answers.connectDomainEventCallbackRegisterAny
  delete daemon.answers.connectDomainEventCallbackRegisterAny
  await assert.rejects(
    connection.domains.on('reboot', () => {}),
    /not supported here/,
  )
  if (answer !== undefined) daemon.answers.connectDomainEventCallbackRegisterAny = answer
  let heard = 0
  const stop = await connection.domains.on('reboot', () => heard++)
  daemon.broadcast(daemon.event('domainEventCallbackReboot', { callbackID: 0, msg: { dom } }))
  await until(() => heard === 1)
  await stop()
  assert.ok(daemon.calls.includes('connectDomainEventCallbackDeregisterAny'))
})
