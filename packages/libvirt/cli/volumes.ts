/** Storage volumes, and what is in them. */
import { open, stat, unlink } from 'node:fs/promises'
import type { StorageVolume } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { attempt, command, type Group, type Session } from './command.ts'
import { byName, findPool, findVolume, rowsOf } from './find.ts'
import { interruptible } from './interrupt.ts'
import { prettySize, sizeBytes } from './sizes.ts'
import { escapeXml } from './xml.ts'

const vol = { about: 'its name (with --pool), its key or its path' }
const pool = { value: 'string', about: 'its name or its uuid' }
const poolArgument = { about: 'its name or its uuid' }

const volList = command('vol-list', 'which volumes a pool has', {
  arguments: { pool: poolArgument },
  options: { details: { about: 'with types and sizes' } },
  example: 'vol-list images --details',
  async run(given, { connection, terminal }) {
    const volumes = await (await findPool(connection, given.pool)).listAllVolumes()
    volumes.sort(byName)
    const rows = await rowsOf(volumes, async (volume) => {
      const row = [volume.name, await volume.path()]
      if (!given.details) return row
      const { type, capacityBytes, allocationBytes } = await volume.info()
      return [...row, type, prettySize(capacityBytes), prettySize(allocationBytes)]
    })
    const more = given.details ? ['Type', 'Capacity', 'Allocation'] : []
    terminal.table(['Name', 'Path', ...more], rows)
  },
})

const volInfo = command('vol-info', 'what a volume is, in short', {
  arguments: { vol },
  options: {
    pool,
    bytes: { about: 'sizes in bytes' },
    physical: { about: 'the length of its file, holes included' },
  },
  example: 'vol-info disk.qcow2 --pool images',
  async run(given, { connection, terminal }) {
    const volume = await findVolume(connection, given.vol, given.pool)
    const info = await volume.info(given.physical ? C.VIR_STORAGE_VOL_GET_PHYSICAL : 0)
    const size = (bytes: bigint) => (given.bytes ? `${bytes} bytes` : prettySize(bytes))
    terminal.fields([
      ['Name:', volume.name],
      ['Type:', info.type],
      ['Capacity:', size(info.capacityBytes)],
      [given.physical ? 'Physical:' : 'Allocation:', size(info.allocationBytes)],
    ])
  },
})

const volDumpxml = command('vol-dumpxml', 'the whole description of a volume', {
  arguments: { vol },
  options: { pool },
  example: 'vol-dumpxml disk.qcow2 --pool images',
  async run(given, { connection, terminal }) {
    terminal.print(await (await findVolume(connection, given.vol, given.pool)).xml())
  },
})
const volPath = command('vol-path', 'where a volume is on the host', {
  arguments: { vol },
  options: { pool },
  example: 'vol-path disk.qcow2 --pool images',
  async run(given, { connection, terminal }) {
    terminal.print(`${await (await findVolume(connection, given.vol, given.pool)).path()}\n`)
  },
})

const volCreateAs = command('vol-create-as', 'make a volume', {
  arguments: {
    pool: poolArgument,
    name: { about: 'what it will be called' },
    capacity: { about: 'its size, such as 10G' },
  },
  options: {
    allocation: { value: 'string', about: 'how much of it is taken at once, such as 1G' },
    format: { value: 'string', about: 'raw, qcow2 or another that the pool knows' },
    'backing-vol': { value: 'string', about: 'the volume that it is laid upon: name, key or path' },
    'backing-vol-format': { value: 'string', about: 'the format of that one' },
    'prealloc-metadata': { about: "write a qcow2's tables at once" },
  },
  example: 'vol-create-as images disk.qcow2 10G --format qcow2',
  async run(given, { connection, terminal }) {
    const within = await findPool(connection, given.pool)
    const backing = given['backing-vol']
    const xml = volumeXml({
      name: given.name,
      capacityBytes: sizeBytes(given.capacity, 'capacity'),
      allocationBytes: given.allocation === undefined ? undefined : sizeBytes(given.allocation, 'allocation'),
      format: given.format,
      backingPath: backing && (await (await findVolume(connection, backing, given.pool)).path()),
      backingFormat: given['backing-vol-format'],
    })
    const flags = given['prealloc-metadata'] ? C.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA : 0
    const created = await attempt(`Failed to create vol ${given.name}`, within.createVolumeXml(xml, flags))
    terminal.remark(`Vol ${created.name} created\n`)
  },
})

interface VolumeWanted {
  name: string
  capacityBytes: bigint
  allocationBytes: bigint | undefined
  format: string | undefined
  backingPath: string | undefined
  backingFormat: string | undefined
}
function volumeXml(wanted: VolumeWanted): string {
  const format = (type: string | undefined) => (type === undefined ? '' : `<format type='${escapeXml(type)}'/>`)
  const { allocationBytes, backingPath } = wanted
  return [
    '<volume>',
    `<name>${escapeXml(wanted.name)}</name>`,
    `<capacity unit='bytes'>${wanted.capacityBytes}</capacity>`,
    allocationBytes === undefined ? '' : `<allocation unit='bytes'>${allocationBytes}</allocation>`,
    `<target>${format(wanted.format)}</target>`,
    backingPath === undefined
      ? ''
      : `<backingStore><path>${escapeXml(backingPath)}</path>${format(wanted.backingFormat)}</backingStore>`,
    '</volume>',
  ].join('')
}

const volDelete = command('vol-delete', 'delete a volume, and what is in it', {
  arguments: { vol },
  options: { pool, 'delete-snapshots': { about: 'and the snapshots of it' } },
  example: 'vol-delete disk.qcow2 --pool images',
  async run(given, { connection, terminal }) {
    const volume = await findVolume(connection, given.vol, given.pool)
    const flags = given['delete-snapshots'] ? C.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS : 0
    await attempt(`Failed to delete vol ${volume.name}`, volume.delete(flags))
    terminal.remark(`Vol ${volume.name} deleted\n`)
  },
})

// ---- Content. Holes stay holes both ways ---------------------------------------------------------------------

const part = {
  offset: { value: 'string', about: 'from there on in the volume, such as 1M' },
  length: { value: 'string', about: 'so much and no more, such as 512M' },
}
const partOf = ({ offset, length }: { offset: string | undefined; length: string | undefined }) => ({
  offsetBytes: offset === undefined ? 0n : sizeBytes(offset, 'offset'),
  ...(length !== undefined && { lengthBytes: sizeBytes(length, 'length') }),
})

const volUpload = command('vol-upload', 'write a file into a volume', {
  arguments: { vol, file: { about: 'the file here' } },
  options: { pool, ...part },
  example: 'vol-upload disk.raw ./debian.raw --pool images',
  async run(given, { connection, terminal }) {
    const wanted = partOf(given)
    const volume = await findVolume(connection, given.vol, given.pool)
    const { size } = await attempt(`cannot read ${given.file}`, stat(given.file))
    const total = wanted.lengthBytes ?? BigInt(size)
    await transfer(volume, Number(total), terminal, `cannot upload to volume ${given.vol}`, (options) =>
      volume.uploadFrom(given.file, { ...wanted, ...options }),
    )
  },
})

const volDownload = command('vol-download', 'write a volume into a file', {
  arguments: { vol, file: { about: 'the file here' } },
  options: { pool, ...part },
  example: 'vol-download disk.raw ./copy.raw --pool images',
  async run(given, { connection, terminal }) {
    const wanted = partOf(given)
    const volume = await findVolume(connection, given.vol, given.pool)
    const length = async () => (await volume.info(C.VIR_STORAGE_VOL_GET_PHYSICAL)).allocationBytes - wanted.offsetBytes
    const total = wanted.lengthBytes ?? (terminal.showsProgress ? await length() : 0n)
    const isNew = await attempt(`cannot create ${given.file}`, madeAnew(given.file))
    try {
      await transfer(volume, Number(total), terminal, `cannot download from volume ${given.vol}`, (options) =>
        volume.downloadTo(given.file, { ...wanted, ...options }),
      )
    } catch (error) {
      // Half a file that was not there before is of no use to anybody.
      if (isNew) await unlink(given.file)
      throw error
    }
  },
})

/** Makes an empty file, unless there is one already. */
async function madeAnew(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** With progress where somebody sees it, and until Ctrl-C. */
async function transfer(
  volume: StorageVolume,
  totalBytes: number,
  terminal: Session['terminal'],
  failure: string,
  work: (options: { signal: AbortSignal; onProgress: (done: { bytes: number }) => void }) => Promise<unknown>,
): Promise<void> {
  using interrupt = interruptible()
  using progress = terminal.progress(volume.name, totalBytes)
  const { signal } = interrupt
  await attempt(failure, work({ signal, onProgress: ({ bytes }) => progress.at(bytes) }))
}

export const volumeCommands: Group = {
  keyword: 'volume',
  title: 'Storage Volume',
  commands: [volCreateAs, volDelete, volDownload, volDumpxml, volInfo, volList, volPath, volUpload],
}
