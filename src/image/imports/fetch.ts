/** The step of `web-download` that fetches: from the web into the image's incoming file, hashed and weighed. */
import { createHash, type Hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { isDomainError } from '../../domain-error.ts'
import type { ImageId } from '../../ids.ts'
import { roomFor } from '../data/data.ts'
import type { Received } from '../data/receive.ts'
import { goneWhileUploading, hashMismatch, imageTooLarge, sourceCutShort, sourceFailed } from '../errors.ts'
import * as images from '../images/store.ts'
import type { ImportTools } from './import-image.ts'
import { reportProgress } from './progress.ts'
import type { ExpectedHashes } from './request.ts'
import * as store from './store.ts'
import { openDownload } from './web/download.ts'

export interface WebSource {
  readonly uri: string
  readonly expected: ExpectedHashes
}

const COUNT_EVERY_MS = 500

interface FetchOrder {
  readonly imageId: ImageId
  readonly taskId: string
  readonly uploadId: string
  readonly web: WebSource
  readonly signal: AbortSignal
}

/** Begins anew when it is repeated: a server may have other bytes by then. */
export async function fetchInto(
  { db, settings, stores: { bytes } }: ImportTools,
  { imageId, taskId, uploadId, web, signal }: FetchOrder,
): Promise<void> {
  const image = await images.find(db, imageId)
  if (image === undefined || image.importTask !== taskId) throw goneWhileUploading(imageId)
  await bytes.discard(imageId, uploadId)
  const capBytes = await roomFor(db, image, settings, 0, image.importingTo?.length)

  await using progress = reportProgress({ db, taskId, imageId, signal })
  const { stream, declaredBytes } = await openDownload(web.uri, settings.web, progress.signal)
  try {
    if (declaredBytes !== undefined && declaredBytes > capBytes) throw imageTooLarge(capBytes)
    const clock = setInterval(() => progress.at(stream.socket.bytesRead), COUNT_EVERY_MS)
    const { source, hash } = hashedBeside(stream, web.expected)
    const received = await bytes
      .receive({ imageId, uploadId, source, capBytes, idleMs: settings.web.idleMs })
      .catch((error: unknown) => {
        progress.signal.throwIfAborted()
        throw isDomainError(error, 'image.data.broken-off')
          ? sourceFailed('the connection was broken off', error)
          : isDomainError(error, 'image.data.stalled')
            ? sourceFailed(`nothing came for ${settings.web.idleMs / 1000} s`, error)
            : error
      })
      .finally(() => clearInterval(clock))
    if (declaredBytes !== undefined && received.sizeBytes !== declaredBytes) {
      throw sourceCutShort(declaredBytes, received.sizeBytes)
    }
    checkHashes(received, web.expected, hash)
    if (!(await store.setFetched(db, imageId, taskId, received))) throw goneWhileUploading(imageId)
  } finally {
    stream.destroy()
  }
}

/** Hashes what passes, where the byte store does not do so anyway; it takes a bare response faster than what is behind it. */
function hashedBeside(
  stream: IncomingMessage,
  { algorithm }: ExpectedHashes,
): { source: Readable; hash: Hash | undefined } {
  if (algorithm === undefined || algorithm === 'sha512') return { source: stream, hash: undefined }
  const hash = createHash(algorithm)
  const source = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  stream.once('error', (error) => source.destroy(error))
  source.once('close', () => stream.destroy())
  return { source: stream.pipe(source), hash }
}

function checkHashes(received: Received, expected: ExpectedHashes, hash: Hash | undefined): void {
  if (expected.md5 !== undefined && expected.md5 !== received.md5) {
    throw hashMismatch('md5', expected.md5, received.md5)
  }
  if (expected.algorithm === undefined || expected.value === undefined) return
  const found = hash?.digest('hex') ?? received.sha512
  if (expected.value !== found) throw hashMismatch(expected.algorithm, expected.value, found)
}
