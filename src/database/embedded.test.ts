import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { needsRootAnd } from '../../test/support/needs-root.ts'
import { openDatabase } from './database.ts'
import { endLeftServer, startEmbeddedPostgres } from './embedded.ts'
import { folderClosedTo, giveTo, NOBODY, OWN_USER, ownAccount } from './server-account.ts'
import { serverBinaries } from './server-binaries.ts'

describe('the embedded PostgreSQL', { skip: needsRootAnd('useradd') }, () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-embedded-'))
    chmodSync(dir, 0o711)
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const uidOfProcess = (pid: number) => Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

  it('runs as a user of its own, who owns the cluster and not the folder around it', async () => {
    await using postgres = await startEmbeddedPostgres({ dir: join(dir, 'pg') })
    const passwd = readFileSync('/etc/passwd', 'utf8')
    const own = passwd.split('\n').find((line) => line.startsWith(`${OWN_USER}:`))
    assert.match(own ?? '', /^stratolith-postgres:x:(\d+):\d+:.*:\/usr\/sbin\/nologin$/)
    assert.equal(uidOfProcess(postgres.pid), Number(own?.split(':')[2]))
    assert.equal(statSync(join(dir, 'pg')).uid, 0)
    assert.equal(statSync(join(dir, 'pg/data')).uid, uidOfProcess(postgres.pid))
  })

  it('keeps what an earlier version, which ran as nobody, had written', async () => {
    const keep = async (careless: boolean, sentence: string) => {
      await using postgres = await startEmbeddedPostgres({ dir: join(dir, 'pg'), careless })
      const sql = openDatabase(postgres.url, { maxConnections: 1 })
      try {
        return { uid: uidOfProcess(postgres.pid), rows: await sql.unsafe(sentence) }
      } finally {
        await sql.end()
      }
    }
    const before = await keep(true, 'create table kept as select 42 as answer')
    // That is how it lay there.
    chownSync(join(dir, 'pg'), NOBODY.uid, NOBODY.gid)
    chmodSync(join(dir, 'pg'), 0o700)
    const after = await keep(false, 'select answer from kept')
    assert.equal(before.uid, NOBODY.uid)
    assert.equal(after.uid, ownAccount().account.uid)
    assert.deepEqual([...after.rows], [{ answer: 42 }])
    assert.equal(statSync(join(dir, 'pg')).uid, 0)
  })

  it('has ended also where its parent takes no note of that', async () => {
    const data = join(dir, 'pg/data')
    mkdirSync(data, { recursive: true })
    const negligent = `const server = require('node:child_process').spawn('sleep', ['60'], { argv0: process.argv[1] })
      require('node:fs').writeSync(1, String(server.pid))
      process.kill(process.pid, 'SIGSTOP')`
    const parent = spawn(process.execPath, ['-e', negligent, data], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [pid] = await once(parent.stdout, 'data')
      writeFileSync(join(data, 'postmaster.pid'), `${pid}\n`)
      await endLeftServer(join(dir, 'pg'))
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^State:\s+Z/m)
    } finally {
      parent.kill('SIGKILL')
      await once(parent, 'exit')
    }
  })

  it('says which folder keeps its user out, and what to do', async () => {
    chmodSync(dir, 0o700)
    await assert.rejects(startEmbeddedPostgres({ dir: join(dir, 'pg') }), (error: Error) =>
      error.message.includes(`chmod o+x ${dir}`),
    )
  })

  it('falls back to nobody, and says why, where no user can be made', () => {
    const { account, insteadBecause } = ownAccount('not:a-name')
    assert.deepEqual(account, NOBODY)
    assert.match(insteadBecause ?? '', /the user not:a-name could not be made: .*invalid/)
  })

  it('copies its programs where its user gets at them when the clone lies in a closed place, once', async () => {
    const native = join(dir, 'package/native')
    for (const part of ['bin', 'lib', 'share']) mkdirSync(join(native, part), { recursive: true })
    writeFileSync(join(dir, 'package/package.json'), '{"version": "18.4"}')
    writeFileSync(join(native, 'bin/postgres'), '#!/bin/sh\necho it runs\n', { mode: 0o700 })
    writeFileSync(join(native, 'lib/libpq.so.5.18'), 'library', { mode: 0o600 })
    symlinkSync('libpq.so.5.18', join(native, 'lib/libpq.so.5'))
    const target = join(dir, 'pg')
    mkdirSync(join(target, 'server-17.1'), { recursive: true })
    assert.equal(await serverBinaries(target, NOBODY, native), join(native, 'bin'))

    chmodSync(join(dir, 'package'), 0o700)
    const bin = await serverBinaries(target, NOBODY, native)
    assert.equal(bin, join(target, 'server-18.4/bin'))
    const ran = spawnSync(join(bin, 'postgres'), { ...NOBODY, encoding: 'utf8' })
    assert.equal(ran.stdout, 'it runs\n', ran.stderr || ran.error?.message)
    assert.equal(readFileSync(join(bin, '../lib/libpq.so.5'), 'utf8'), 'library')
    assert.ok(lstatSync(join(bin, '../lib/libpq.so.5')).isSymbolicLink())
    assert.equal(statSync(join(target, 'server-17.1'), { throwIfNoEntry: false }), undefined)
    const { ino } = statSync(bin)
    await serverBinaries(target, NOBODY, native)
    assert.equal(statSync(bin).ino, ino)
  })

  it('gives a folder to its user whole, following no link out of it', () => {
    writeFileSync(join(dir, 'outside'), '')
    mkdirSync(join(dir, 'data/base'), { recursive: true })
    writeFileSync(join(dir, 'data/base/1'), '')
    symlinkSync(join(dir, 'outside'), join(dir, 'data/link'))
    giveTo(NOBODY, join(dir, 'data'))
    for (const path of ['data', 'data/base', 'data/base/1', 'data/link'])
      assert.equal(lstatSync(join(dir, path)).uid, NOBODY.uid, path)
    assert.equal(statSync(join(dir, 'outside')).uid, 0)
  })

  it('finds the first folder that is closed, by the bits of owner, group or others', () => {
    const inner = join(dir, 'inner')
    mkdirSync(inner, { mode: 0o700 })
    assert.equal(folderClosedTo(NOBODY, inner), inner)
    chownSync(inner, NOBODY.uid, 0)
    assert.equal(folderClosedTo(NOBODY, inner), undefined)
    chownSync(inner, 0, NOBODY.gid)
    assert.equal(folderClosedTo(NOBODY, inner), inner)
    chmodSync(inner, 0o710)
    assert.equal(folderClosedTo(NOBODY, inner), undefined)
  })
})
