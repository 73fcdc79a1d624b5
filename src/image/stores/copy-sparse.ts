/** A copy of a file that is on the disk when this resolves. What is zero in the one is a hole in the other. */
import { open } from 'node:fs/promises'

const PART_BYTES = 2 ** 20
/** The disk is kept busy, so that little is left to flush at the end. */
const FLUSH_EVERY_BYTES = 64 * PART_BYTES

export async function copySparse(
  from: string,
  to: string,
  { signal, onCopied }: { signal?: AbortSignal | undefined; onCopied?: ((bytes: number) => void) | undefined },
): Promise<void> {
  await using source = await open(from, 'r')
  await using target = await open(to, 'w', 0o600)
  const buffer = Buffer.allocUnsafeSlow(PART_BYTES)
  let at = 0
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead } = await source.read(buffer, 0, PART_BYTES, at)
    if (bytesRead === 0) break
    if (!isZero(buffer, bytesRead)) {
      for (let done = 0; done < bytesRead; ) {
        done += (await target.write(buffer, done, bytesRead - done, at + done)).bytesWritten
      }
    }
    at += bytesRead
    if (at % FLUSH_EVERY_BYTES === 0) await target.datasync()
    onCopied?.(at)
  }
  await target.truncate(at)
  await target.sync()
}

/** Compares the bytes with themselves, one further: equal all along to a first zero. */
function isZero(bytes: Buffer, length: number): boolean {
  return bytes[0] === 0 && bytes.compare(bytes, 1, length, 0, length - 1) === 0
}
