/** Images that QEMU made: the harmless ones pass, the others do not. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkWithQemuImg } from '../src/qemu-img.ts'
import { ImageRefused, inspectDiskImage } from '../src/index.ts'
import { aQcow2 } from './crafted.ts'

const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0

describe('an image that qemu-img made', { skip: hasQemuImg ? false : 'qemu-img is not installed' }, () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'disk-image-'))
  })
  after(() => rm(dir, { recursive: true }))

  const made = (name: string, ...args: string[]) => {
    const path = join(dir, name)
    execFileSync('qemu-img', ['create', '-q', ...args, path, '8M'])
    return path
  }
  const inspect = (path: string, claimed: string) =>
    inspectDiskImage(path, { claimed, largestVirtualSizeBytes: 2 ** 40 })
  const refused = (asked: Promise<unknown>, why: RegExp) =>
    assert.rejects(asked, (error: Error) => error instanceof ImageRefused && why.test(error.message))

  const harmless: [string, string, ...string[]][] = [
    ['raw', 'raw', '-f', 'raw'],
    ['qcow2', 'qcow2', '-f', 'qcow2'],
    ['qcow2 of version 2', 'qcow2', '-f', 'qcow2', '-o', 'compat=0.10'],
    ['qcow2 with extended L2 and zstd', 'qcow2', '-f', 'qcow2', '-o', 'extended_l2=on,compression_type=zstd'],
    ['monolithicSparse vmdk', 'vmdk', '-f', 'vmdk', '-o', 'subformat=monolithicSparse'],
    ['streamOptimized vmdk', 'vmdk', '-f', 'vmdk', '-o', 'subformat=streamOptimized'],
    ['vdi', 'vdi', '-f', 'vdi'],
    ['dynamic vhd', 'vhd', '-f', 'vpc', '-o', 'subformat=dynamic,force_size=on'],
    ['fixed vhd', 'vhd', '-f', 'vpc', '-o', 'subformat=fixed,force_size=on'],
    ['vhdx', 'vhdx', '-f', 'vhdx'],
    ['ploop', 'ploop', '-f', 'parallels'],
  ]
  for (const [name, claimed, ...args] of harmless) {
    it(`passes as ${name}, with its virtual size`, async () => {
      const { virtualSizeBytes } = await inspect(made(name.replaceAll(' ', '-'), ...args), claimed)
      assert.equal(virtualSizeBytes, 8 * 2 ** 20)
    })
  }

  it('passes as a streamOptimized vmdk that holds data', async () => {
    const raw = join(dir, 'full.raw')
    await writeFile(raw, Buffer.alloc(2 ** 20, 'data'))
    const path = join(dir, 'full.vmdk')
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, path])
    assert.equal((await inspect(path, 'vmdk')).virtualSizeBytes, 2 ** 20)
  })

  it('is refused with a backing file', async () => {
    const base = made('base.qcow2', '-f', 'qcow2')
    const path = made('overlay.qcow2', '-f', 'qcow2', '-b', base, '-F', 'qcow2')
    await refused(inspect(path, 'qcow2'), /backing file/)
    await refused(checkWithQemuImg(path, 'qcow2'), /backing file/)
  })

  it('is refused with an external data file', async () => {
    const path = made('split.qcow2', '-f', 'qcow2', '-o', `data_file=${join(dir, 'data.raw')}`)
    await refused(inspect(path, 'qcow2'), /another file/)
    await refused(checkWithQemuImg(path, 'qcow2'), /another file/)
  })

  it('is refused as a flat vmdk', async () => {
    const path = made('flat.vmdk', '-f', 'vmdk', '-o', 'subformat=monolithicFlat')
    await refused(inspect(path, 'vmdk'), /other files/)
    await refused(checkWithQemuImg(path, 'vmdk'), /neither|something else/)
  })

  it('is refused when its header is well and the rest is not', async () => {
    const path = join(dir, 'broken.qcow2')
    await writeFile(
      path,
      aQcow2((header) => header.writeBigUInt64BE(2n ** 60n, 40)),
    )
    await refused(inspect(path, 'qcow2'), /QEMU cannot read it/)
  })
})
