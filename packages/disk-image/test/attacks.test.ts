/** What our own readers refuse, before QEMU is asked, and that what is not meant by it passes. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { detectFormats } from '../src/formats.ts'
import { openDiskFile } from '../src/disk-file.ts'
import { checkPloop } from '../src/ploop.ts'
import { checkQcow2 } from '../src/qcow2.ts'
import { checkVdi } from '../src/vdi.ts'
import { checkVhd } from '../src/vhd.ts'
import { checkVhdx } from '../src/vhdx.ts'
import { checkVmdk } from '../src/vmdk.ts'
import { ImageRefused, inspectDiskImage } from '../src/index.ts'
import { aDynamicVhd, aFixedVhd, anIso, aPloop, aQcow2, aVdi, aVhdx, aVmdk } from './crafted.ts'

const MiB = 2n ** 20n

describe('an image made by somebody else', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'disk-image-'))
  })
  after(() => rm(dir, { recursive: true }))

  const filed = async (bytes: Buffer) => {
    const path = join(dir, 'image')
    await writeFile(path, bytes)
    return path
  }
  type Check = typeof checkQcow2
  const ask = async (check: Check, bytes: Buffer) => {
    await using file = await openDiskFile(await filed(bytes))
    return await check(file)
  }
  const refused = async (check: Check, bytes: Buffer, why: RegExp) => {
    await assert.rejects(ask(check, bytes), (error: Error) => error instanceof ImageRefused && why.test(error.message))
  }
  const claimRefused = async (claimed: string, bytes: Buffer, why: RegExp) => {
    const asked = inspectDiskImage(await filed(bytes), { claimed, largestVirtualSizeBytes: 2 ** 40 })
    await assert.rejects(asked, (error: Error) => error instanceof ImageRefused && why.test(error.message))
  }

  describe('as qcow2', () => {
    it('passes, and tells its virtual size', async () => {
      assert.equal(await ask(checkQcow2, aQcow2()), MiB)
    })
    it('is refused with a backing file', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeBigUInt64BE(512n, 8)),
        /backing file/,
      ))
    it('is refused with an external data file', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeBigUInt64BE(4n, 72)),
        /another file/,
      ))
    it('is refused with the name of a data file, even where it declares none', () =>
      refused(
        checkQcow2,
        aQcow2((h) => {
          h.writeUInt32BE(0x44415441, 104)
          h.writeUInt32BE(11, 108)
          h.write('/etc/shadow', 112)
        }),
        /another file/,
      ))
    it('is refused with a feature that nobody knows yet', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeBigUInt64BE(1n << 63n, 72)),
        /not known/,
      ))
    it('is refused when it is marked as corrupt', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeBigUInt64BE(2n, 72)),
        /corrupt/,
      ))
    it('passes with the features that are known to be harmless', async () => {
      assert.equal(
        await ask(
          checkQcow2,
          aQcow2((h) => h.writeBigUInt64BE(0b11001n, 72)),
        ),
        MiB,
      )
    })
    it('is refused when it is encrypted', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(2, 32)),
        /encrypted/,
      ))
    it('is refused with clusters beyond reason', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(40, 20)),
        /clusters/,
      ))
    it('is refused with a header beyond reason', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(0xffffffff, 100)),
        /header of/,
      ))
    it('is refused with a header extension that leaves the header', () =>
      refused(
        checkQcow2,
        aQcow2((h) => {
          h.writeUInt32BE(0x6803f857, 104)
          h.writeUInt32BE(0xfffffff0, 108)
        }),
        /leaves the header/,
      ))
    it('is refused as a bomb: a small file that claims a huge disk', () =>
      claimRefused(
        'qcow2',
        aQcow2((h) => h.writeBigUInt64BE(2n ** 50n, 24)),
        /claims a disk of 1125899906842624 bytes/,
      ))
    it('is refused with an L1 table that fills the memory of its reader', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(2 ** 22 + 1, 36)),
        /L1 table/,
      ))
    it('is refused with a refcount table that does', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(129, 56)),
        /refcount table/,
      ))
    it('is refused with snapshots beyond reason', () =>
      refused(
        checkQcow2,
        aQcow2((h) => h.writeUInt32BE(65_536, 60)),
        /snapshots/,
      ))
    it('is refused with the header of an encryption, even where it declares none', () =>
      refused(
        checkQcow2,
        aQcow2((h) => {
          h.writeUInt32BE(0x0537be77, 104)
          h.writeUInt32BE(16, 108)
        }),
        /encrypted/,
      ))
    it('is refused in the disguise of raw', () => claimRefused('raw', aQcow2(), /claims to be raw, but it is qcow2/))
    it('is refused in the disguise of a kernel', () =>
      claimRefused('aki', aQcow2(), /claims to be aki, but it is qcow2/))
    it('is refused as an old or unknown version of qcow', () =>
      claimRefused(
        'raw',
        aQcow2((h) => h.writeUInt32BE(1, 4)),
        /it is qcow$/,
      ))
    it('is refused when it is an ISO besides', () =>
      claimRefused('iso', Buffer.concat([aQcow2()]).fill('\x01CD001', 0x8000, 0x8006, 'latin1'), /it is qcow2/))
    it('is refused when it is something else', () => claimRefused('qcow2', Buffer.alloc(4096), /but it is not/))
  })

  describe('as vmdk', () => {
    it('passes, and tells its virtual size', async () => {
      assert.equal(await ask(checkVmdk, aVmdk()), MiB)
    })
    it('is refused as a text that lists other files', () =>
      refused(
        checkVmdk,
        Buffer.from('# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/shadow" 0\n'),
        /other files/,
      ))
    it('is refused as such a text in the disguise of raw', () =>
      claimRefused('raw', Buffer.from('# a comment\n\nversion=1\nRW 8 FLAT "/etc/shadow" 0\n'), /it is vmdk/))
    it('is refused with a flat extent', () =>
      refused(checkVmdk, aVmdk({ extents: ['RW 2048 FLAT "/etc/shadow" 0'] }), /something else than itself/))
    it('is refused with a sparse extent in another folder', () =>
      refused(checkVmdk, aVmdk({ extents: ['RW 2048 SPARSE "../other.vmdk"'] }), /something else than itself/))
    it('is refused with two extents', () =>
      refused(
        checkVmdk,
        aVmdk({ extents: ['RW 2048 SPARSE "a.vmdk"', 'RW 2048 SPARSE "b.vmdk"'] }),
        /something else than itself/,
      ))
    it('is refused as monolithicFlat', () => refused(checkVmdk, aVmdk({ createType: 'monolithicFlat' }), /neither/))
    it('is refused with a parent', () =>
      refused(checkVmdk, aVmdk({ more: 'parentFileNameHint="/etc/shadow"' }), /parent/))
    it('is refused with the checksum of a parent', () =>
      refused(checkVmdk, aVmdk({ more: 'parentCID=00000001' }), /parent/))
    it('is refused with a parent that hides behind a zero', () =>
      refused(checkVmdk, aVmdk({ more: '\0parentFileNameHint="/etc/shadow"' }), /parent/))
    it('is refused without a capacity, which makes QEMU read it as a text', () =>
      refused(checkVmdk, aVmdk({ header: (h) => h.writeBigUInt64LE(0n, 12) }), /no capacity/))
    it('is refused with its descriptor where QEMU does not look for it', () =>
      refused(checkVmdk, aVmdk({ header: (h) => h.writeBigUInt64LE(40n, 28) }), /descriptor/))
    it('is refused when its end tells another story', () =>
      refused(
        checkVmdk,
        aVmdk({
          createType: 'streamOptimized',
          header: (h) => {
            h.writeBigUInt64LE(2n ** 64n - 1n, 56)
            h.copy(h, h.length - 1024, 0, 512)
            h.writeBigUInt64LE(0n, h.length - 1024 + 12)
          },
        }),
        /no capacity/,
      ))
    it('is refused in the disguise of raw', () => claimRefused('raw', aVmdk(), /it is vmdk/))
  })

  describe('as vhd', () => {
    it('passes when it is fixed', async () => {
      assert.equal(await ask(checkVhd, aFixedVhd()), MiB)
    })
    it('passes when it is dynamic', async () => {
      assert.equal(await ask(checkVhd, aDynamicVhd()), MiB)
    })
    it('is refused as the difference to another disk', () =>
      refused(
        checkVhd,
        aDynamicVhd((image) => image.writeUInt32BE(4, 60)),
        /difference/,
      ))
    it('is refused when only its end says that it is a difference', () =>
      refused(
        checkVhd,
        aDynamicVhd((image) => image.writeUInt32BE(4, image.length - 512 + 60)),
        /difference/,
      ))
    it('is refused with the name of a parent', () =>
      refused(
        checkVhd,
        aDynamicVhd((image) => image.write('W2ku', 512 + 576)),
        /parent/,
      ))
    it('is refused when it is shorter than its disk', () =>
      refused(
        checkVhd,
        aFixedVhd((footer) => footer.writeBigUInt64BE(2n ** 40n, 48)),
        /shorter/,
      ))
    it('is refused with a table that fills the memory of its reader', () =>
      refused(
        checkVhd,
        aDynamicVhd((image) => image.writeUInt32BE(2 ** 31, 512 + 28)),
        /table/,
      ))
    for (const blockBytes of [0, 511, 3 * 2 ** 20, 2 ** 31]) {
      it(`is refused with blocks of ${blockBytes} bytes`, () =>
        refused(
          checkVhd,
          aDynamicVhd((image) => image.writeUInt32BE(blockBytes, 512 + 32)),
          /blocks of/,
        ))
    }
    it('is refused in the disguise of raw', () => claimRefused('raw', aDynamicVhd(), /it is vhd/))
  })

  describe('as vhdx', () => {
    it('passes, and tells its virtual size', async () => {
      assert.equal(await ask(checkVhdx, aVhdx()), MiB)
    })
    it('is refused as the difference to another disk', () => refused(checkVhdx, aVhdx({ flags: 2 }), /difference/))
    it('is refused with the name of a parent', () => refused(checkVhdx, aVhdx({ parentLocator: true }), /parent/))
    it('is refused when its two region tables differ', () =>
      refused(checkVhdx, aVhdx({ secondTableAt: 2 ** 21 }), /differ/))
    it('is refused with blocks of another size than a VHDX may have', () =>
      refused(checkVhdx, aVhdx({ blockBytes: 512 }), /blocks of 512/))
    it('is refused without metadata', () => refused(checkVhdx, aVhdx().fill(0, 192 * 1024, 320 * 1024), /no metadata/))
  })

  describe('as vdi', () => {
    it('passes, and tells its virtual size', async () => {
      assert.equal(await ask(checkVdi, aVdi()), MiB)
    })
    it('is refused as the difference to another disk', () =>
      refused(
        checkVdi,
        aVdi((h) => h.writeUInt32LE(4, 76)),
        /difference/,
      ))
    it('is refused with a table that fills the memory of its reader', () =>
      refused(
        checkVdi,
        aVdi((h) => h.writeUInt32LE(2 ** 31, 384)),
        /blocks/,
      ))
    it('is refused with blocks of another size than 1 MiB', () =>
      refused(
        checkVdi,
        aVdi((h) => h.writeUInt32LE(1, 376)),
        /1 MiB/,
      ))
    it('is refused with a parent', () =>
      refused(
        checkVdi,
        aVdi((h) => h.writeUInt8(1, 440)),
        /parent/,
      ))
  })

  describe('as ploop', () => {
    it('tells its virtual size', async () => {
      assert.equal(await ask(checkPloop, aPloop()), MiB)
    })
    it('is refused with a table that fills the memory of its reader', () =>
      refused(
        checkPloop,
        aPloop((h) => h.writeUInt32LE(2 ** 30, 32)),
        /table/,
      ))
    it('is refused with clusters of no size', () =>
      refused(
        checkPloop,
        aPloop((h) => h.writeUInt32LE(0, 28)),
        /no size/,
      ))
    it('is refused in the disguise of raw', () => claimRefused('raw', aPloop(), /it is ploop/))
  })

  describe('as plain bytes', () => {
    it('passes whatever it holds, an ISO and LUKS too', async () => {
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from('#!/bin/sh\n'),
        anIso(),
        Buffer.from('LUKS\xba\xbe', 'latin1'),
      ]) {
        const path = await filed(bytes)
        const { virtualSizeBytes } = await inspectDiskImage(path, { claimed: 'raw', largestVirtualSizeBytes: 2 ** 40 })
        assert.equal(virtualSizeBytes, bytes.length)
      }
    })
    it('is refused as an ISO that it is not', () =>
      claimRefused('iso', Buffer.alloc(0x9000), /claims to be iso, but it is not/))
    it('passes as the ISO that it is', async () => {
      const path = await filed(anIso())
      const { virtualSizeBytes } = await inspectDiskImage(path, { claimed: 'iso', largestVirtualSizeBytes: 2 ** 40 })
      assert.equal(virtualSizeBytes, anIso().length)
    })
    it('is refused under a format that nobody knows', () => claimRefused('exe', Buffer.alloc(1), /exe is not known/))
  })

  it('of any kind, cut short anywhere, is refused or passes but never ends in another error', async () => {
    const kinds: [string, Buffer, Check][] = [
      ['qcow2', aQcow2(), checkQcow2],
      ['vmdk', aVmdk(), checkVmdk],
      ['vhd', aDynamicVhd(), checkVhd],
      ['vhdx', aVhdx(), checkVhdx],
      ['vdi', aVdi(), checkVdi],
    ]
    for (const [kind, whole, check] of kinds) {
      for (const length of [0, 1, 3, 4, 8, 63, 64, 65, 100, 511, 512, 513, 1000, whole.length - 1]) {
        const cut = whole.subarray(0, length)
        await ask(check, cut).catch((error) =>
          assert.ok(error instanceof ImageRefused, `${kind} at ${length}: ${error.stack}`),
        )
        await using file = await openDiskFile(await filed(cut))
        await detectFormats(file)
      }
    }
  })
})
