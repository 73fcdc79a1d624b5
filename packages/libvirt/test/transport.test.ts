/** TCP, and programs that carry the protocol. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type LibvirtError } from '../src/index.ts'
import { runProgram } from '../src/transport/program.ts'
import { tcpTransport } from '../src/transport/tcp.ts'
import { FakeDaemon, until } from './fake-daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'libvirt-transport-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A port of 127.0.0.1 that leads to the daemon. */
async function listen(daemon: FakeDaemon): Promise<AsyncDisposable & { port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const inside = createConnection(daemon.path)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => inside.destroy()).pipe(inside)
    inside.on('error', () => socket.destroy()).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('TCP reaches the daemon, by name and by address, and is not secure', async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectIsSecure = () => ({ secure: 1 })
  await using door = await listen(daemon)
  for (const host of ['127.0.0.1', 'localhost', '']) {
    await using connection = await connect(`test+tcp://${host}:${door.port}/default`)
    assert.equal(await connection.isSecure(), false)
  }
  await until(() => door.sockets.size === 0)
})

test('a port where nobody listens is named', async () => {
  await using daemon = await new FakeDaemon().listen()
  const door = await listen(daemon)
  await door[Symbol.asyncDispose]()
  for (const host of ['127.0.0.1', 'localhost']) {
    await assert.rejects(connect(`test+tcp://${host}:${door.port}/default`), (error: LibvirtError) => {
      assert.match(error.message, new RegExp(`cannot connect to ${host}:${door.port}: .*ECONNREFUSED`))
      return error.isConnectionLost()
    })
  }
  await assert.rejects(connect('test+tcp://no-such-host.invalid/default'), /no-such-host\.invalid:16509: /)
})

test('giving up leaves no socket, before and after the daemon is reached', async () => {
  const gone = new Error('enough')
  await assert.rejects(tcpTransport({ host: '127.0.0.1', port: 1 }).open(AbortSignal.abort(gone)), gone)
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectOpen = () => new Promise(() => {})
  await using door = await listen(daemon)
  const uri = `test+tcp://127.0.0.1:${door.port}/default`
  const controller = new AbortController()
  const opening = connect(uri, { signal: controller.signal })
  await until(() => daemon.calls.includes('connectOpen'))
  controller.abort(gone)
  await assert.rejects(opening, gone)
  await until(() => door.sockets.size === 0)
  await assert.rejects(connect(uri, { connectTimeoutMs: 100 }), (error: LibvirtError) => {
    assert.match(error.message, /no connection through tcp:127\.0\.0\.1:\d+ within 100 ms/)
    return error.isTimeout()
  })
  await until(() => door.sockets.size === 0)
})

// ---- Programs ----------------------------------------------------------------------------------------------

/** A program of Node's; its own pid is in `NAME.pid`. */
function program(name: string, body: string): string {
  const path = join(folder, name)
  const pid = `require('fs').writeFileSync(${JSON.stringify(`${path}.pid`)}, String(process.pid))`
  writeFileSync(path, `#!${process.execPath}\n${body}\n${pid}\n`)
  chmodSync(path, 0o755)
  return path
}
const isRunning = (path: string) => {
  try {
    process.kill(Number(readFileSync(`${path}.pid`, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
const relay = (path: string) =>
  `const s = require('net').connect(${JSON.stringify(path)}); process.stdin.pipe(s); s.pipe(process.stdout)`
const uriOf = (command: string) => `test+ext:///default?command=${encodeURIComponent(command)}`

test('a program of the caller carries the protocol, ends with the connection, and is not taken for secure', async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.connectIsSecure = () => ({ secure: 1 })
  daemon.answers.connectGetCapabilities = () => ({ capabilities: 'x'.repeat(3_000_000) })
  const command = program('relay', relay(daemon.path))
  const connection = await connect(uriOf(command))
  assert.equal(await connection.isSecure(), false)
  assert.equal((await connection.capabilities()).length, 3_000_000)
  assert.equal(isRunning(command), true)
  await connection.close()
  await until(() => !isRunning(command))
})

test('a connection whose program is killed is lost, and comes back through a new one', async () => {
  await using daemon = await new FakeDaemon().listen()
  const command = program('killed', relay(daemon.path))
  await using connection = await connect(uriOf(command), { reconnect: { minDelayMs: 1, maxDelayMs: 10 } })
  const states: string[] = []
  connection.onStateChange((state, cause) => states.push(`${state} ${cause?.message ?? ''}`))
  process.kill(Number(readFileSync(`${command}.pid`, 'utf8')), 'SIGKILL')
  await until(() => states.length === 2)
  assert.match(states[0] as string, /^reconnecting .*killed was ended by SIGKILL/)
  assert.equal(states[1], 'open ')
})

test('what a program says before it fails is in the error', async () => {
  await assert.rejects(
    connect(uriOf(program('failing', 'console.error("no way"); process.exitCode = 3'))),
    (error: LibvirtError) => {
      assert.match(error.message, /failing ended with 3: no way/)
      return error.isConnectionLost()
    },
  )
  // A program that ends well without a word has not done what it was for.
  await assert.rejects(connect(uriOf(program('silent', 'console.error("hm")'))), /silent ended with 0: hm/)
  await assert.rejects(connect(uriOf(join(folder, 'none'))), /cannot run .*none: .*ENOENT/)
  // As long as the pipe is open, its end is not waited for.
  const lingering = program('lingering', 'require("fs").closeSync(1); setInterval(() => {}, 1000)')
  await assert.rejects(connect(uriOf(lingering)), /lingering fell silent/)
  await until(() => !isRunning(lingering))
})

test('giving up on a program ends it, also one that does not want to', async () => {
  const stubborn = program('stubborn', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)')
  const controller = new AbortController()
  const opening = connect(uriOf(stubborn), { signal: controller.signal })
  await until(() => isRunning(stubborn), 10_000)
  controller.abort(new Error('enough'))
  await assert.rejects(opening, /enough/)
  assert.equal(isRunning(stubborn), true)
  await until(() => !isRunning(stubborn), 10_000)

  const quiet = program('quiet', 'setInterval(() => {}, 1000)')
  await assert.rejects(connect(uriOf(quiet), { connectTimeoutMs: 100 }), (error: LibvirtError) => {
    assert.match(error.message, /no connection through ext:.*quiet within 100 ms/)
    return error.isTimeout()
  })
  await until(() => !isRunning(quiet))
})

test('a reader that waits makes the program wait', async () => {
  const command = program(
    'flood',
    'const b = Buffer.alloc(65536); const w = () => { while (process.stdout.write(b)); process.stdout.once("drain", w) }; w()',
  )
  const stream = await runProgram(command, [], AbortSignal.timeout(10_000))
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(stream.readableLength < 1_000_000, `${stream.readableLength} bytes`)
  let read = 0
  stream.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  await until(() => read > 10_000_000)
  stream.destroy()
  await until(() => !isRunning(command))
})
