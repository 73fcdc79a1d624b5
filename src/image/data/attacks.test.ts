/** Known attacks by images, through every door by which bytes come: none becomes an image, and nothing is left of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { aDynamicVhd, aPloop, aQcow2, aVdi, aVhdx, aVmdk } from '../../../packages/disk-image/test/crafted.ts'
import type { StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { DEFAULT_SETTINGS } from '../settings.ts'

const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0

const ATTACKS: [string, string, Buffer, RegExp][] = [
  [
    'a backing file of the host',
    'qcow2',
    aQcow2((h) => {
      h.writeBigUInt64BE(512n, 8)
      h.writeUInt32BE(11, 16)
      h.write('/etc/shadow', 512)
    }),
    /backing file/,
  ],
  ['a data file of the host', 'qcow2', aQcow2((h) => h.writeBigUInt64BE(4n, 72)), /another file/],
  ['a qcow2 that calls itself raw', 'raw', aQcow2(), /claims to be raw, but it is qcow2/],
  ['a qcow2 that calls itself a kernel', 'aki', aQcow2(), /it is qcow2/],
  [
    'an ISO that is a qcow2, too',
    'iso',
    aQcow2((h) => h.write('\x01CD001\x01', 0x8000, 'latin1')),
    /claims to be iso, but it is qcow2/,
  ],
  [
    'a VMDK that is a list of files',
    'vmdk',
    Buffer.from('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/shadow" 0\n'),
    /other files/,
  ],
  ['a VMDK with a flat extent', 'vmdk', aVmdk({ extents: ['RW 2048 FLAT "/etc/shadow" 0'] }), /something else/],
  ['such a list that calls itself raw', 'raw', Buffer.from('version=1\nRW 8 FLAT "/etc/shadow" 0\n'), /it is vmdk/],
  ['a VMDK with a parent', 'vmdk', aVmdk({ more: 'parentFileNameHint="/etc/shadow"' }), /parent/],
  ['a VHD with a parent', 'vhd', aDynamicVhd((image) => image.writeUInt32BE(4, 60)), /difference/],
  ['a VHDX with a parent', 'vhdx', aVhdx({ flags: 2 }), /difference/],
  ['a VDI with a parent', 'vdi', aVdi((h) => h.writeUInt8(1, 440)), /parent/],
  ['a table that fills the memory', 'qcow2', aQcow2((h) => h.writeUInt32BE(2 ** 31, 36)), /L1 table/],
  ['a ploop table beyond its file', 'ploop', aPloop((h) => h.writeUInt32LE(2 ** 31, 32)), /table/],
  ['a disk beyond all measure', 'qcow2', aQcow2((h) => h.writeBigUInt64BE(2n ** 60n, 24)), /claims a disk of/],
  ['an encryption', 'qcow2', aQcow2((h) => h.writeUInt32BE(2, 32)), /encrypted/],
]

describe('an image with', () => {
  let test: ImageServiceUnderTest
  let server: Server
  let web: string
  before(async () => {
    server = createServer((request, response) => response.end(ATTACKS[Number(request.url!.slice(1))]![2]))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    test = await imageServiceUnderTest({
      web: { ...DEFAULT_SETTINGS.web, allowedPorts: [], allowedNetworks: ['127.0.0.0/8'] },
    })
    await test.service.context.stories.launch()
  })
  after(async () => {
    await test[Symbol.asyncDispose]()
    server.close()
  })

  const doors: Record<string, (id: string, index: number) => Promise<string>> = {
    async 'an upload'(id, index) {
      const answer = await test.upload('demo', id, ATTACKS[index]![2])
      assert.equal(answer.status, 415)
      return answer.body.message
    },
    async staging(id, index) {
      const type = { 'content-type': 'application/octet-stream' }
      assert.equal((await test.ask('demo', 'PUT', `/v2/images/${id}/stage`, ATTACKS[index]![2], type)).status, 204)
      return await imported(id, { name: 'glance-direct' })
    },
    'the web': (id, index) => imported(id, { name: 'web-download', uri: `${web}/${index}` }),
  }
  const imported = async (id: string, method: object) => {
    assert.equal((await test.ask('demo', 'POST', `/v2/images/${id}/import`, { method })).status, 202)
    const tasks = async () => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks
    await test.service.context.stories.ended((await tasks())[0].id as StoryId)
    const [task] = await tasks()
    assert.equal(task.status, 'failure')
    return task.message
  }

  for (const [index, [what, claimed, , why]] of ATTACKS.entries()) {
    for (const [door, enter] of Object.entries(doors)) {
      it(`${what} is refused by ${door}`, async () => {
        const id = await test.anImage('demo', { disk_format: claimed })
        const message = await enter(id, index)
        assert.match(message, why)
        assert.doesNotMatch(message, /shadow/)
        assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}`)).body.status, 'queued')
        const dir = join(test.service.context.stateDir, 'image')
        assert.equal(existsSync(join(dir, 'images', id)), false)
        assert.deepEqual(
          (await readdir(join(dir, 'incoming'))).filter((name) => name.startsWith(id)),
          [],
        )
      })
    }
  }

  it('a header that is well and a body that is not is refused where QEMU looks, too', {
    skip: hasQemuImg ? false : 'qemu-img is not installed',
  }, async () => {
    const id = await test.anImage('demo', { disk_format: 'qcow2' })
    const answer = await test.upload(
      'demo',
      id,
      aQcow2((h) => h.writeBigUInt64BE(2n ** 60n, 40)),
    )
    assert.equal(answer.status, 415)
    assert.match(answer.body.message, /QEMU cannot read it/)
  })
})
