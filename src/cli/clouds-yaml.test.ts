import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parse } from 'yaml'
import { mergeClouds, removeFromClouds, type OurClouds } from './clouds-yaml.ts'

/** A cloud with passwords of its own. */
const aCloud = (secret: string, port = 5000): OurClouds => ({
  authUrl: `http://127.0.0.1:${port}/identity/v3`,
  region: 'R',
  admin: { username: 'admin', password: `${secret}-a`, project: 'admin' },
  demo: { username: 'demo', password: `${secret}-d`, project: 'demo' },
})
const ours = aCloud('ours')

describe('clouds.yaml', () => {
  let home: string
  let state: string
  let file: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'stratolith-clouds-'))
    state = join(home, 'state')
    mkdirSync(state)
    file = join(home, 'openstack/clouds.yaml')
  })
  afterEach(() => rmSync(home, { recursive: true }))

  const write = (content: string) => {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  const clouds = () => parse(readFileSync(file, 'utf8')).clouds

  it('is made where there is none, for its owner only', () => {
    assert.deepEqual(mergeClouds(file, 'mine', ours, state), { name: 'mine', what: 'added' })
    assert.equal(clouds().mine.auth.username, 'admin')
    assert.equal(clouds()['mine-demo'].auth.username, 'demo')
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('keeps what others wrote, comments too', () => {
    write('# my clouds\nclouds:\n  work: # the big one\n    auth: {auth_url: https://work.example}\n')
    mergeClouds(file, 'mine', ours, state)
    const text = readFileSync(file, 'utf8')
    assert.match(text, /# my clouds/)
    assert.match(text, /# the big one/)
    assert.equal(clouds().work.auth.auth_url, 'https://work.example')
  })

  it('gets another name for our entries where that name is another cloud’s, the same at the next start', () => {
    write('clouds:\n  mine-demo:\n    auth: {auth_url: https://other.example}\n')
    assert.deepEqual(mergeClouds(file, 'mine', ours, state), { name: 'mine-2', what: 'added' })
    assert.deepEqual(clouds()['mine-demo'], { auth: { auth_url: 'https://other.example' } })
    const before = readFileSync(file, 'utf8')
    assert.deepEqual(mergeClouds(file, 'mine', ours, state), { name: 'mine-2', what: 'kept' })
    assert.equal(readFileSync(file, 'utf8'), before)
  })

  it('has our entries follow when the cloud moves to another port, with what the user added to them', () => {
    mergeClouds(file, 'mine', ours, state)
    writeFileSync(file, readFileSync(file, 'utf8').replace('region_name: R', 'region_name: R\n    verify: false'))
    assert.deepEqual(mergeClouds(file, 'mine', aCloud('ours', 5001), state), { name: 'mine', what: 'moved' })
    assert.equal(clouds().mine.auth.auth_url, 'http://127.0.0.1:5001/identity/v3')
    assert.equal(clouds().mine.verify, false)
  })

  it('keeps a password that the user has changed', () => {
    mergeClouds(file, 'mine', ours, state)
    writeFileSync(file, readFileSync(file, 'utf8').replace('ours-d', 'changed'))
    assert.deepEqual(mergeClouds(file, 'mine', ours, state), { name: 'mine', what: 'kept' })
    assert.equal(clouds()['mine-demo'].auth.password, 'changed')
  })

  it('stays a link where it is one, also to a file that is not there yet', () => {
    mkdirSync(dirname(file))
    symlinkSync('../dotfiles-clouds.yaml', file)
    mergeClouds(file, 'mine', ours, state)
    assert.ok(lstatSync(file).isSymbolicLink())
    assert.match(readFileSync(join(home, 'dotfiles-clouds.yaml'), 'utf8'), /mine-demo/)
  })

  it('loses our entries and no others when the cloud is purged', () => {
    write('# my clouds\nclouds:\n  mine:\n    auth: {auth_url: https://other.example}\n')
    mergeClouds(file, 'mine', ours, state)
    assert.equal(removeFromClouds(state, ours), file)
    assert.deepEqual(clouds(), { mine: { auth: { auth_url: 'https://other.example' } } })
    assert.match(readFileSync(file, 'utf8'), /# my clouds/)
    assert.equal(removeFromClouds(state, ours), undefined)
  })

  it('goes away when nothing but our entries was in it', () => {
    mergeClouds(file, 'mine', ours, state)
    removeFromClouds(state, ours)
    assert.ok(!existsSync(file))
  })

  it('is left alone when it is not one', () => {
    for (const [content, complaint] of [
      ['clouds: [unclosed\n', /not valid YAML/],
      ['- a\n', /not a mapping/],
      ['clouds: [a]\n', /not a mapping/],
    ] as const) {
      write(content)
      assert.throws(() => mergeClouds(file, 'mine', ours, state), complaint)
      assert.equal(readFileSync(file, 'utf8'), content)
    }
  })
})
