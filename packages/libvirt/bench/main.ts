/**
 * `npm run bench`: this client beside a C program on libvirt's own library, the same calls to the same daemon in turn.
 * One JSON line a figure: what, value, unit, and the goal. The ratios hold on a busy machine too, the rest only on an
 * idle one. The daemon is one of its own, with the test driver and a pool in memory.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { OwnDaemon } from '../test/own-daemon.ts'
import { callsBesideC, friendlyBesideRaw } from './calls.ts'
import { compilePeer, Peer } from './peer.ts'
import { loading } from './loading.ts'
import { volumes } from './volumes.ts'

const GUESTS = 50

// Ours is one thread and the C program up to four: what else wants the processors takes more from one than from four.
const [load = 0] = loadavg()
if (load > availableParallelism() / 2)
  console.error(`this machine is busy (load ${load.toFixed(1)}): look at ratios only`)

const missing = OwnDaemon.unavailable()
if (missing === false) await withDaemon()
else console.error(`left out, all that needs a daemon: ${missing}`)
await loading()

async function withDaemon(): Promise<void> {
  // What is measured is not a disk.
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'libvirt-bench-'))
  try {
    await chmod(folder, 0o777)
    const compiled = compilePeer(folder)
    if (typeof compiled === 'string') console.error(`left out, all that is measured beside C: ${compiled}`)
    const program = typeof compiled === 'string' ? undefined : compiled.program
    await using daemon = await new OwnDaemon().start()
    await guests(daemon, program)
    await using connection = await daemon.connect('storage:///session')
    await using peer = program && new Peer(program, `storage+unix:///session?socket=${daemon.path}`)
    await volumes(connection, folder, peer || undefined)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function guests(daemon: OwnDaemon, program: string | undefined): Promise<void> {
  await using connection = await daemon.connect('test:///default')
  const { domains } = connection
  for (let count = (await domains.listAll()).length; count < GUESTS; count++) {
    const name = `bench-${count}`
    await domains.defineXml(
      `<domain type='test'><name>${name}</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`,
    )
  }
  const domain = await domains.lookupByName('test')
  await friendlyBesideRaw(connection, domain)
  if (program === undefined) return
  await using peer = new Peer(program, `test+unix:///default?socket=${daemon.path}`, 'test')
  await callsBesideC(connection, domain, peer)
}
