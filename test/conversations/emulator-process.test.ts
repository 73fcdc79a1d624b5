/** The emulator as its users run it: comes up, greets, is found by status, survives a restart with its guests, goes down. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { freePort, startCloud } from '../support/cloud-process.ts'

const program = join(import.meta.dirname, '../../src/main.ts')

describe('the emulator as a program', () => {
  let state: string
  let port: number
  const stratolith = async (...args: string[]) =>
    await promisify(execFile)(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      program,
      ...args,
      '--emulator',
      ...(args.includes('--state') ? [] : ['--state', state]),
    ]).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
    )

  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'st-emu-'))
    await chmod(state, 0o711)
    port = await freePort()
  })
  after(() => rm(state, { recursive: true, force: true }))

  it('shows the boot of its first server step by step, and keeps passwords to its owner', async () => {
    const cloud = await startCloud(state, port, [
      '--emulator',
      '--clouds-yaml',
      join(state, 'clouds.yaml'),
      '--hello',
      'yes',
    ])
    try {
      const said = cloud.said()
      for (const line of [
        'every API answers',
        'request accepted',
        'boot: claim host',
        'boot: power on',
        'server is ACTIVE',
      ]) {
        assert.ok(said.includes(line), `"${line}" is not in:\n${said}`)
      }
      assert.equal((await stat(join(state, 'passwords.json'))).mode & 0o777, 0o600)
      const shown = await stratolith('status', '--json')
      assert.equal(shown.code, 0)
      const { servers, volumes, hosts } = JSON.parse(shown.stdout)
      assert.deepEqual([servers[0].name, servers[0].status, volumes[0].status], ['hello', 'ACTIVE', 'in-use'])
      assert.equal(hosts[0].vcpus.split(' ')[0], '1')
    } finally {
      await cloud.stop()
    }
  })

  it('finds its server again, makes no second one, and refuses to run twice on one directory', async () => {
    const cloud = await startCloud(state, port, ['--emulator', '--clouds-yaml', 'none', '--hello', 'yes'])
    try {
      assert.match(cloud.said(), /server hello: ACTIVE at 172\.24\./)
      const second = await stratolith('up', '--listen', '127.0.0.1:0', '--clouds-yaml', 'none')
      assert.equal(second.code, 1)
      assert.match(second.stdout, /A cloud runs on .* already/)
    } finally {
      await cloud.stop()
    }
  })

  it('is down before it has come up when it is asked to stop, and comes up the next time', async () => {
    for (const moment of ['Stratolith', 'every API answers', 'boot: claim host']) {
      const fresh = await mkdtemp(join(tmpdir(), 'st-emu-'))
      await chmod(fresh, 0o711)
      try {
        const settings = ['--emulator', '--clouds-yaml', 'none', '--state', fresh, '--listen', `127.0.0.1:${port}`]
        const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'up', ...settings])
        let said = ''
        child.stderr.on('data', (chunk: Buffer) => (said += chunk))
        child.stdout.on('data', (chunk: Buffer) => {
          if (!said.includes(moment) && (said + chunk).includes(moment)) child.kill('SIGINT')
          said += chunk
        })
        const [code] = await once(child, 'exit')
        assert.equal(code, 0, `${moment}: ${said}`)
        assert.doesNotMatch(said, /It did not come up|Try next/, moment)
        assert.equal((await stratolith('status', '--state', fresh)).code, 1)
        const again = await startCloud(fresh, port, ['--emulator', '--clouds-yaml', 'none'])
        await again.stop()
      } finally {
        await rm(fresh, { recursive: true, force: true })
      }
    }
  })

  it('comes up and is found by status where it speaks TLS with a certificate that nobody has signed', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'st-emu-'))
    await chmod(fresh, 0o711)
    const [cert, key, clouds] = ['cert.pem', 'key.pem', 'clouds.yaml'].map((name) => join(fresh, name))
    const cloud = join(fresh, 'cloud')
    try {
      const certificate = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=elsewhere']
      await promisify(execFile)('openssl', [...certificate, '-keyout', key!, '-out', cert!])
      const settings = ['--emulator', '--clouds-yaml', clouds!, '--state', cloud, '--listen', `127.0.0.1:${port}`]
      const tls = ['--tls-cert', cert!, '--tls-key', key!]
      const quiet = '--disable-warning=ExperimentalWarning'
      const child = spawn(process.execPath, [quiet, program, 'up', ...settings, ...tls])
      let said = ''
      const ended = once(child, 'exit')
      try {
        for await (const chunk of child.stdout) {
          said += chunk
          if (said.includes('Try next')) break
        }
        assert.match(said, /server is ACTIVE/)
        assert.match(await readFile(clouds!, 'utf8'), new RegExp(`cacert: ${cert}`))
        assert.equal((await stratolith('status', '--state', cloud)).code, 0)
      } finally {
        child.kill('SIGTERM')
        await ended
      }
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
  })

  it('purges no directory that is not a cloud’s', async () => {
    const foreign = await mkdtemp(join(tmpdir(), 'st-emu-'))
    try {
      await writeFile(join(foreign, 'thesis.tex'), 'precious')
      assert.equal((await stratolith('down', '--purge', '--state', foreign)).code, 2)
      assert.equal(await readFile(join(foreign, 'thesis.tex'), 'utf8'), 'precious')
    } finally {
      await rm(foreign, { recursive: true })
    }
  })

  it('says with its exit status that nothing runs, and goes down with its data', async () => {
    assert.equal((await stratolith('status')).code, 1)
    assert.equal((await stratolith('doctor', '--json', '--listen', `127.0.0.1:${port}`)).code, 0)
    assert.equal((await stratolith('down', '--purge')).code, 0)
    await assert.rejects(stat(state))
  })
})
