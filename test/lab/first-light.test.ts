/**
 * What a user does, with the user's own tools: the `openstack` client against a cloud with real guests. Read it downwards;
 * each step needs those before it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cleanSlate } from '../support/clean-slate.ts'
import { type CloudProcess, freePort, startCloud } from '../support/cloud-process.ts'
import { labMissing, tinyImage } from '../support/lab.ts'

const run = promisify(execFile)
const missing =
  labMissing('lab') ?? (existsSync('/usr/bin/openstack') ? undefined : 'needs the package python3-openstackclient')
const READY_MS = 180_000

describe('a user with the openstack client', { skip: missing ?? false }, () => {
  let dir: string
  let state: string
  let cloud: CloudProcess
  let port: number
  const addresses: Record<string, string> = {}

  /** Runs `openstack` as the demo user (or as `who`), answering parsed JSON where it prints some. */
  // biome-ignore lint/suspicious/noExplicitAny: each step knows what it asked for
  const openstack = async (args: string[], who = 'lab-demo'): Promise<any> => {
    const quietly =
      /^(delete|add|remove|set|unset|stop|start|reboot)$/.test(args[1] ?? '') ||
      args.includes('delete') ||
      args.includes('set') ||
      args.slice(0, 2).join(' ') === 'console log'
    const { stdout } = await run('openstack', ['--os-cloud', who, ...args, ...(quietly ? [] : ['-f', 'json'])], {
      env: { ...process.env, OS_CLIENT_CONFIG_FILE: join(dir, 'clouds.yaml'), HOME: dir, PYTHONWARNINGS: 'ignore' },
      maxBuffer: 16 << 20,
    }).catch((error: Error & { stderr?: string }) => {
      throw new Error(`openstack ${args.join(' ')}: ${error.stderr || error.message}`)
    })
    return quietly || stdout.trim() === '' ? stdout : JSON.parse(stdout)
  }
  const consoleOf = async (server: string) =>
    String(await openstack(['console', 'log', 'show', server])).replaceAll('\r', '')
  const untilConsole = async (server: string, pattern: RegExp): Promise<RegExpExecArray> => {
    const deadline = Date.now() + READY_MS
    for (;;) {
      const log = await consoleOf(server)
      const found = pattern.exec(log)
      if (found !== null) return found
      assert.ok(Date.now() < deadline, `${server} never said ${pattern}; its console ends:\n${log.slice(-1500)}`)
      await sleep(1000)
    }
  }
  const ssh = async (server: string, command: string): Promise<string> => {
    const options = [
      '-i',
      join(dir, 'key'),
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
      '-o',
      'ConnectTimeout=20',
      '-o',
      'BatchMode=yes',
    ]
    return (await run('ssh', [...options, `root@${addresses[server]}`, command], { timeout: 60_000 })).stdout
  }
  const pings = (from: string, to: string) =>
    ssh(from, `ping -c 2 -W 3 ${addresses[to]} >/dev/null && echo yes || echo no`).then(
      (answer) => answer.trim() === 'yes',
    )
  const create = async (name: string, ...args: string[]) => {
    const server = await openstack([
      'server',
      'create',
      '--flavor',
      'tiny',
      '--image',
      'tiny',
      '--key-name',
      'lab',
      ...args,
      '--wait',
      name,
    ]).catch(async (cause: Error) => {
      const { status, fault } = await openstack(['server', 'show', name])
      throw new Error(`${name} is ${status}: ${JSON.stringify(fault)}`, { cause })
    })
    assert.equal(server.status, 'ACTIVE')
    addresses[name] = Object.values(server.addresses as Record<string, string[]>)
      .flat()
      .find((each) => /^\d+\./.test(each))!
  }

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'st-lab-'))
    await chmod(dir, 0o711)
    state = join(dir, 's')
    await run('mkdir', ['-m', '711', state])
    await copyFile(await tinyImage(), join(state, 'tiny.qcow2'))
    port = await freePort()
    cloud = await startCloud(state, port, ['--clouds-yaml', join(dir, 'clouds.yaml'), '--cloud-name', 'lab'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'key')])
  })
  after(async () => {
    await cloud?.stop()
    await run(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, '../../src/main.ts'),
      'down',
      '--purge',
      '--state',
      state,
    ]).finally(() => rm(dir, { recursive: true, force: true }))
  })

  it('makes a keypair, a security group, a volume and a network', async () => {
    await openstack(['keypair', 'create', '--public-key', join(dir, 'key.pub'), 'lab'])
    await openstack(['security', 'group', 'create', 'open'])
    await openstack(['security', 'group', 'rule', 'create', '--protocol', 'tcp', '--dst-port', '22', 'open'])
    await openstack(['security', 'group', 'rule', 'create', '--protocol', 'icmp', 'open'])
    const volume = await openstack(['volume', 'create', '--size', '1', 'data'])
    assert.equal(volume.size, 1)
    await openstack(['network', 'create', 'other'])
    await openstack(['subnet', 'create', '--network', 'other', '--subnet-range', '10.7.0.0/24', 'other4'])
  })

  it('boots a server with user data that learns its name and key from the metadata service', async () => {
    await writeFile(join(dir, 'user-data'), '#!/bin/sh\necho "hello from user data on $(hostname)"\n')
    await create('one', '--network', 'public', '--security-group', 'open', '--user-data', join(dir, 'user-data'))
    const [, ip] = await untilConsole('one', /tiny: dhcp eth0 ip=([\d.]+)\//)
    assert.equal(ip, addresses.one)
    await untilConsole('one', /tiny: datasource: metadata service uuid=\S+ name=one keys=1/)
    await untilConsole('one', /tiny: user-data: hello from user data on one/)
  })

  it('logs in with the key, and finds a volume as a disk when it is attached', async () => {
    assert.equal((await ssh('one', 'hostname')).trim(), 'one')
    await openstack(['server', 'add', 'volume', 'one', 'data'])
    await untilConsole('one', /tiny: disk added: vdb size=1073741824/)
    await ssh(
      'one',
      'mke2fs -q /dev/vdb && mkdir -p /mnt/x && mount /dev/vdb /mnt/x && echo kept > /mnt/x/file && umount /mnt/x',
    )
    assert.equal((await openstack(['volume', 'show', 'data'])).status, 'in-use')
  })

  it('lets go of the volume, and finds its content again', async () => {
    await openstack(['server', 'remove', 'volume', 'one', 'data'])
    await untilConsole('one', /tiny: disk removed: vdb/)
    const deadline = Date.now() + 30_000
    while ((await openstack(['volume', 'show', 'data'])).status !== 'available')
      assert.ok(Date.now() < deadline, 'the volume does not become available')
    await openstack(['server', 'add', 'volume', 'one', 'data'])
    const deadline2 = Date.now() + 30_000
    while (!(await ssh('one', 'ls /dev')).includes('vdb')) assert.ok(Date.now() < deadline2, 'no vdb')
    assert.equal(
      (await ssh('one', 'mkdir -p /mnt/x && mount /dev/vdb /mnt/x && cat /mnt/x/file && umount /mnt/x')).trim(),
      'kept',
    )
  })

  it('boots a second server from a config drive with an injected file', async () => {
    await writeFile(join(dir, 'motd'), 'injected\n')
    await create(
      'two',
      '--network',
      'public',
      '--security-group',
      'open',
      '--config-drive',
      'True',
      '--file',
      `/etc/motd2=${join(dir, 'motd')}`,
    )
    await untilConsole('two', /tiny: datasource: config drive \/dev\/\w+ uuid=\S+ name=two keys=1/)
    await untilConsole('two', /tiny: file written: \/etc\/motd2/)
    await untilConsole('two', /ready after/)
    assert.equal((await ssh('two', 'cat /etc/motd2')).trim(), 'injected')
  })

  it('pings the second server, but neither one in another network nor one that its rules shut off', async () => {
    await create('shut', '--network', 'public')
    await create('far', '--network', 'other', '--security-group', 'open')
    await untilConsole('shut', /ready after/)
    await untilConsole('far', /ready after/)
    assert.equal(await pings('one', 'two'), true)
    assert.equal(await pings('one', 'shut'), false)
    assert.equal(await pings('one', 'far'), false)
  })

  it('opens a guest that runs with a group, and shuts it again', async () => {
    await openstack(['server', 'add', 'security', 'group', 'shut', 'open'])
    assert.equal(await pings('one', 'shut'), true)
    await openstack(['server', 'remove', 'security', 'group', 'shut', 'open'])
    assert.equal(await pings('one', 'shut'), false)
  })

  it('sees a guest that shuts itself down, and starts it again', async () => {
    await ssh('two', 'poweroff').catch(() => undefined)
    const deadline = Date.now() + 60_000
    while ((await openstack(['server', 'show', 'two'])).status !== 'SHUTOFF')
      assert.ok(Date.now() < deadline, 'two is not seen to be off')
    await openstack(['server', 'start', 'two'])
    const later = Date.now() + 60_000
    while ((await openstack(['server', 'show', 'two'])).status !== 'ACTIVE')
      assert.ok(Date.now() < later, 'two does not start')
  })

  it('finds everything as it was after the control plane was killed', async () => {
    await cloud.kill()
    cloud = await startCloud(state, port, ['--clouds-yaml', join(dir, 'clouds.yaml'), '--cloud-name', 'lab'])
    assert.equal((await openstack(['server', 'show', 'one'])).status, 'ACTIVE')
    assert.equal((await ssh('one', 'hostname')).trim(), 'one')
  })

  it('deletes everything, and leaves nothing', async () => {
    await openstack(['server', 'delete', '--wait', 'one', 'two', 'shut', 'far'])
    await openstack(['volume', 'delete', 'data'])
    await openstack(['network', 'delete', 'other'])
    await cleanSlate(state, cloud.url)
  })
})
