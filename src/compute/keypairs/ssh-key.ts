/**
 * Public keys as OpenSSH writes them: reading, fingerprints, and new pairs. Sources: RFC 4253 section 6.6, RFC 5656
 * section 3.1, RFC 8709 section 4 (the blob); OpenSSH PROTOCOL.u2f (keys on security tokens).
 */
import { createHash, generateKeyPair, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'

/** What stands in the blob after the type: strings and numbers, by count, and the lengths that some must have. */
const LAYOUTS: Readonly<Record<string, readonly ('string' | 'ed25519' | 'number')[]>> = {
  'ssh-rsa': ['number', 'number'],
  'ssh-dss': ['number', 'number', 'number', 'number'],
  'ssh-ed25519': ['ed25519'],
  'ecdsa-sha2-nistp256': ['string', 'string'],
  'ecdsa-sha2-nistp384': ['string', 'string'],
  'ecdsa-sha2-nistp521': ['string', 'string'],
  'sk-ssh-ed25519@openssh.com': ['ed25519', 'string'],
  'sk-ecdsa-sha2-nistp256@openssh.com': ['string', 'string', 'string'],
}

/** Bytes of an uncompressed point: two coordinates and a mark. */
const POINT_BYTES: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 }

/** The MD5 fingerprint with colons, or undefined for what is no public key of a known type. */
export function sshFingerprint(publicKey: string): string | undefined {
  const [type, encoded] = publicKey.trim().split(/\s+/)
  if (type === undefined || encoded === undefined || !Object.hasOwn(LAYOUTS, type)) return undefined
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined
  const blob = Buffer.from(encoded, 'base64')
  if (!isLaidOut(blob, type)) return undefined
  return withColons(createHash('md5').update(blob).digest('hex'))
}

function isLaidOut(blob: Buffer, type: string): boolean {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return false
    const length = blob.readUInt32BE(at)
    if (at + 4 + length > blob.length) return false
    fields.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const layout = LAYOUTS[type]!
  if (fields.length !== layout.length + 1 || fields[0]!.toString('latin1') !== type) return false
  if (!layout.every((kind, at) => (kind === 'ed25519' ? fields[at + 1]!.length === 32 : fields[at + 1]!.length > 0))) {
    return false
  }
  const curve = /nistp\d+/.exec(type)?.[0]
  if (curve === undefined) return true
  return fields[1]!.toString('latin1') === curve && fields[2]!.length === POINT_BYTES[curve] && fields[2]![0] === 4
}

/** The SHA-1 fingerprint of a PEM certificate with colons, or undefined for what is none. */
export function x509Fingerprint(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint.toLowerCase()
  } catch {
    return undefined
  }
}

function withColons(hex: string): string {
  return hex.replace(/(..)(?!$)/g, '$1:')
}

export interface NewKeyPair {
  /** PEM, as ssh and PuTTY's tools read it. */
  readonly privateKey: string
  readonly publicKey: string
  readonly fingerprint: string
}

/** RSA of 2048 bits, as upstream made them: every guest that knows ssh takes it. */
export async function newSshKeyPair(): Promise<NewKeyPair> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const { e, n } = pair.publicKey.export({ format: 'jwk' })
  const blob = Buffer.concat([field('ssh-rsa'), number(e!), number(n!)])
  const publicKey = `ssh-rsa ${blob.toString('base64')} generated-by-stratolith`
  return {
    privateKey: pair.privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
    publicKey,
    fingerprint: sshFingerprint(publicKey)!,
  }
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** An mpint: a leading zero keeps the highest bit from reading as a sign. */
function number(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url')
  return field(bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}
