import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, truncate } from 'node:fs/promises'
import { get } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

const MiB = 2 ** 20

describe('a transfer that breaks off', () => {
  let test: ImageServiceUnderTest
  let dir: string
  let port: number
  before(async () => {
    test = await imageServiceUnderTest({ uploadIdleMs: 1000 })
    dir = join(test.service.context.stateDir, 'image')
    await test.service.app.listen({ host: '127.0.0.1', port: 0 })
    port = (test.service.app.server.address() as AddressInfo).port
  })
  after(async () => {
    test.service.app.server.closeAllConnections()
    await test[Symbol.asyncDispose]()
  })

  const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
  const becomes = async (id: string, status: string) => {
    for (let tries = 0; tries < 500 && (await show(id)).status !== status; tries++) await sleep(10)
    assert.equal((await show(id)).status, status)
  }
  const begin = async (id: string, header: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {}).resume()
    socket.write(
      `PUT /image/v2/images/${id}/file HTTP/1.1\r\nhost: x\r\nx-auth-token: demo\r\n` +
        `content-type: application/octet-stream\r\n${header}\r\n\r\n`,
    )
    return socket
  }
  const download = (id: string) =>
    get({ port, path: `/image/v2/images/${id}/file`, headers: { 'x-auth-token': 'demo' } })
  const leavesNothing = async (id: string) => {
    await becomes(id, 'queued')
    const { checksum, size, os_hash_value, stores } = await show(id)
    assert.deepEqual({ checksum, size, os_hash_value }, { checksum: null, size: null, os_hash_value: null })
    assert.ok(!stores, `in ${stores}`)
    assert.deepEqual(await readdir(join(dir, 'incoming')), [])
    assert.equal((await readdir(join(dir, 'images'))).includes(id), false)
    assert.equal((await test.upload('demo', id, 'again')).status, 204)
    assert.equal(String((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).body), 'again')
  }

  for (const [what, header, bytes] of [
    ['a body of known length', `content-length: ${40 * MiB}`, randomBytes(21 * MiB)],
    [
      'a body in chunks, in the middle of one',
      'transfer-encoding: chunked',
      Buffer.concat([Buffer.from('a00000\r\n'), randomBytes(5 * MiB)]),
    ],
    ['a body in chunks, between two', 'transfer-encoding: chunked', Buffer.from('3\r\nabc\r\n')],
    ['a body before its first byte', 'content-length: 10', Buffer.alloc(0)],
  ] as const) {
    it(`on its way up leaves the image queued and nothing behind: ${what}`, async () => {
      const id = await test.anImage()
      const socket = await begin(id, header)
      socket.write(bytes)
      await becomes(id, 'saving')
      socket.destroy()
      await leavesNothing(id)
    })
  }

  it('because nothing more comes leaves the image queued and nothing behind', async () => {
    const id = await test.anImage()
    const socket = await begin(id, 'content-length: 5000000')
    socket.write(randomBytes(MiB))
    await once(socket, 'close')
    await leavesNothing(id)
  })

  it('because of a malformed chunk leaves the image queued and nothing behind', async () => {
    const id = await test.anImage()
    const socket = await begin(id, 'transfer-encoding: chunked')
    socket.write('5\r\nabcde\r\n')
    await becomes(id, 'saving')
    socket.write('nonsense\r\n')
    await once(socket, 'close')
    await leavesNothing(id)
  })

  it('does not spoil those that go on beside it', async () => {
    const bytes = randomBytes(12 * MiB)
    const [id, broken] = [await test.anImage(), await test.anImage()]
    const sockets = [
      await begin(id, `content-length: ${bytes.length}`),
      await begin(broken, `content-length: ${bytes.length}`),
    ] as const
    for (let at = 0; at < bytes.length; at += MiB) {
      sockets[0].write(bytes.subarray(at, at + MiB))
      if (at < 6 * MiB) sockets[1].write(randomBytes(MiB))
      else sockets[1].destroy()
      await sleep(1)
    }
    await becomes(id, 'active')
    sockets[0].destroy()
    await leavesNothing(broken)
    const [answer] = await once(download(id), 'response')
    assert.ok((await buffer(answer)).equals(bytes))
  })

  it('is not what a download becomes when its image is deleted: the bytes stay until they are read', async () => {
    const bytes = randomBytes(24 * MiB)
    const id = await test.anActiveImage('demo', {}, bytes)
    const [answer] = await once(download(id), 'response')
    assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
    assert.equal((await readdir(join(dir, 'images'))).includes(id), false)
    assert.ok((await buffer(answer)).equals(bytes))
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/file`)).status, 404)
  })

  it('on its way down is not taken for whole', async () => {
    const id = await test.anActiveImage('demo', {}, randomBytes(8 * MiB))
    await truncate(join(dir, 'images', id), 5 * MiB)
    const [answer] = await once(download(id), 'response')
    assert.equal(answer.headers['content-length'], String(8 * MiB))
    await assert.rejects(buffer(answer), { code: 'ECONNRESET' })
  })
})
