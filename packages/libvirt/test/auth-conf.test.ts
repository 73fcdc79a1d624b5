/** libvirt's `auth.conf`: which file, which set, and what is wrong with it. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lookUp, parseAuthConf, readAuthConf } from '../src/auth/auth-conf.ts'
import { VIR_ERR_CONF_SYNTAX } from '../src/generated/constants.ts'
import type { LibvirtError } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'libvirt-auth-conf-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const fileOf = (name: string, text: string) => {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}
const conf = (user: string) =>
  `[auth-libvirt-default]\ncredentials=x\n[credentials-x]\nauthname=${user}\npassword=secret\n`

const example = `# comment
; another

[credentials-test]
authname=fred
password= 12=34#56 \t

[credentials-both]
authname=fred
username=boss
password=p

[credentials-esx]
username=joe
password=hello

[auth-libvirt-test1.example.com]
credentials=test
[auth-libvirt-fe80::1]
credentials=both
[auth-libvirt-default]
credentials=esx
[auth-esx-other.example.com]
credentials=test
`

test("a host's own set is taken, else the default one; values are kept as they stand", () => {
  for (const text of [example, example.replaceAll('\n', '\r\n')]) {
    const of = (host: string) => lookUp(parseAuthConf(text, 'f'), host, 'f')
    assert.deepEqual(of('test1.example.com'), { user: 'fred', password: ' 12=34#56 \t', authorizeAs: undefined })
    assert.deepEqual(of('fe80::1'), { user: 'fred', password: 'p', authorizeAs: 'boss' })
    assert.deepEqual(of('other.example.com'), { user: 'joe', password: 'hello', authorizeAs: undefined })
  }
  assert.equal(lookUp(parseAuthConf('', 'f'), 'host', 'f'), undefined)
})

test('a file that cannot be understood is refused by its line, without showing what stands there', () => {
  for (const [text, why] of [
    ['password=secret\n', /f:1: a key before the first group/],
    ['[a\npassword=secret', /f:1: neither a group/],
    ['[a]\n\nsecret\n', /f:3: neither a group/],
    ['[a]\nthe password=secret\n', /f:2: neither a group/],
    ['[a]\npassword=secret\npassword=secret\n', /f:3: the key password stands there twice/],
    ['[a]\n[a]\n', /f:2: this group stands there twice/],
  ] as const) {
    assert.throws(
      () => parseAuthConf(text, 'f'),
      (error: LibvirtError) =>
        error.code === VIR_ERR_CONF_SYNTAX && why.test(error.message) && !/secret/.test(error.message),
      text,
    )
  }
  assert.throws(() => lookUp(parseAuthConf('[auth-libvirt-h]\nx=1', 'f'), 'h', 'f'), /has no key credentials/)
  assert.throws(
    () => lookUp(parseAuthConf('[auth-libvirt-h]\ncredentials=x', 'f'), 'h', 'f'),
    /credentials-x, which is no group/,
  )
})

test("LIBVIRT_AUTH_FILE comes before the URI's authfile, both before the user's own file", async () => {
  const first = fileOf('first', conf('first'))
  const second = fileOf('second', conf('second'))
  fileOf('config/libvirt/auth.conf', conf('third'))
  fileOf('home/.config/libvirt/auth.conf', conf('fourth'))
  const environment = { XDG_CONFIG_HOME: join(folder, 'config'), HOME: join(folder, 'home') }
  const user = async (authFile?: string, more: Record<string, string> = {}) =>
    (await readAuthConf('h', authFile, { environment: { ...environment, ...more } })).kept.user
  assert.equal(await user(second, { LIBVIRT_AUTH_FILE: first }), 'first')
  assert.equal(await user(second), 'second')
  assert.equal(await user(), 'third')
  assert.equal(await user(undefined, { XDG_CONFIG_HOME: '' }), 'fourth')
})

test('a file that was named must be there; others may be missing, and the error will say which', async () => {
  const environment = { XDG_CONFIG_HOME: join(folder, 'nowhere') }
  await assert.rejects(
    readAuthConf('h', join(folder, 'missing'), { environment }),
    /cannot read the credentials in .*missing/,
  )
  const { kept, looked } = await readAuthConf('h', undefined, { environment })
  if (looked.includes('/etc/libvirt/auth.conf does not exist')) assert.deepEqual(kept, {})
  const empty = await readAuthConf('h', fileOf('empty', '\n'), { environment })
  assert.deepEqual(empty, { kept: {}, looked: `${join(folder, 'empty')} names none for h` })
})
