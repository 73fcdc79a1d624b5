/** Bounded reads of a file whose contents are not trusted. */
import { type FileHandle, open } from 'node:fs/promises'

export interface DiskFile extends AsyncDisposable {
  readonly path: string
  readonly sizeBytes: number
  /** Exactly `length` bytes; past the end of the file there are zeros. */
  read(offset: number | bigint, length: number): Promise<Buffer>
}

/** No structure that is read here is larger. */
const LARGEST_READ = 2 ** 20

export async function openDiskFile(path: string): Promise<DiskFile> {
  const file: FileHandle = await open(path, 'r')
  const { size } = await file.stat()
  return {
    path,
    sizeBytes: size,
    async read(offset, length) {
      if (length > LARGEST_READ) throw new RangeError(`a read of ${length} bytes from an image's header`)
      const buffer = Buffer.alloc(length)
      // An offset beyond what a file can hold is beyond the end.
      if (offset < 0 || offset >= size) return buffer
      await file.read(buffer, 0, length, Number(offset))
      return buffer
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}
