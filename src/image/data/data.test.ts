import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import type { ImageId } from '../../ids.ts'
import { person } from '../../../test/support/service.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

const MiB = 2 ** 20

describe('the bytes of an image', () => {
  let test: ImageServiceUnderTest
  let dir: string
  let port: number
  before(async () => {
    test = await imageServiceUnderTest({ imageSizeCapBytes: 24 * MiB, virtualSizeCapBytes: 2 ** 40 })
    dir = join(test.service.context.stateDir, 'image')
    await test.service.app.listen({ host: '127.0.0.1', port: 0 })
    port = (test.service.app.server.address() as AddressInfo).port
  })
  after(async () => {
    test.service.app.server.closeAllConnections()
    await test[Symbol.asyncDispose]()
  })

  const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
  const incoming = () => readdir(join(dir, 'incoming'))
  const url = (id: string) => `http://127.0.0.1:${port}/image/v2/images/${id}/file`
  const put = (id: string, body: string | Buffer | ReadableStream, headers: Record<string, string> = {}) =>
    fetch(url(id), {
      method: 'PUT',
      body,
      headers: { 'x-auth-token': 'demo', 'content-type': 'application/octet-stream', ...headers },
      ...(body instanceof ReadableStream && { duplex: 'half' as const }),
    } as RequestInit)
  const get = (id: string, headers: Record<string, string> = {}) =>
    fetch(url(id), { headers: { 'x-auth-token': 'demo', ...headers } })
  /** A request whose bytes the test sends itself. */
  const rawPut = async (id: string, contentLength: number) => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write(
      `PUT /image/v2/images/${id}/file HTTP/1.1\r\nhost: x\r\nx-auth-token: demo\r\n` +
        `content-type: application/octet-stream\r\ncontent-length: ${contentLength}\r\n\r\n`,
    )
    return socket
  }
  const becomes = async (id: string, status: string) => {
    for (let tries = 0; tries < 200; tries++) {
      if ((await show(id)).status === status) return
      await sleep(10)
    }
    assert.equal((await show(id)).status, status)
  }

  describe('on their way up', () => {
    for (const [what, size] of [
      ['nothing', 0],
      ['one byte', 1],
      ['less than a slot', MiB - 1],
      ['a slot', MiB],
      ['more than a slot', MiB + 1],
      ['many slots', 9 * MiB + 12345],
    ] as const) {
      it(`${what} is hashed, counted, kept and read back`, async () => {
        const bytes = randomBytes(size)
        const id = await test.anImage()
        const answer = await put(id, bytes)
        assert.equal(answer.status, 204, await answer.text())
        const image = await show(id)
        assert.equal(image.status, 'active')
        assert.equal(image.size, size)
        assert.equal(image.virtual_size, size || null)
        assert.equal(image.checksum, createHash('md5').update(bytes).digest('hex'))
        assert.equal(image.os_hash_algo, 'sha512')
        assert.equal(image.os_hash_value, createHash('sha512').update(bytes).digest('hex'))
        assert.equal(image.stores, 'file')
        const down = await get(id)
        assert.equal(down.headers.get('content-length'), String(size))
        assert.equal(down.headers.get('content-md5'), image.checksum)
        assert.equal(down.headers.get('content-type'), 'application/octet-stream')
        assert.ok(Buffer.from(await down.arrayBuffer()).equals(bytes))
        assert.deepEqual(await incoming(), [])
      })
    }

    it('may come in chunks of unknown number', async () => {
      const parts = Array.from({ length: 50 }, () => randomBytes(70_000))
      const id = await test.anImage()
      assert.equal((await put(id, ReadableStream.from(parts))).status, 204)
      const whole = Buffer.concat(parts)
      assert.equal((await show(id)).checksum, createHash('md5').update(whole).digest('hex'))
    })

    it('that are zero take no room, and are hashed all the same', async () => {
      const bytes = Buffer.concat([randomBytes(100), Buffer.alloc(12 * MiB), randomBytes(100), Buffer.alloc(4 * MiB)])
      const id = await test.anImage()
      assert.equal((await put(id, bytes)).status, 204)
      assert.equal((await show(id)).checksum, createHash('md5').update(bytes).digest('hex'))
      const facts = await stat(join(dir, 'images', id))
      assert.equal(facts.size, bytes.length)
      assert.ok(facts.blocks * 512 <= 3 * MiB, `${facts.blocks} blocks`)
      assert.ok(Buffer.from(await (await get(id)).arrayBuffer()).equals(bytes))
    })

    it('of many images at once keep apart', async () => {
      const all = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const bytes = randomBytes(3 * MiB + 17)
          const id = await test.anImage()
          const { status } = await put(id, bytes)
          return { id, status, md5: createHash('md5').update(bytes).digest('hex') }
        }),
      )
      for (const { id, status, md5 } of all) {
        assert.equal(status, 204)
        assert.equal((await show(id)).checksum, md5)
      }
    })

    it('are refused once they are there, and while others come', async () => {
      const id = await test.anImage()
      const socket = await rawPut(id, 10)
      await becomes(id, 'saving')
      assert.equal((await put(id, 'x')).status, 409)
      socket.write('0123456789')
      await becomes(id, 'active')
      socket.destroy()
      assert.equal((await put(id, 'x')).status, 409)
      assert.equal(await (await get(id)).text(), '0123456789')
    })

    it('need the formats first', async () => {
      const id = await test.anImage('demo', { disk_format: null, container_format: null })
      const answer = await test.upload('demo', id, 'x')
      assert.equal(answer.status, 400)
      assert.match(answer.body.message, /disk_format, container_format must be set/)
      assert.equal((await show(id)).status, 'queued')
    })

    it('need their own content type', async () => {
      const id = await test.anImage()
      for (const type of ['application/json', 'text/plain', '']) {
        assert.equal((await test.upload('demo', id, '{}', { 'content-type': type })).status, 415, type)
      }
      assert.equal((await show(id)).status, 'queued')
    })

    it('come from the owning project', async () => {
      const id = await test.anImage('demo', { visibility: 'community' })
      assert.equal((await test.upload('alt', id, 'x')).status, 403)
      assert.equal((await test.upload('reader', id, 'x')).status, 403)
      assert.equal((await test.upload('alt', await test.anImage(), 'x')).status, 404)
      assert.equal((await test.ask(undefined, 'PUT', `/v2/images/${id}/file`, 'x')).status, 401)
    })

    it('go to the one store that there is', async () => {
      const id = await test.anImage()
      assert.equal((await test.upload('demo', id, 'x', { 'x-image-meta-store': 'ceph' })).status, 400)
      assert.equal((await test.upload('demo', id, 'x', { 'x-image-meta-store': 'file' })).status, 204)
    })

    it('that are announced as too many are refused at once', async () => {
      const id = await test.anImage()
      const socket = await rawPut(id, 2 ** 40)
      const answer = await buffer(socket)
      assert.match(answer.toString(), /^HTTP\/1.1 413 /)
      assert.equal((await show(id)).status, 'queued')
    })

    it('that turn out to be too many are refused half-way, and leave nothing', async () => {
      const id = await test.anImage()
      const endless = ReadableStream.from(
        (async function* () {
          for (let n = 0; n < 60; n++) yield randomBytes(MiB)
        })(),
      )
      const answer = await put(id, endless)
      assert.equal(answer.status, 413)
      assert.equal((await show(id)).status, 'queued')
      assert.deepEqual(await incoming(), [])
    })

    it('that break off leave the image queued and nothing behind, and it can be filled again', async () => {
      const id = await test.anImage()
      const socket = await rawPut(id, 10 * MiB)
      socket.write(randomBytes(3 * MiB))
      await becomes(id, 'saving')
      await sleep(50)
      socket.destroy()
      await becomes(id, 'queued')
      assert.deepEqual(await incoming(), [])
      assert.equal((await put(id, 'again')).status, 204)
    })

    it('are not as many as was said', async () => {
      const id = await test.anImage()
      const answer = await put(id, 'abc', { 'x-openstack-image-size': '5' })
      assert.equal(answer.status, 400)
      assert.equal((await show(id)).status, 'queued')
      assert.equal((await put(id, 'abc', { 'x-openstack-image-size': 'many' })).status, 400)
    })

    it('of an image that is deleted meanwhile are thrown away', async () => {
      const id = await test.anImage()
      const socket = await rawPut(id, 10)
      await becomes(id, 'saving')
      assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
      socket.write('0123456789')
      const [answer] = await once(socket, 'data')
      assert.match(String(answer), /^HTTP\/1.1 410 /)
      socket.destroy()
      assert.deepEqual(await incoming(), [])
      assert.equal((await readdir(join(dir, 'images'))).includes(id), false)
    })

    it('are looked at: what is not what it claims is refused, and why is said', async () => {
      const qcow2 = Buffer.alloc(64 * 1024)
      qcow2.write('QFI\xfb\0\0\0\x03', 0, 'latin1')
      const cases: [string, Buffer, RegExp][] = [
        ['raw', qcow2, /claims to be raw, but it is qcow2/],
        ['qcow2', Buffer.from('nothing'), /claims to be qcow2, but it is not/],
        ['vmdk', Buffer.from('# Disk DescriptorFile\nversion=1\n'), /other files/],
      ]
      for (const [disk_format, bytes, why] of cases) {
        const id = await test.anImage('demo', { disk_format })
        const answer = await test.upload('demo', id, bytes)
        assert.equal(answer.status, 415)
        assert.match(answer.body.message, why)
        assert.equal((await show(id)).status, 'queued')
        assert.equal((await show(id)).checksum, null)
      }
      assert.deepEqual(await incoming(), [])
    })

    it('in a container that hides them are taken as they are', async () => {
      const id = await test.anImage('demo', { disk_format: 'vmdk', container_format: 'ova' })
      assert.equal((await test.upload('demo', id, 'a tar archive')).status, 204)
      assert.equal((await show(id)).virtual_size, null)
    })
  })

  describe('on their way down', () => {
    const digits = '0123456789'
    let id: string
    before(async () => {
      id = await test.anActiveImage('demo', { visibility: 'community' }, digits)
    })

    const ranges: [string, number, string, string?][] = [
      ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-2', 206, '89', 'bytes 8-9/10'],
      ['bytes=-20', 206, digits, 'bytes 0-9/10'],
      ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
      ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ]
    for (const [range, status, bytes, contentRange] of ranges) {
      it(`are the part ${range}`, async () => {
        const answer = await get(id, { range })
        assert.equal(answer.status, status)
        assert.equal(await answer.text(), bytes)
        assert.equal(answer.headers.get('content-range'), contentRange)
        assert.equal(answer.headers.get('content-length'), String(bytes.length))
      })
    }
    for (const range of ['bytes=10-', 'bytes=5-3', 'bytes=x', 'bytes=-', 'bytes=-0', 'lines=1-2']) {
      it(`are refused as ${range}`, async () => {
        assert.equal((await get(id, { range })).status, 416)
      })
    }
    it('are one part at a time', async () => {
      assert.equal((await get(id, { range: 'bytes=0-1,3-4' })).status, 400)
    })
    it('may be asked for with a header of answers, as older clients do', async () => {
      const answer = await test.ask('demo', 'GET', `/v2/images/${id}/file`, undefined, {
        'content-range': 'bytes 2-3/10',
      })
      assert.equal(answer.status, 206)
      assert.equal(String(answer.body), '23')
    })

    it('are nothing where none have come', async () => {
      const answer = await get(await test.anImage())
      assert.equal(answer.status, 204)
    })

    it('are for members of projects that see the image', async () => {
      assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}/file`)).status, 200)
      assert.equal((await test.ask('reader', 'GET', `/v2/images/${id}/file`)).status, 403)
      const secret = await test.anActiveImage()
      assert.equal((await test.ask('alt', 'GET', `/v2/images/${secret}/file`)).status, 404)
    })

    it('end quietly when the client goes', async () => {
      const large = await test.anActiveImage('demo', {}, randomBytes(20 * MiB))
      const leave = new AbortController()
      const answer = await fetch(url(large), { headers: { 'x-auth-token': 'demo' }, signal: leave.signal })
      await answer.body!.getReader().read()
      leave.abort()
      assert.equal((await get(large, { range: 'bytes=0-0' })).status, 206)
    })
  })

  describe('for hosts', () => {
    it('are read whole, of active images alone', async () => {
      const id = (await test.anActiveImage('demo', {}, 'for a host')) as ImageId
      assert.equal((await buffer(await test.images.source.open(id))).toString(), 'for a host')
      await test.ask('demo', 'POST', `/v2/images/${id}/actions/deactivate`)
      await assert.rejects(test.images.source.open(id), (error) => isDomainError(error, 'image.image.not-found'))
    })

    it('come with what a boot must know', async () => {
      const id = await test.anActiveImage('demo', { hw_disk_bus: 'scsi', kernel_id: null, min_disk: 2, min_ram: 64 })
      const { properties, ...facts } = await test.images.forBoot(person('demo'), id)
      assert.deepEqual(properties, { hw_disk_bus: 'scsi' })
      assert.deepEqual(facts, {
        id,
        name: 'an image',
        diskFormat: 'raw',
        containerFormat: 'bare',
        sizeBytes: 10,
        virtualSizeBytes: 10,
        minDiskGiB: 2,
        minRamMiB: 64,
        checksum: createHash('md5').update('some bytes').digest('hex'),
        sha512: createHash('sha512').update('some bytes').digest('hex'),
      })
      assert.deepEqual(await test.images.find(id as ImageId), { properties, ...facts })
      const rejects = (id: string, code: string) =>
        assert.rejects(test.images.forBoot(person('alt'), id), (error) => isDomainError(error, code))
      await rejects(id, 'image.image.not-found')
      await rejects(await test.anImage('alt'), 'image.image.not-active')
      await rejects('x', 'image.image.not-found')
    })
  })
})
