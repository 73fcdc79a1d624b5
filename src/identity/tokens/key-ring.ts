/**
 * Keys on disk, one file each in a folder, named by the id that what they made carries: those that sign tokens in
 * `${stateDir}/identity/keys`, those that seal credentials in `${stateDir}/identity/credential-keys`. The highest is
 * used, all are understood; so a new key is added beside the old, and the old one removed when nothing needs it.
 */
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SigningKey } from './token-string.ts'

export interface KeyRing {
  readonly newest: SigningKey
  byId(id: number): SigningKey | undefined
}

const KEY_BYTES = 32
const FILE_NAME = /^[0-9a-f]{8}$/

/** Reads the keys, making the first one where there is none. */
export async function openKeyRing(dir: string): Promise<KeyRing> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const names = async () => (await readdir(dir)).filter((name) => FILE_NAME.test(name)).sort()
  if ((await names()).length === 0) {
    // `wx`: of two processes that start at once, one makes the key and both use it.
    await writeFile(join(dir, '00000001'), randomBytes(KEY_BYTES).toString('base64url'), {
      mode: 0o600,
      flag: 'wx',
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  const keys = new Map<number, SigningKey>()
  for (const name of await names()) {
    const secret = Buffer.from(await readFile(join(dir, name), 'utf8'), 'base64url')
    if (secret.length < KEY_BYTES) throw new Error(`the token key ${join(dir, name)} is damaged: remove it`)
    keys.set(Number.parseInt(name, 16), { id: Number.parseInt(name, 16), secret: createSecretKey(secret) })
  }
  return { newest: keys.get(Math.max(...keys.keys()))!, byId: (id) => keys.get(id) }
}
