/** `stratolith doctor`: what this host can and cannot, each finding with its remedy. Changes nothing. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
// The bootstrap's own list, so that the two cannot differ.
import { installCommand, isDebianFamily, missingPackages } from '../../bin/host-packages.js'
import { doubtsAbout, readOsRelease } from '../../bin/os-release.js'
import { libvirtAnswers } from '../agent/libvirt/daemon.ts'
import { kvmWorks } from '../agent/libvirt/kvm.ts'
import type { Config } from '../config.ts'
import { NOBODY, OWN_USER } from '../database/server-account.ts'
import { findRunning, readCloud } from '../state.ts'
import { listenProblem } from './listen-problem.ts'
import { directoryOf } from './machine.ts'
import { bold, count, dim, green, red, say, yellow } from './terminal.ts'

const run = promisify(execFile)

interface Finding {
  readonly check: string
  readonly level: 'ok' | 'warning' | 'error'
  readonly found: string
  readonly remedy?: string
}

export async function doctor(config: Config, { json }: { json: boolean }): Promise<number> {
  const findings: Finding[] = []
  for (const check of (readCloud(config.state)?.emulator ?? config.emulator)
    ? [node, memory, disk, port]
    : [node, system, root, packages, processor, libvirt, postgres, memory, disk, port, modules, firewall, leftovers]) {
    findings.push(...[await check(config)].flat())
  }
  if (json) say(JSON.stringify(findings, null, 2))
  else draw(findings)
  if (findings.some(({ level }) => level === 'error')) return 2
  return findings.some(({ level }) => level === 'warning') ? 1 : 0
}

type Check = (config: Config) => Finding | Finding[] | Promise<Finding | Finding[]>

const node: Check = () => ({ check: 'Node.js', level: 'ok', found: process.version })

const system: Check = () => {
  const os = readOsRelease()
  const doubts = doubtsAbout(os)
  return doubts === undefined
    ? { check: 'system', level: 'ok', found: os.name }
    : { check: 'system', level: 'warning', found: doubts, remedy: 'it may work; the emulator works anywhere' }
}

const root: Check = () =>
  process.getuid?.() === 0
    ? { check: 'root', level: 'ok', found: 'yes' }
    : {
        check: 'root',
        level: 'error',
        found: 'no',
        remedy: 'run with sudo: bridges, taps and rules are made on this machine; the emulator needs no root',
      }

const packages: Check = () => {
  const missing = missingPackages().map(([name]) => name!)
  if (missing.length === 0) return { check: 'packages', level: 'ok', found: 'all there' }
  const remedy = isDebianFamily() ? installCommand(missing) : 'install what your distribution calls them'
  return { check: 'packages', level: 'error', found: `missing: ${missing.join(', ')}`, remedy }
}

const processor: Check = async () => {
  const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? []
  const capable = flags.includes('vmx') || flags.includes('svm')
  if (!existsSync('/dev/kvm')) {
    return {
      check: 'KVM',
      level: 'warning',
      found: capable
        ? '/dev/kvm is missing though the processor can: guests run on an emulated one, about ten times slower'
        : 'this processor (or virtual machine) offers none: guests run on an emulated one, about ten times slower',
      remedy: capable
        ? 'modprobe kvm_intel (or kvm_amd); else turn virtualization on in the firmware'
        : 'turn virtualization on in the firmware, or nested virtualization where this is a guest itself',
    }
  }
  const works = await kvmWorks()
  return works.ok
    ? { check: 'KVM', level: 'ok', found: 'present and working' }
    : {
        check: 'KVM',
        level: 'warning',
        found: `/dev/kvm is there but does not work (${works.reason}): guests run on an emulated processor`,
        remedy: 'where this machine is a guest itself, turn nested virtualization on in its host',
      }
}

const libvirt: Check = async () =>
  (await libvirtAnswers())
    ? { check: 'libvirt', level: 'ok', found: 'answers' }
    : existsSync('/usr/sbin/libvirtd') || existsSync('/usr/sbin/virtqemud')
      ? { check: 'libvirt', level: 'ok', found: 'installed, does not run now; `up` starts it' }
      : { check: 'libvirt', level: 'error', found: 'not installed', remedy: 'see packages' }

/** Whom the embedded server runs as; `up` makes the user where it can. */
const postgres: Check = (config) => {
  if (config.databaseUrl !== '') return { check: 'database', level: 'ok', found: 'a PostgreSQL of yours' }
  const owner = statSync(join(config.state, 'postgres/data'), { throwIfNoEntry: false })?.uid
  if (owner !== NOBODY.uid) return { check: 'database', level: 'ok', found: 'PostgreSQL of our own' }
  return {
    check: 'database',
    level: 'warning',
    found: 'PostgreSQL of our own runs as nobody, whom other services of this host may run as too',
    remedy: `useradd --system --user-group --shell /usr/sbin/nologin ${OWN_USER}, then start the cloud again`,
  }
}

const memory: Check = () => {
  const gib = totalmem() / 2 ** 30
  const found = `${gib.toFixed(1)} GiB, ${cpus().length} processors`
  return gib < 1.5
    ? {
        check: 'memory',
        level: 'warning',
        found,
        remedy: 'the control plane takes 0.3 GiB; the rest is what guests can have',
      }
    : { check: 'memory', level: 'ok', found }
}

const disk: Check = async (config) => {
  let folder = config.state
  while (!existsSync(folder)) folder = dirname(folder)
  if (!statSync(folder).isDirectory())
    return {
      check: 'disk',
      level: 'error',
      found: `${folder} is not a directory`,
      remedy: '--state DIR chooses another',
    }
  const { bavail, bsize } = await statfs(folder)
  const gib = (bavail * bsize) / 2 ** 30
  const found = `${gib.toFixed(0)} GiB free at ${folder}`
  if (gib < 2)
    return { check: 'disk', level: 'error', found, remedy: 'free some, or choose another place with --state DIR' }
  return gib < 10
    ? { check: 'disk', level: 'warning', found, remedy: 'enough to try; images and volumes will want more' }
    : { check: 'disk', level: 'ok', found }
}

const port: Check = async (config) => {
  const running = findRunning(config.state)
  if (running !== undefined) return { check: 'port', level: 'ok', found: `${running.url} is this cloud's own` }
  const problem = await listenProblem(config.listen)
  if (problem === undefined)
    return { check: 'port', level: 'ok', found: `${config.listen.host}:${config.listen.port} is free` }
  return { check: 'port', level: 'error', ...problem }
}

const modules: Check = async () => {
  const there = existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables')
  if (there) return { check: 'bridge filtering', level: 'ok', found: 'br_netfilter is there' }
  try {
    await run('modprobe', ['-n', 'br_netfilter'])
    return { check: 'bridge filtering', level: 'ok', found: 'br_netfilter can be loaded' }
  } catch {
    return {
      check: 'bridge filtering',
      level: 'error',
      found: 'br_netfilter is missing: security groups cannot work',
      remedy: 'install your kernel’s modules package, then modprobe br_netfilter',
    }
  }
}

/** A forward chain of somebody else that drops by default drops guests' packets too, whatever we accept. */
const firewall: Check = async () => {
  if (!existsSync('/usr/sbin/nft')) return []
  try {
    const { stdout } = await run('nft', ['-j', 'list', 'chains'])
    const chains = (
      JSON.parse(stdout).nftables as {
        chain?: { family: string; table: string; name: string; hook?: string; policy?: string }
      }[]
    ).flatMap((entry) => entry.chain ?? [])
    const foreign = chains.filter(
      (chain) => chain.hook === 'forward' && chain.policy === 'drop' && !chain.table.startsWith('stratolith_'),
    )
    if (foreign.length === 0)
      return { check: 'firewall', level: 'ok', found: 'no other forward chain drops by default' }
    return foreign.map((chain) => ({
      check: 'firewall',
      level: 'warning',
      found: `${chain.family} table ${chain.table} (chain ${chain.name}) drops what it does not know; guests' packets pass it`,
      remedy: `let the bridges through in that firewall, such as: for side in iifname oifname; do nft insert rule ${chain.family} ${chain.table} ${chain.name} $side '"brq*"' accept; done`,
    }))
  } catch (error) {
    return {
      check: 'firewall',
      level: 'warning',
      found: `nft does not answer: ${(error as Error).message.split('\n')[0]}`,
      remedy: 'run as root',
    }
  }
}

/** Devices of clouds that do not run. Those of another one that does are fine: several may share a machine. */
const leftovers: Check = async (config) => {
  // Others' clouds are root's to read about.
  if (!existsSync('/sbin/ip') || process.getuid?.() !== 0) return []
  const { stdout } = await run('ip', ['-j', 'link', 'show'])
  const byCloud = new Map<string, string[]>()
  for (const { ifname, ifalias } of JSON.parse(stdout) as { ifname: string; ifalias?: string }[]) {
    const cloudId = /^stratolith:([0-9a-f]{8}):/.exec(ifalias ?? '')?.[1]
    if (cloudId !== undefined) byCloud.set(cloudId, [...(byCloud.get(cloudId) ?? []), ifname])
  }
  const own = readCloud(config.state)?.cloudId
  const findings = [...byCloud].flatMap(([cloudId, devices]) =>
    leftBy(cloudId, devices, cloudId === own ? config.state : directoryOf(cloudId)),
  )
  if (findings.length > 0) return findings
  return { check: 'leftovers', level: 'ok', found: 'no devices of a cloud that is not running' }
}

function leftBy(cloudId: string, devices: readonly string[], dir: string | undefined): Finding[] {
  const some = `${devices.slice(0, 4).join(', ')}${devices.length > 4 ? ', …' : ''}`
  if (dir === undefined) {
    return [
      {
        check: 'leftovers',
        level: 'warning',
        found: `${count(devices.length, 'device')} of a cloud whose directory is gone: ${some}`,
        remedy: `end its guests (virsh list --name | grep stratolith-${cloudId}), then: for it in ${devices.join(' ')}; do ip link delete $it; done; for family in bridge inet; do nft delete table $family stratolith_${cloudId}; done`,
      },
    ]
  }
  if (findRunning(dir) !== undefined) return []
  return [
    {
      check: 'leftovers',
      level: 'warning',
      found: `${count(devices.length, 'device')} of the cloud at ${dir}, which does not run: ${some}`,
      remedy: `its guests may be using them; \`npx stratolith down --state ${dir}\` ends them and removes the devices`,
    },
  ]
}

function draw(findings: readonly Finding[]): void {
  const marks = { ok: green('✔'), warning: yellow('!'), error: red('✘') }
  for (const { check, level, found, remedy } of findings) {
    say(`  ${marks[level]} ${check.padEnd(18)} ${found}`)
    if (remedy !== undefined) say(`    ${' '.repeat(18)} ${dim('→')} ${remedy}`)
  }
  const errors = findings.filter(({ level }) => level === 'error').length
  const warnings = findings.filter(({ level }) => level === 'warning').length
  say(
    `\n  ${errors === 0 ? (warnings === 0 ? 'This host is ready.' : `Ready, with ${bold(String(warnings))} warning${warnings === 1 ? '' : 's'}.`) : `${bold(String(errors))} to mend first.`}`,
  )
}
