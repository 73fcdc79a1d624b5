import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { SettingError } from './config.ts'
import { findRunning, markRunning, openState, purgeState, readCloud } from './state.ts'

describe('a state directory', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stratolith-state-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const refused = (pattern: RegExp) => (error: Error) => error instanceof SettingError && pattern.test(error.message)
  const emulator = { emulator: true }
  const cloud = { url: 'http://127.0.0.1:5000', place: { host: '127.0.0.1', port: 5000 }, emulator: true }

  it('is the same cloud each time, with the same passwords', () => {
    const first = openState(dir, emulator)
    assert.match(first.cloudId, /^[0-9a-f]{8}$/)
    assert.deepEqual(openState(dir, emulator), first)
  })

  it('is refused where others keep files, but for settings', () => {
    writeFileSync(join(dir, 'stratolith.yaml'), 'region: Here\n')
    writeFileSync(join(dir, 'thesis.tex'), '')
    assert.throws(() => openState(dir, emulator), refused(/has other files \(thesis.tex\)/))
    rmSync(join(dir, 'thesis.tex'))
    openState(dir, emulator)
  })

  it('is refused where it is a file, or below one', () => {
    const file = join(dir, 'file')
    writeFileSync(file, '')
    for (const each of [file, join(file, 'below')])
      assert.throws(() => openState(each, emulator), refused(/not a directory/))
  })

  it('stays an emulator’s, or one with real guests', () => {
    openState(dir, emulator)
    assert.throws(() => openState(dir, { emulator: false }), refused(/add --emulator/))
  })

  it('says that a file of it is damaged', () => {
    openState(dir, emulator)
    writeFileSync(join(dir, 'cloud.json'), '')
    assert.throws(() => openState(dir, emulator), refused(/cloud.json is damaged/))
  })

  it('is one process’s at a time', () => {
    openState(dir, emulator)
    const mark = markRunning(dir, cloud)
    assert.equal(findRunning(dir)?.answers, false)
    assert.equal(markRunning(dir, cloud), undefined)
    mark?.answers()
    assert.equal(findRunning(dir)?.answers, true)
    mark?.remove()
    assert.equal(findRunning(dir), undefined)
  })

  it('is free when the process that had it is dead, also when another one has got its number', async () => {
    openState(dir, emulator)
    markRunning(dir, cloud)
    const file = join(dir, 'run.json')
    const mark = JSON.parse(readFileSync(file, 'utf8'))
    const sleeper = spawn('sleep', ['60'])
    try {
      writeFileSync(file, JSON.stringify({ ...mark, pid: sleeper.pid }))
      assert.equal(findRunning(dir), undefined)
    } finally {
      sleeper.kill()
    }
    assert.ok(markRunning(dir, cloud))
  })

  it('is purged of what is a cloud’s and of nothing else', () => {
    openState(dir, emulator)
    markRunning(dir, cloud)
    mkdirSync(join(dir, 'volumes/deep'), { recursive: true })
    writeFileSync(join(dir, 'passwords.json.new'), '')
    writeFileSync(join(dir, 'notes'), 'mine')
    assert.deepEqual(purgeState(dir), ['notes'])
    assert.deepEqual(readdirSync(dir), ['notes'])
    assert.equal(readCloud(dir), undefined)
  })
})
