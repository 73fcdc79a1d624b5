// What the host must have beside npm packages to run real guests, and how to get it on Debian and its family.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { isDebianOrUbuntu, isUbuntu, readOsRelease } from './os-release.js'
import { openProgress } from './progress.js'

/**
 * Package, a file that proves it, and what it is for. The names are those of Debian 12 and 13 and of Ubuntu 22.04 and
 * 24.04, which agree on all of these.
 */
const HOST_PACKAGES = [
  ['qemu-system-x86', '/usr/bin/qemu-system-x86_64', 'runs the guests'],
  ['qemu-utils', '/usr/bin/qemu-img', 'disks and images'],
  ['qemu-block-extra', '/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so', 'lets QEMU reach volumes over iSCSI'],
  ['libvirt-daemon-system', '/usr/sbin/libvirtd', 'keeps the guests'],
  ['dnsmasq-base', '/usr/sbin/dnsmasq', 'DHCP and DNS for networks'],
  ['nftables', '/usr/sbin/nft', 'security groups'],
  ['iproute2', '/sbin/ip', 'bridges, taps, namespaces'],
  ['tgt', '/usr/sbin/tgtadm', 'exports volumes over iSCSI'],
  ['xorriso', '/usr/bin/xorriso', 'config drives'],
  ['openssh-client', '/usr/bin/ssh', 'logs in to guests'],
  ['mtools', '/usr/bin/mcopy', 'builds the tiny image'],
  ['syslinux', '/usr/bin/syslinux', 'builds the tiny image'],
  ['syslinux-common', '/usr/lib/syslinux/mbr/mbr.bin', 'builds the tiny image'],
  ['fdisk', '/sbin/sfdisk', 'builds the tiny image'],
  ['cpio', '/usr/bin/cpio', 'builds the tiny image'],
  ['kmod', '/sbin/depmod', 'builds the tiny image, loads kernel modules'],
  ['e2fsprogs', '/sbin/mke2fs', 'builds the tiny image'],
]

/** Newer kernels come with compressed modules, which the guest's busybox cannot load. */
const UNPACKERS = {
  ubuntu: { since: 23.1, package: ['zstd', '/usr/bin/zstd', 'builds the tiny image'] },
  debian: { since: 13, package: ['xz-utils', '/usr/bin/xz', 'builds the tiny image'] },
}

/** What the tests want beside. */
const TEST_PACKAGES = [
  ['busybox', '/bin/busybox', 'asks for addresses and pages as guests do'],
  ['libvirt-clients', '/usr/bin/virsh', 'shows what the libvirt client is compared with'],
  ['python3-openstackclient', '/usr/bin/openstack', 'does in the lab what users do'],
  ['libsasl2-modules', '/usr/lib/x86_64-linux-gnu/sasl2/libscram.so', 'lets a libvirtd under test ask for passwords'],
  ['sasl2-bin', '/usr/sbin/saslpasswd2', 'lets a libvirtd under test ask for passwords'],
]

const isMissing = ([, proof]) => !existsSync(proof) && !existsSync(`/usr${proof}`)

/** All that this distribution needs. A derivative has a version of its own, and gets the unpacker to be sure. */
export function hostPackages(os = readOsRelease()) {
  const family = isUbuntu(os) ? 'ubuntu' : 'debian'
  const unpacker = UNPACKERS[family]
  return os.id !== family || os.version >= unpacker.since ? [...HOST_PACKAGES, unpacker.package] : HOST_PACKAGES
}

export function missingPackages(os = readOsRelease()) {
  return hostPackages(os).filter(isMissing)
}

export function missingTestPackages() {
  return TEST_PACKAGES.filter(isMissing)
}

/** Whether packages can be had with apt-get. */
export function isDebianFamily(os = readOsRelease()) {
  try {
    accessSync('/usr/bin/apt-get', constants.X_OK)
    return isDebianOrUbuntu(os)
  } catch {
    return false
  }
}

export function installCommand(names) {
  return `apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`
}

/** Purposes, each with the packages that serve it. */
export function whatFor(missing) {
  const byPurpose = new Map()
  for (const [name, , purpose] of missing) byPurpose.set(purpose, [...(byPurpose.get(purpose) ?? []), name])
  return [...byPurpose].map(([purpose, names]) => `${names.join(', ')}: ${purpose}`)
}

/** What to tell somebody for whom we cannot install. */
export function howToGoOn(missing) {
  const names = missing.map(([name]) => name)
  const command = installCommand(names)
  const lines = ['', 'Real guests need packages of the host that are missing here:', '']
  for (const [name, , purpose] of missing) lines.push(`  ${name.padEnd(24)} ${purpose}`)
  lines.push('')
  if (isDebianFamily()) lines.push('Run this, then `npm run up` as root:', '', `  sudo sh -c '${command}'`)
  else
    lines.push(
      'This is not Debian, Ubuntu or one of their family; install what they call these packages, then run `npm run up` as root.',
    )
  lines.push(
    '',
    'Without them and without root the emulator works: the same APIs on a simulated host:',
    '',
    '  npm run up -- --emulator',
    '',
  )
  return lines.join('\n')
}

/** Installs with apt-get, telling what is happening; the whole output is kept for the case of a failure. */
export async function installHostPackages(missing, progress = openProgress()) {
  const names = missing.map(([name]) => name)
  progress.say('Packages of the host are missing, and are installed with apt-get:')
  for (const line of whatFor(missing)) progress.say(`    ${line}`)
  await progress.during('packages of the host', async (tell) => {
    await aptGet(['update', '-qq'], 'reading package lists', tell)
    await aptGet(['install', '-y', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...names], 'installing', tell)
    if (names.includes('tgt')) quietTgt(progress)
  })
}

/** The package tgt starts a daemon on all addresses. Each cloud starts its own, on loopback, so that one is not needed. */
function quietTgt(progress) {
  if (!existsSync('/run/systemd/system')) return
  const { status } = spawnSync('systemctl', ['disable', '--now', 'tgt.service'])
  progress.say(
    status === 0
      ? '    tgt.service is switched off: it listens on all addresses, and the cloud starts a tgtd of its own on loopback'
      : '    tgt.service listens on all addresses and could not be switched off: systemctl disable --now tgt.service',
  )
}

function aptGet(args, what, tell) {
  tell(what)
  return new Promise((resolve, reject) => {
    const child = spawn('apt-get', ['-o', 'APT::Status-Fd=3', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    let rest = ''
    child.stdio[3].on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      const status = /^(?:dlstatus|pmstatus):([^:]*):([\d.]+):(.*)$/.exec(lines.at(-1) ?? '')
      if (status) tell(`${Math.round(Number(status[2]))} % ${status[3].slice(0, 60)}`)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) return resolve()
      const last = Buffer.concat(output).toString().trim().split('\n').slice(-12).join('\n')
      reject(new Error(`apt-get failed while ${what}:\n${last}\n\nTry it by hand: apt-get ${args.join(' ')}`))
    })
  })
}
