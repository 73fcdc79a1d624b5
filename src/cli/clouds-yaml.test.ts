import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { mergeClouds } from './clouds-yaml.ts'

const entry = {
  auth_url: 'http://127.0.0.1:5000/identity/v3',
  username: 'demo',
  password: 's',
  project_name: 'demo',
  region: 'R',
}
const aFile = (content?: string) => {
  const file = join(mkdtempSync(join(tmpdir(), 'stratolith-clouds-')), 'openstack/clouds.yaml')
  if (content !== undefined) {
    mergeClouds(file, {})
    mergeClouds(file, { seed: entry })
    writeFileSync(file, content)
  }
  return file
}

describe('clouds.yaml', () => {
  it('is made where there is none, for its owner only', () => {
    const file = aFile()
    assert.deepEqual(mergeClouds(file, { mine: entry }), { mine: 'added' })
    assert.equal(parse(readFileSync(file, 'utf8')).clouds.mine.auth.username, 'demo')
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('keeps what others wrote, comments too', () => {
    const file = aFile('# my clouds\nclouds:\n  work: # the big one\n    auth: {auth_url: https://work.example}\n')
    mergeClouds(file, { mine: entry })
    const text = readFileSync(file, 'utf8')
    assert.match(text, /# my clouds/)
    assert.match(text, /# the big one/)
    assert.equal(parse(text).clouds.work.auth.auth_url, 'https://work.example')
  })

  it('never overwrites an entry of the same name, and changes nothing when it is the same', () => {
    const file = aFile('clouds:\n  mine:\n    auth: {auth_url: https://other.example}\n')
    assert.deepEqual(mergeClouds(file, { mine: entry, second: entry }), { mine: 'taken', second: 'added' })
    assert.equal(parse(readFileSync(file, 'utf8')).clouds.mine.auth.auth_url, 'https://other.example')
    const before = readFileSync(file, 'utf8')
    assert.deepEqual(mergeClouds(file, { second: entry }), { second: 'kept' })
    assert.equal(readFileSync(file, 'utf8'), before)
  })

  it('is left alone when it is not valid', () => {
    const file = aFile('clouds: [unclosed\n')
    assert.throws(() => mergeClouds(file, { mine: entry }), /not valid YAML/)
    assert.equal(readFileSync(file, 'utf8'), 'clouds: [unclosed\n')
  })
})
