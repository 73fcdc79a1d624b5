/** SCRAM and the preparation of its strings: the RFCs' own examples, and servers that do not play by them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { saslPrep } from '../src/auth/saslprep.ts'
import { Scram } from '../src/auth/scram.ts'
import { VIR_ERR_AUTH_FAILED } from '../src/generated/constants.ts'
import type { LibvirtError } from '../src/index.ts'

const bytes = (text: string) => Buffer.from(text)
const text = (message: Uint8Array) => Buffer.from(message).toString()
const isUntrustworthy = (error: LibvirtError) =>
  error.origin === 'protocol' && error.code === VIR_ERR_AUTH_FAILED && !error.isDenied()

const examples = [
  {
    rfc: 'RFC 5802',
    mechanism: 'SCRAM-SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    clientFinal: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    rfc: 'RFC 7677',
    mechanism: 'SCRAM-SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    clientFinal:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const
const [, sha256] = examples
const credentials = { user: 'user', password: 'pencil' }
const started = ({ mechanism, nonce }: (typeof examples)[number] = sha256) => {
  const scram = new Scram(mechanism, credentials, nonce)
  scram.start()
  return scram
}

for (const example of examples) {
  test(`${example.rfc}: the exchange that it prints`, async () => {
    const scram = new Scram(example.mechanism, credentials, example.nonce)
    assert.equal(text(scram.start()), `n,,n=user,r=${example.nonce}`)
    assert.equal(text(await scram.respond(bytes(example.serverFirst))), example.clientFinal)
    scram.complete(bytes(example.serverFinal))
  })
}

test('the server may say its last word as a challenge of its own, which is answered with nothing', async () => {
  const scram = started()
  await scram.respond(bytes(sha256.serverFirst))
  assert.equal((await scram.respond(bytes(sha256.serverFinal))).length, 0)
  scram.complete(new Uint8Array())
})

test('a server that did not prove that it knows the password is not believed', async () => {
  for (const last of [
    '',
    'v=',
    'v=6rri',
    `${sha256.serverFinal.replace('6', '7')}`,
    'v=!!!!',
    'x=1',
    examples[0].serverFinal,
  ]) {
    const scram = started()
    await scram.respond(bytes(sha256.serverFirst))
    assert.throws(() => scram.complete(bytes(last)), isUntrustworthy, last)
  }
})

test('a server that lets us in before it has asked or proved anything is not believed', async () => {
  assert.throws(() => started().complete(new Uint8Array()), isUntrustworthy)
  assert.throws(() => started().complete(bytes(sha256.serverFinal)), isUntrustworthy)
  const scram = started()
  await assert.rejects(scram.respond(bytes(`r=other,s=QSXCR+Q6sek8bf92,i=4096`)), isUntrustworthy)
  assert.throws(() => scram.complete(new Uint8Array()), isUntrustworthy)
})

test('a server that goes on asking is stopped', async () => {
  const scram = started()
  await scram.respond(bytes(sha256.serverFirst))
  await scram.respond(bytes(sha256.serverFinal))
  await assert.rejects(scram.respond(bytes(sha256.serverFirst)), isUntrustworthy)
  assert.throws(() => scram.complete(bytes('more')), isUntrustworthy)
})

test('a challenge that breaks the rules is refused before anything is computed', async () => {
  const { nonce } = sha256
  const good = { r: `${nonce}xyz`, s: 'W22ZaJ0SNY7soEsUEjb6gQ==', i: '4096' }
  const challenge = (change: Partial<typeof good>) => {
    const { r, s, i } = { ...good, ...change }
    return `r=${r},s=${s},i=${i}`
  }
  assert.ok((await started().respond(bytes(challenge({})))).length > 0)
  for (const bad of [
    challenge({ r: nonce }),
    challenge({ r: nonce.slice(0, -1) }),
    challenge({ r: `x${nonce}` }),
    challenge({ r: `${nonce}\u0007` }),
    challenge({ s: '' }),
    challenge({ s: 'no base64!' }),
    challenge({ s: 'QQ' }),
    challenge({ i: '0' }),
    challenge({ i: '-1' }),
    challenge({ i: '1' }),
    challenge({ i: '4095' }),
    challenge({ i: '2000001' }),
    challenge({ i: '2147483648' }),
    challenge({ i: '9'.repeat(400) }),
    challenge({ i: '4096x' }),
    challenge({ i: '0x1000' }),
    `${challenge({})} `,
    '',
    'r=',
  ]) {
    const began = performance.now()
    await assert.rejects(started().respond(bytes(bad)), isUntrustworthy, bad)
    assert.ok(performance.now() - began < 5000, bad)
  }
  await assert.rejects(started().respond(bytes(`m=1,${challenge({})}`)), /insists on an extension/)
  await assert.rejects(started().respond(Buffer.from([0x72, 0x3d, 0xff])), isUntrustworthy)
})

test('a refusal in the words of SCRAM is a refusal', async () => {
  await assert.rejects(started().respond(bytes('e=unknown-user')), (error: LibvirtError) => error.isDenied())
  const scram = started()
  await scram.respond(bytes(sha256.serverFirst))
  assert.throws(
    () => scram.complete(bytes('e=invalid-proof')),
    (error: LibvirtError) => error.isDenied() && /invalid-proof/.test(error.message),
  )
})

test('names keep what SCRAM puts between its own words, and each attempt has a nonce of its own', () => {
  const first = (user: string, authorizeAs?: string) =>
    text(new Scram('SCRAM-SHA-1', { user, password: 'p', authorizeAs }).start())
  assert.match(first('a=b,c'), /^n,,n=a=3Db=2Cc,r=[\x21-\x2b\x2d-\x7e]{32}$/)
  assert.match(first('fred', 'r,t'), /^n,a=r=2Ct,n=fred,r=/)
  assert.notEqual(first('fred'), first('fred'))
  assert.throws(() => first(''), /no user name/)
  assert.throws(() => first('\u00ad'), /no user name/)
})

test('RFC 4013: the examples that it prints', () => {
  assert.equal(saslPrep('I\u00adX', 'name'), 'IX')
  assert.equal(saslPrep('user', 'name'), 'user')
  assert.equal(saslPrep('USER', 'name'), 'USER')
  assert.equal(saslPrep('\u00aa', 'name'), 'a')
  assert.equal(saslPrep('\u2168', 'name'), 'IX')
  assert.throws(() => saslPrep('\u0007', 'name'), /the name holds a character without a fixed form/)
  assert.throws(() => saslPrep('\u06271', 'name'), /from right to left only in part/)
})

test('what looks like a space is one, and every table of what is prohibited is obeyed', () => {
  assert.equal(saslPrep('a\u00a0b\u3000c', 'name'), 'a b c')
  assert.equal(saslPrep('e\u0301', 'name'), '\u00e9')
  assert.equal(saslPrep('', 'name'), '')
  // One of each table: C.2.1, C.2.2, C.3, C.4, C.5, C.6, C.7, C.8, C.9.
  for (const bad of ['\u007f', '\u0085', '\ue000', '\ufdd0', '\ud800', '\ufffd', '\u2ff0', '\u202e', '\u{e0041}'])
    assert.throws(
      () => saslPrep(`a${bad}`, 'name'),
      (error: LibvirtError) => error.origin === 'request',
      escape(bad),
    )
})

test('writing from right to left is wholly so, ends included', () => {
  assert.equal(saslPrep('\u0627\u0031\u0628', 'name'), '\u0627\u0031\u0628')
  assert.equal(saslPrep('\u05d0 \u05d1', 'name'), '\u05d0 \u05d1')
  for (const bad of ['\u0627a\u0628', '1\u0627', '\u05d0!', 'a\u05d0'])
    assert.throws(() => saslPrep(bad, 'name'), /right to left/, escape(bad))
})

test('a character that Unicode does not have may stand in a name that is asked for, not in a password', () => {
  assert.throws(() => saslPrep('\u0378', 'password'), /Unicode does not have/)
  assert.equal(saslPrep('\u0378', 'name', { unassigned: true }), '\u0378')
})
