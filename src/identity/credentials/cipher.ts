/**
 * Keeps blobs of credentials from whoever has only the database: AES-256-GCM under keys of the same ring as tokens', in
 * a folder of their own. A sealed blob begins with the id of its key.
 *
 *   key id 4 | nonce 12 | tag 16 | ciphertext
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { KeyRing } from '../tokens/key-ring.ts'

const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16

export function sealBlob(keys: KeyRing, blob: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keys.newest.secret, nonce)
  const sealed = Buffer.concat([cipher.update(blob, 'utf8'), cipher.final()])
  const keyId = Buffer.alloc(KEY_ID_BYTES)
  keyId.writeUInt32BE(keys.newest.id)
  return Buffer.concat([keyId, nonce, cipher.getAuthTag(), sealed])
}

/** @throws Error when the key is gone or the bytes are not what was sealed */
export function openBlob(keys: KeyRing, sealed: Uint8Array): string {
  const bytes = Buffer.from(sealed)
  const key = keys.byId(bytes.readUInt32BE(0))
  if (key === undefined) throw new Error('the key of a credential is missing from the key folder')
  const nonceEnd = KEY_ID_BYTES + NONCE_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(KEY_ID_BYTES, nonceEnd))
  decipher.setAuthTag(bytes.subarray(nonceEnd, nonceEnd + TAG_BYTES))
  return decipher.update(bytes.subarray(nonceEnd + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
}
