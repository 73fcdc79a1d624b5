/** Authentication against a daemon of our own, which asks, proves and lies as a test tells it to. */
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { AuthSaslStartArgs } from '../src/generated/types.ts'
import { type ConnectOptions, connect, type Credentials, type LibvirtError, unixTransport } from '../src/index.ts'
import { FakeDaemon, Refusal, until } from './fake-daemon.ts'

// No file of whoever runs this gets in the way.
const folder = mkdtempSync(join(tmpdir(), 'libvirt-auth-'))
process.env.XDG_CONFIG_HOME = folder
delete process.env.LIBVIRT_AUTH_FILE
after(() => rmSync(folder, { recursive: true, force: true }))

const fred: Credentials = { user: 'fred', password: 'pencil' }
const isDenied = (error: LibvirtError) => error.isDenied()
const isUnsupported = (error: LibvirtError) => error.isUnsupported()
const isUntrustworthy = (error: LibvirtError) => error.origin === 'protocol' && error.codeName === 'VIR_ERR_AUTH_FAILED'

type Reply = { complete: number; nil: number; data: Uint8Array }
const more = (text: string): Reply => ({ complete: 0, nil: 0, data: Buffer.from(text) })
const done = (text?: string): Reply => ({ complete: 1, nil: text === undefined ? 1 : 0, data: Buffer.from(text ?? '') })

/** What a server does: it knows the password, and checks the proof. Each part may be replaced by a lie. */
class ScramServer {
  readonly hash: string
  readonly passwords: ReadonlyMap<string, string>
  /** Whom the last client that was let in claimed to be. */
  letIn: string | undefined
  iterations = 4096
  lastWord = (signature: string) => done(`v=${signature}`)
  #user = ''
  #signed = ''

  constructor(hash: string, passwords: Record<string, string> = { fred: 'pencil' }) {
    this.hash = hash
    this.passwords = new Map(Object.entries(passwords))
  }

  start = (message: string): Reply => {
    const [, bare = '', user = '', nonce = ''] = /^n,,(n=([^,]*),r=(.*))$/.exec(message) ?? []
    this.#user = user.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const first = `r=${nonce}more,s=${Buffer.from('salt').toString('base64')},i=${this.iterations}`
    this.#signed = `${bare},${first}`
    return more(first)
  }

  step = (message: string): Reply => {
    // The client had nothing to add to the server's last word.
    if (message === '') return done()
    const [, withoutProof = '', proof = ''] = /^(.*),p=(.*)$/.exec(message) ?? []
    assert.match(withoutProof, /^c=biws,r=/)
    const hmac = (key: Uint8Array, text: string) => createHmac(this.hash, key).update(text).digest()
    const digest = (text: Uint8Array) => createHash(this.hash).update(text).digest()
    const signed = `${this.#signed},${withoutProof}`
    const password = this.passwords.get(this.#user)
    if (password === undefined) throw new Refusal(45, 'authentication failed')
    const salted = pbkdf2Sync(password, 'salt', 4096, digest(Buffer.alloc(0)).length, this.hash)
    const stored = digest(hmac(salted, 'Client Key'))
    const signature = hmac(stored, signed)
    const key = Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0))
    if (!digest(key).equals(stored)) throw new Refusal(45, 'authentication failed')
    this.letIn = this.#user
    return this.lastWord(hmac(hmac(salted, 'Server Key'), signed).toString('base64'))
  }
}

class Asking extends FakeDaemon {
  readonly mechanisms: string[] = []
  readonly messages: string[] = []
  constructor(offered: string, server: { start: (message: string) => Reply; step?: (message: string) => Reply }) {
    super()
    this.answers.authList = () => ({ types: [1] })
    this.answers.authSaslInit = () => ({ mechlist: offered })
    const heard = ({ data }: { data: Uint8Array }) => {
      const text = Buffer.from(data).toString()
      this.messages.push(text)
      return text
    }
    this.answers.authSaslStart = ({ args }) => {
      this.mechanisms.push((args as AuthSaslStartArgs).mech)
      return server.start(heard(args))
    }
    this.answers.authSaslStep = ({ args }) => {
      if (server.step === undefined) throw new Error('no step was expected')
      return server.step(heard(args))
    }
  }

  at(uri: string, options: ConnectOptions = {}, transport: object = {}) {
    return connect(uri, { transport: { ...unixTransport(this.path), ...transport }, timeoutMs: 5000, ...options })
  }
}
const inClear = { local: false }

test('SCRAM, the strongest that is offered: the password stays here, and the daemon proves that it knows it', async () => {
  const passwords = { fred: 'pencil', 'a=b,c': 'p\u00e4ss, w\u00f6rd=' }
  for (const [hash, offered, mechanism] of [
    ['sha512', 'PLAIN,SCRAM-SHA-1,SCRAM-SHA-512 SCRAM-SHA-256', 'SCRAM-SHA-512'],
    ['sha256', 'SCRAM-SHA-1 SCRAM-SHA-256', 'SCRAM-SHA-256'],
    ['sha1', 'DIGEST-MD5, PLAIN, SCRAM-SHA-1', 'SCRAM-SHA-1'],
  ] as const) {
    for (const [user, password] of Object.entries(passwords)) {
      const server = new ScramServer(hash, passwords)
      await using daemon = await new Asking(offered, server).listen()
      await (await daemon.connect({ credentials: { user, password } })).close()
      assert.deepEqual(daemon.mechanisms, [mechanism])
      assert.equal(server.letIn, user)
      assert.ok(!daemon.messages.join().includes(password))
      const calls = [
        'authList',
        'authSaslInit',
        'authSaslStart',
        'authSaslStep',
        'connectSupportsFeature',
        'connectOpen',
      ]
      assert.deepEqual(daemon.calls.slice(0, 6), calls)
      await assert.rejects(daemon.connect({ credentials: { user, password: 'wrong' } }), isDenied)
      await assert.rejects(
        daemon.connect({ credentials: { user: 'nobody', password } }),
        /SCRAM.*authentication failed/,
      )
    }
  }
})

test('a daemon that gives its last word a turn of its own is believed as well', async () => {
  const server = new ScramServer('sha256')
  server.lastWord = (signature) => more(`v=${signature}`)
  await using daemon = await new Asking('SCRAM-SHA-256', server).listen()
  await (await daemon.connect({ credentials: fred })).close()
  assert.equal(daemon.messages.length, 3)
})

test('a daemon that cannot prove itself is left before anything is asked of it', async () => {
  const lies: Record<string, (server: ScramServer) => void> = {
    'a wrong signature': (server) => {
      server.lastWord = () => done(`v=${Buffer.alloc(32).toString('base64')}`)
    },
    'no signature': (server) => {
      server.lastWord = () => done()
    },
    'a signature that it says is not there': (server) => {
      server.lastWord = (signature) => ({ ...done(`v=${signature}`), nil: 1 })
    },
    'in without a proof': (server) => {
      server.start = () => done()
    },
    'in at once, with what looks like a signature': (server) => {
      server.start = () => done(`v=${Buffer.alloc(32).toString('base64')}`)
    },
    'a nonce without its own part': (server) => {
      server.start = (message) => more(`r=${message.replace(/.*,r=/, '')},s=c2FsdA==,i=4096`)
    },
    "somebody else's nonce": (server) => {
      server.start = () => more('r=somebody,s=c2FsdA==,i=4096')
    },
    'work for hours': (server) => {
      server.iterations = 2 ** 31
    },
    'a password that is cheap to guess': (server) => {
      server.iterations = 1
    },
    'no challenge': (server) => {
      server.start = () => ({ complete: 0, nil: 1, data: Buffer.from('r=x') })
    },
    'one question more': (server) => {
      let word = ''
      const { step } = server
      server.lastWord = (signature) => {
        word = `v=${signature}`
        return more(word)
      }
      server.step = (message) => (message === '' ? more(word) : step(message))
    },
  }
  for (const [lie, tell] of Object.entries(lies)) {
    const server = new ScramServer('sha256')
    tell(server)
    await using daemon = await new Asking('SCRAM-SHA-256', server).listen()
    await assert.rejects(daemon.connect({ credentials: fred }), isUntrustworthy, lie)
    assert.ok(!daemon.calls.includes('connectOpen'), lie)
    await until(() => daemon.clients.size === 0)
  }
})

test('PLAIN says all at once, and has nothing to add', async () => {
  const passwords: string[] = []
  const server = {
    start: (message: string) => {
      passwords.push(message)
      return done()
    },
  }
  await using daemon = await new Asking('PLAIN LOGIN', server).listen()
  await (await daemon.connect({ credentials: { ...fred, password: '\u2168' } })).close()
  await (await daemon.connect({ credentials: { ...fred, authorizeAs: 'boss' } })).close()
  assert.deepEqual(passwords, ['\0fred\0\u2168', 'boss\0fred\0pencil'])
  await assert.rejects(daemon.connect({ credentials: { ...fred, password: 'a\0b' } }), /NUL/)
  server.start = () => more('what else?')
  await assert.rejects(daemon.connect({ credentials: fred }), isUntrustworthy)
  server.start = () => done('and this')
  await assert.rejects(daemon.connect({ credentials: fred }), isUntrustworthy)
})

test('a password is not sent where others can read it, unless that is said', async () => {
  await using daemon = await new Asking('PLAIN', { start: () => done() }).listen()
  const uri = 'test+tcp://host/default'
  let asked = 0
  const credentials = async () => {
    asked++
    return fred
  }
  for (const wanted of [uri, `${uri}?auth=sasl.plain`])
    await assert.rejects(
      daemon.at(wanted, { credentials }, inClear),
      /PLAIN would send the password.*sendPasswordInClear/,
    )
  const overTls = { ...inClear, encrypted: true }
  await assert.rejects(daemon.at(`${uri}?no_verify=1`, { credentials }, overTls), /PLAIN would send.*without no_verify/)
  await (await daemon.at(uri, { credentials }, overTls)).close()
  await (await daemon.at(uri, { credentials, sendPasswordInClear: true }, inClear)).close()
  assert.deepEqual(daemon.messages, ['\0fred\0pencil', '\0fred\0pencil'])
  assert.equal(asked, 2)
})

test('what this client does not speak is refused by name, with what the daemon offers', async () => {
  await using daemon = await new Asking('GSSAPI,DIGEST-MD5 ANONYMOUS, \u001b[31mred RED', {
    start: () => done(),
  }).listen()
  const outcome = async (uri: string) => {
    const error = await daemon.at(uri, { credentials: fred }).then(
      () => undefined,
      (error: LibvirtError) => error,
    )
    return error?.message
  }
  assert.match(
    (await outcome('test:///default')) ?? '',
    /^no SASL mechanism in common: the daemon offers GSSAPI, DIGEST-MD5, ANONYMOUS, RED; known here are SCRAM.*; ANONYMOUS only as auth=sasl\.ANONYMOUS$/,
  )
  assert.match((await outcome('test:///default?auth=sasl.gssapi')) ?? '', /no SASL mechanism GSSAPI here/)
  assert.match(
    (await outcome('test:///default?auth=sasl.plain')) ?? '',
    /no SASL mechanism PLAIN there: the daemon offers GSSAPI/,
  )
  assert.deepEqual(daemon.mechanisms, [])
  assert.equal(await outcome('test:///default?auth=sasl.anonymous'), undefined)
  assert.deepEqual(daemon.messages, ['stratolith'])
  await assert.rejects(daemon.at('test:///default'), isUnsupported)
})

test('`auth` in the URI is insisted on', async () => {
  await using daemon = await new FakeDaemon().listen()
  const at = (auth: string) =>
    connect(`test:///default?auth=${auth}`, { transport: unixTransport(daemon.path), credentials: fred })
  await assert.rejects(at('sasl'), /sasl was wanted, but the daemon's authentication is none/)
  await assert.rejects(at('polkit'), /polkit was wanted/)
  await assert.rejects(at('kerberos'), /unknown authentication kerberos/)
  await assert.rejects(at('sasl.'), /unknown authentication/)
  daemon.answers.authList = () => ({ types: [1, 2] })
  daemon.answers.authPolkit = () => ({ complete: 1 })
  await (await at('polkit')).close()
  daemon.answers.authList = () => ({ types: [7] })
  await assert.rejects(daemon.connect(), /not known here: number 7/)
})

test('polkit lets in, refuses, and may need a person', async () => {
  await using daemon = await new FakeDaemon().listen()
  daemon.answers.authList = () => ({ types: [2] })
  daemon.answers.authPolkit = () => ({ complete: 0 })
  await assert.rejects(daemon.connect(), isDenied)
  daemon.answers.authPolkit = () => {
    throw new Refusal(94, 'no agent')
  }
  await assert.rejects(daemon.connect(), (error: LibvirtError) => {
    assert.equal(error.message, 'polkit authentication: no agent')
    return error.isDenied()
  })
  daemon.answers.authPolkit = () => new Promise((resolve) => setTimeout(resolve, 300, { complete: 1 }))
  await (await daemon.connect({ timeoutMs: 100 })).close()
})

test('over a connection that is not encrypted a daemon that refuses is explained', async () => {
  await using daemon = await new Asking('', { start: () => done() }).listen()
  daemon.answers.authSaslInit = () => {
    throw new Refusal(45, 'authentication failed')
  }
  const failed = await daemon
    .at('test+tcp://host/default', {}, inClear)
    .catch((error: unknown) => error as LibvirtError)
  assert.match((failed as LibvirtError).message, /authentication failed.*security layer.*use TLS or SSH/)
  assert.ok(isDenied(failed as LibvirtError))
  await assert.rejects(daemon.connect(), (error: LibvirtError) => isDenied(error) && !/TLS/.test(error.message))
  daemon.answers.authSaslInit = () => ({ mechlist: 'GSSAPI' })
  await assert.rejects(daemon.at('test+tcp://host/default', {}, inClear), /daemon offers GSSAPI.*use TLS or SSH/)
})

test('who is asked for credentials is told for what, and may take the time that connecting has', async () => {
  await using daemon = await new Asking('SCRAM-SHA-256', new ScramServer('sha256')).listen()
  const questions: object[] = []
  const credentials = async ({ signal, ...question }: { signal: AbortSignal }) => {
    assert.equal(signal.aborted, false)
    questions.push(question)
    return fred
  }
  await (await daemon.at('test+tls://fred@there/default', { credentials })).close()
  await (await daemon.at('test:///default', { credentials })).close()
  await (await daemon.at('test+ssh://root@there/default', { credentials })).close()
  assert.deepEqual(questions, [
    { host: 'there', mechanism: 'SCRAM-SHA-256', user: 'fred' },
    { host: 'localhost', mechanism: 'SCRAM-SHA-256', user: undefined },
    { host: 'there', mechanism: 'SCRAM-SHA-256', user: undefined },
  ])
  const never = () => new Promise<Credentials>(() => {})
  await assert.rejects(daemon.connect({ credentials: never, connectTimeoutMs: 50 }), (error: LibvirtError) =>
    error.isTimeout(),
  )
  const given = new AbortController()
  const connecting = daemon.connect({ credentials: never, signal: given.signal })
  setTimeout(() => given.abort(new Error('enough')), 20)
  await assert.rejects(connecting, /enough/)
  await assert.rejects(
    daemon.connect({
      credentials: async () => {
        throw new Error('nobody at home')
      },
    }),
    /nobody at home/,
  )
  await until(() => daemon.clients.size === 0)
})

test('auth.conf answers for those who gave nothing; what it does not hold is asked for', async () => {
  await using daemon = await new Asking('SCRAM-SHA-256', new ScramServer('sha256')).listen()
  const file = join(folder, 'conf')
  const write = (set: string) => writeFileSync(file, `[auth-libvirt-there]\ncredentials=x\n[credentials-x]\n${set}\n`)
  const uri = `test+tls://there/default?authfile=${encodeURIComponent(file)}`
  write('authname=fred\npassword=pencil')
  await (await daemon.at(uri)).close()
  await (await daemon.at(uri.replace('there', 'fred@there'))).close()
  await assert.rejects(daemon.at(uri.replace('there', 'else@there')), /a password of else, and none was given/)
  await assert.rejects(daemon.at(uri.replace('there', 'elsewhere')), /none was given: .*conf names none for elsewhere/)
  await assert.rejects(daemon.at(uri, { credentials: { ...fred, password: 'other' } }), isDenied)
  write('authname=fred\npassword=wrong')
  await assert.rejects(daemon.at(uri), isDenied)
  write('authname=fred')
  await assert.rejects(daemon.at(uri), /a password of fred, and none was given: .*conf holds only a part/)
  await (
    await daemon.at(uri, {
      credentials: async ({ user }) => {
        assert.equal(user, 'fred')
        return fred
      },
    })
  ).close()
  await assert.rejects(
    daemon.at('test:///default'),
    /a password, and none was given: .*libvirt\/auth\.conf does not exist/,
  )
})

test('each reconnect proves anew who we are', async () => {
  await using daemon = await new Asking('SCRAM-SHA-256', new ScramServer('sha256')).listen()
  let asked = 0
  const credentials = async () => {
    asked++
    return fred
  }
  await using connection = await daemon.connect({ credentials, reconnect: { minDelayMs: 5, maxDelayMs: 20 } })
  assert.equal(asked, 1)
  await daemon.die()
  await until(() => connection.state === 'reconnecting')
  await daemon.listen()
  await until(() => connection.state === 'open')
  assert.equal(asked, 2)
  assert.equal(daemon.calls.filter((call) => call === 'authSaslStep').length, 2)
})
