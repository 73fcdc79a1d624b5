/** Storage volumes: disks in a pool, and their content. Most are found through their `StoragePool`. */
import { type FileHandle, open } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import * as C from './generated/constants.ts'
import type { NonnullStorageVol } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { type RpcStream, readableOf, writableOf } from './rpc/stream.ts'
import { receiveIntoFile, sendFromFile, type Transferred } from './sparse-file.ts'

export const storageVolumeTypes = ['file', 'block', 'dir', 'network', 'netdir', 'ploop'] as const
/** What a volume is on the host. */
export type StorageVolumeType = (typeof storageVolumeTypes)[number]
/** Kind and sizes of a volume. */
export interface StorageVolumeInfo {
  type: StorageVolumeType | 'unknown'
  /** As a guest sees it. */
  capacityBytes: bigint
  /** On the host. With VIR_STORAGE_VOL_GET_PHYSICAL: the length of the file, holes included. */
  allocationBytes: bigint
}
/** Ways to overwrite, by the number of virStorageVolWipeAlgorithm. All but `zero` and `trim` need `scrub` on the host. */
export const wipeAlgorithms = [
  'zero',
  'nnsa',
  'dod',
  'bsi',
  'gutmann',
  'schneier',
  'pfitzner7',
  'pfitzner33',
  'random',
  'trim',
] as const
/** A way to overwrite. */
export type WipeAlgorithm = (typeof wipeAlgorithms)[number]

/** Which part of a volume is transferred, and when to give up. */
export interface TransferOptions {
  offsetBytes?: number | bigint | undefined
  /** Default: all. */
  lengthBytes?: number | bigint | undefined
  /** Of the call that begins the transfer. */
  timeoutMs?: number | undefined
  /** Aborts the transfer, whenever that is. */
  signal?: AbortSignal | undefined
}
/** The same, and whether holes are told apart. */
export interface StreamTransferOptions extends TransferOptions {
  /** Holes are chunks of their own, `{ hole: bigint }`, among the bytes; the stream is one of objects. Default false. */
  sparse?: boolean | undefined
}
/** Between a volume and a file: the same, and who is told how far it is. */
export interface FileTransferOptions extends TransferOptions {
  /** Called after each piece, of a few MiB at most, and after each hole, with what has been transferred so far. */
  onProgress?: ((done: Transferred) => void) | undefined
}
/** The same, and whether holes are sent as such. */
export interface UploadFileOptions extends FileTransferOptions {
  /**
   * Send holes as holes. A hole does not overwrite what the volume holds in its place, and cuts off what comes behind;
   * the default sends them only where the volume holds nothing.
   */
  sparse?: boolean | undefined
}

/** Volumes without their pool. */
export class StorageVolumes {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** For results of `connection.raw`, or from a pool, a name and a key that are known. */
  of(volume: NonnullStorageVol): StorageVolume {
    return new StorageVolume(this.connection, volume)
  }
  /** The key is unique on the host; most are a path. @libvirt virStorageVolLookupByKey */
  async lookupByKey(key: string, options?: CallOptions): Promise<StorageVolume> {
    return this.of((await this.connection.raw.storageVolLookupByKey({ key }, options)).vol)
  }
  /** Of an active pool. @libvirt virStorageVolLookupByPath */
  async lookupByPath(path: string, options?: CallOptions): Promise<StorageVolume> {
    return this.of((await this.connection.raw.storageVolLookupByPath({ path }, options)).vol)
  }
  /** Undefined where there is none. */
  async findByKey(key: string, options?: CallOptions): Promise<StorageVolume | undefined> {
    return unlessMissing(this.lookupByKey(key, options))
  }
  /** Undefined where there is none. */
  async findByPath(path: string, options?: CallOptions): Promise<StorageVolume | undefined> {
    return unlessMissing(this.lookupByPath(path, options))
  }
}

/** One volume. A plain handle; the daemon finds it by pool and name. */
export class StorageVolume {
  /** @libvirt virStorageVolGetConnect */
  readonly connection: Connection
  /** Name of the pool. */
  readonly pool: string
  /** @libvirt virStorageVolGetName */
  readonly name: string
  /** @libvirt virStorageVolGetKey */
  readonly key: string

  constructor(connection: Connection, { pool, name, key }: NonnullStorageVol) {
    this.connection = connection
    this.pool = pool
    this.name = name
    this.key = key
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullStorageVol {
    return { pool: this.pool, name: this.name, key: this.key }
  }

  /** flags: 0 or VIR_STORAGE_VOL_GET_PHYSICAL. @libvirt virStorageVolGetInfo, virStorageVolGetInfoFlags */
  async info(flags = 0, options?: CallOptions): Promise<StorageVolumeInfo> {
    const info =
      flags === 0
        ? await this.connection.raw.storageVolGetInfo({ vol: this.handle }, options)
        : await this.connection.raw.storageVolGetInfoFlags({ vol: this.handle, flags }, options)
    return {
      type: storageVolumeTypes[info.type] ?? 'unknown',
      capacityBytes: info.capacity,
      allocationBytes: info.allocation,
    }
  }
  /** @libvirt virStorageVolGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.storageVolGetXmlDesc({ vol: this.handle, flags }, options)).xml
  }
  /** What a guest's definition names. @libvirt virStorageVolGetPath */
  async path(options?: CallOptions): Promise<string> {
    return (await this.connection.raw.storageVolGetPath({ vol: this.handle }, options)).name
  }
  /** flags: VIR_STORAGE_VOL_DELETE_*. @libvirt virStorageVolDelete */
  async delete(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.storageVolDelete({ vol: this.handle, flags }, options)
  }
  /**
   * Of a volume that no guest uses. flags: VIR_STORAGE_VOL_RESIZE_*; with …_DELTA `capacityBytes` is what to add (or,
   * with …_SHRINK, to take away).
   *
   * @libvirt virStorageVolResize
   */
  async resize(capacityBytes: number | bigint, flags = 0, options?: CallOptions): Promise<void> {
    const args = { vol: this.handle, capacity: BigInt(capacityBytes), flags }
    await this.connection.raw.storageVolResize(args, options)
  }
  /** Overwrite the content. @libvirt virStorageVolWipe, virStorageVolWipePattern */
  async wipe(algorithm: WipeAlgorithm = 'zero', flags = 0, options?: CallOptions): Promise<void> {
    if (algorithm === 'zero') await this.connection.raw.storageVolWipe({ vol: this.handle, flags }, options)
    else {
      const args = { vol: this.handle, algorithm: wipeAlgorithms.indexOf(algorithm), flags }
      await this.connection.raw.storageVolWipePattern(args, options)
    }
  }

  // ---- Content. Bulk data shares the connection: give a large transfer one of its own ------------------------

  async #download(wanted: TransferOptions, sparse: boolean): Promise<RpcStream> {
    const { offsetBytes = 0, lengthBytes = 0, ...options } = wanted
    const flags = sparse ? C.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM : 0
    const args = { vol: this.handle, offset: BigInt(offsetBytes), length: BigInt(lengthBytes), flags }
    return (await this.connection.raw.storageVolDownload(args, options)).stream
  }
  async #upload(wanted: TransferOptions, sparse: boolean): Promise<RpcStream> {
    const { offsetBytes = 0, lengthBytes = 0, ...options } = wanted
    const flags = sparse ? C.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM : 0
    const args = { vol: this.handle, offset: BigInt(offsetBytes), length: BigInt(lengthBytes), flags }
    return (await this.connection.raw.storageVolUpload(args, options)).stream
  }

  /** The bytes of the volume. Destroying the stream aborts the transfer. @libvirt virStorageVolDownload */
  async download({ sparse = false, ...wanted }: StreamTransferOptions = {}): Promise<Readable> {
    return readableOf(await this.#download(wanted, sparse), { sparse, signal: wanted.signal })
  }
  /**
   * Over the bytes of the volume. `finish` of the stream says that the daemon has written everything; destroying it
   * aborts the transfer. More bytes than `lengthBytes` are an error.
   *
   * @libvirt virStorageVolUpload
   */
  async upload({ sparse = false, ...wanted }: StreamTransferOptions = {}): Promise<Writable> {
    return writableOf(await this.#upload(wanted, sparse), { sparse, signal: wanted.signal })
  }

  /**
   * Into a file, which is made or emptied first when it is named by its path, and written from its start when it is a
   * handle. Holes of the volume are holes of the file.
   *
   * @libvirt virStorageVolDownload, virStreamRecvAll, virStreamSparseRecvAll
   */
  async downloadTo(target: string | FileHandle, options: FileTransferOptions = {}): Promise<Transferred> {
    const { onProgress, ...wanted } = options
    const { signal } = wanted
    // Nothing is emptied for a volume that is not there.
    await using stream = await this.#download(wanted, true)
    const file = typeof target === 'string' ? await open(target, 'w') : target
    try {
      using _abort = abortWith(signal, stream)
      const transferred = await receiveIntoFile(stream, file, { signal, onProgress })
      await stream.finish()
      return transferred
    } finally {
      if (file !== target) await file.close()
    }
  }

  /**
   * From a file, from its start on: `lengthBytes` of it, or all. Zero bytes become holes where the volume holds nothing.
   *
   * @libvirt virStorageVolUpload, virStreamSendAll, virStreamSparseSendAll
   */
  async uploadFrom(source: string | FileHandle, options: UploadFileOptions = {}): Promise<Transferred> {
    const { offsetBytes = 0, lengthBytes, sparse: asked, onProgress, ...callOptions } = options
    const { signal } = options
    signal?.throwIfAborted()
    const file = typeof source === 'string' ? await open(source, 'r') : source
    try {
      const held = asked === undefined ? await this.#held(callOptions) : undefined
      const sparse = asked ?? held !== undefined
      const holesFrom = held === undefined ? 0 : Math.max(0, held.untilBytes - Number(offsetBytes))
      const length = lengthBytes === undefined ? Number.POSITIVE_INFINITY : Number(lengthBytes)
      await using stream = await this.#upload({ ...callOptions, offsetBytes }, sparse)
      using _abort = abortWith(signal, stream)
      const transferred = await sendFromFile(stream, file, {
        length,
        holesFrom: sparse ? holesFrom : undefined,
        signal,
        onProgress,
      })
      // The daemon ends the file behind each hole; an empty volume keeps the length that it had.
      const rest = held === undefined ? 0 : held.lengthBytes - Number(offsetBytes) - transferred.bytes
      if (rest > 0 && transferred.holeBytes > 0) await stream.writeHole(BigInt(rest))
      await stream.finish()
      return transferred
    } finally {
      if (file !== source) await file.close()
    }
  }

  /** Where the content of the volume ends: holes may only come behind it. Undefined where there can be none. */
  async #held(options: CallOptions): Promise<{ untilBytes: number; lengthBytes: number } | undefined> {
    const { type, allocationBytes } = await this.info(0, options)
    if (type !== 'file') return undefined
    const length = Number((await this.info(C.VIR_STORAGE_VOL_GET_PHYSICAL, options)).allocationBytes)
    return { untilBytes: allocationBytes === 0n ? 0 : length, lengthBytes: length }
  }

  /** For messages: pool and name. */
  toString(): string {
    return `${this.pool}/${this.name}`
  }
}

/** Wakes whoever waits for the stream. */
function abortWith(signal: AbortSignal | undefined, stream: RpcStream): Disposable {
  const abort = () => void stream.abort().catch(() => {})
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', abort) }
}
