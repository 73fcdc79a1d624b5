/**
 * SCRAM, the client's half (RFC 5802, RFC 7677): the password does not cross the wire, and the server proves that it
 * knows it too. Without channel binding: no `-PLUS` mechanism is offered here, which the header `n` says.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { LibvirtError, requestError } from '../errors.ts'
import { VIR_ERR_AUTH_FAILED } from '../generated/constants.ts'
import type { Credentials } from './credentials.ts'
import { type Mechanism, untrustworthy } from './mechanism.ts'
import { saslPrep } from './saslprep.ts'

/** Hashes by the mechanism's name, the strongest first. */
export const scramHashes: ReadonlyMap<string, string> = new Map([
  ['SCRAM-SHA-512', 'sha512'],
  ['SCRAM-SHA-256', 'sha256'],
  ['SCRAM-SHA-1', 'sha1'],
])

/** RFC 5802 lets no server ask for fewer; a false one would, to guess the password from the proof. */
const MIN_ITERATIONS = 4096
/** About a second of work. */
const MAX_ITERATIONS = 2_000_000

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const derive = promisify(pbkdf2)

type State = 'new' | 'started' | 'proved' | 'verified'

export class Scram implements Mechanism {
  readonly name: string
  readonly #hash: string
  readonly #password: string
  readonly #header: string
  readonly #nonce: string
  readonly #firstBare: string
  #serverSignature: Buffer | undefined
  #state: State = 'new'

  /**
   * nonce: only for tests; printable ASCII without a comma.
   * @throws LibvirtError of origin `request` for a name or password that SASLprep does not let through
   */
  constructor(
    name: string,
    { user, password, authorizeAs }: Credentials,
    nonce: string = randomBytes(24).toString('base64'),
  ) {
    const hash = scramHashes.get(name)
    if (hash === undefined) throw requestError(`no SCRAM mechanism: ${name}`)
    this.name = name
    this.#hash = hash
    this.#password = saslPrep(password, 'password')
    this.#header = authorizeAs === undefined ? 'n,,' : `n,a=${saslName(authorizeAs)},`
    this.#nonce = nonce
    this.#firstBare = `n=${saslName(user)},r=${nonce}`
  }

  start(): Uint8Array {
    this.#state = 'started'
    return Buffer.from(this.#header + this.#firstBare)
  }

  async respond(challenge: Uint8Array): Promise<Uint8Array> {
    if (this.#state === 'started') {
      const proof = await this.#prove(textOf(challenge))
      this.#state = 'proved'
      return proof
    }
    // A server that cannot add its signature to its last word says it as a challenge.
    if (this.#state === 'proved') {
      this.#verify(textOf(challenge))
      return new Uint8Array()
    }
    throw untrustworthy(`the daemon asks for more than ${this.name} has to say`)
  }

  complete(last: Uint8Array): void {
    if (this.#state === 'proved') this.#verify(textOf(last))
    else if (this.#state !== 'verified') throw untrustworthy('the daemon lets us in without having asked for a proof')
    else if (last.length > 0) throw untrustworthy(`the daemon says more than ${this.name} has to say`)
  }

  async #prove(serverFirst: string): Promise<Uint8Array> {
    throwIfRefused(serverFirst)
    if (serverFirst.startsWith('m=')) throw untrustworthy(`the daemon insists on an extension of ${this.name}`)
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=([1-9][0-9]*)(?:,.*)?$/s.exec(serverFirst)
    if (match === null) throw untrustworthy(`unreadable challenge of ${this.name}`)
    const [, nonce = '', salt = '', iterationsText] = match
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw untrustworthy(`the daemon's nonce is not ours with its own behind it`)
    if (!base64.test(salt)) throw untrustworthy('the salt is no base64')
    const iterations = Number(iterationsText)
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      const allowed = `${MIN_ITERATIONS} to ${MAX_ITERATIONS}`
      throw untrustworthy(`the daemon asks for ${iterations} iterations of ${this.name}, where ${allowed} are allowed`)
    }

    const withoutProof = `c=${Buffer.from(this.#header).toString('base64')},r=${nonce}`
    const signed = `${this.#firstBare},${serverFirst},${withoutProof}`
    const length = createHash(this.#hash).digest().length
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), iterations, length, this.#hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(this.#hash).update(clientKey).digest()
    const clientSignature = this.#hmac(storedKey, signed)
    const proof = clientKey.map((byte, index) => byte ^ (clientSignature[index] as number))
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), signed)
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  #verify(serverFinal: string): void {
    throwIfRefused(serverFinal)
    const [, text = ''] = /^v=([^,]+)(?:,.*)?$/s.exec(serverFinal) ?? []
    const signature = Buffer.from(text, 'base64')
    const expected = this.#serverSignature
    if (expected === undefined || signature.length !== expected.length || !timingSafeEqual(signature, expected))
      throw untrustworthy('the daemon could not prove that it knows the password: it may be somebody else')
    this.#state = 'verified'
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest()
  }
}

/** A name as it stands between commas. */
function saslName(name: string): string {
  const prepared = saslPrep(name, 'user name', { unassigned: true })
  if (prepared === '') throw requestError('no user name')
  return prepared.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function textOf(message: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(message)
  } catch {
    throw untrustworthy('the daemon says what is not UTF-8')
  }
}

function throwIfRefused(message: string): void {
  const [, reason] = /^e=([^,]{1,200})/.exec(message) ?? []
  if (reason !== undefined)
    throw new LibvirtError(`the daemon refuses: ${reason}`, { origin: 'daemon', code: VIR_ERR_AUTH_FAILED })
}
