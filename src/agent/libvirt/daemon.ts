/** Sees to it that libvirtd runs: by systemd where there is one, else started here. It is the host's, and stays. */
import { execFile, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DomainError } from '../../domain-error.ts'

const SOCKETS = ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock']

/** Whether somebody answers on one of libvirt's system sockets. */
export async function libvirtAnswers(): Promise<boolean> {
  for (const path of SOCKETS) {
    if (!existsSync(path)) continue
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(path)
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (answered) return true
  }
  return false
}

/**
 * Where no udev runs, /dev/kvm belongs to root alone. libvirt then probes QEMU as root, finds KVM, sees that its QEMU user
 * may not use it, calls the result outdated, and probes again at every call: seconds each, one at a time. So the device
 * gets what udev's own rule gives it: group kvm, mode 0660.
 * Source: libvirt's virQEMUCapsIsValid; systemd's rules.d/50-udev-default.rules
 */
function giveKvmToItsGroup(): void {
  const device = statSync('/dev/kvm', { throwIfNoEntry: false })
  if (device === undefined || (device.mode & 0o006) === 0o006) return
  const kvm = Number(/^kvm:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))?.[1])
  if (!Number.isInteger(kvm) || (device.gid === kvm && (device.mode & 0o060) === 0o060)) return
  chownSync('/dev/kvm', device.uid, kvm)
  chmodSync('/dev/kvm', 0o660)
}

/** @throws DomainError unavailable, `agent.libvirt.not-running`, with what to do */
export async function ensureLibvirtd(): Promise<'ran' | 'started'> {
  giveKvmToItsGroup()
  if (await libvirtAnswers()) return 'ran'
  const run = promisify(execFile)
  try {
    if (existsSync('/run/systemd/system')) await run('systemctl', ['start', 'libvirtd'])
    else {
      for (const daemon of ['virtlogd', 'libvirtd']) {
        const child = spawn(daemon, ['-d'], { stdio: 'ignore', detached: true })
        await new Promise<void>((resolve, reject) => {
          child.once('error', reject)
          child.once('exit', () => resolve()) // the daemon goes on by itself; a second virtlogd ends at once, which is fine
        })
      }
    }
  } catch (cause) {
    throw notRunning(cause)
  }
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (await libvirtAnswers()) return 'started'
    await sleep(50)
  }
  throw notRunning(undefined)
}

function notRunning(cause: unknown): DomainError {
  return new DomainError(
    'unavailable',
    'agent.libvirt.not-running',
    'libvirtd does not run and could not be started. Look at `journalctl -u libvirtd`, or run `libvirtd -v` by hand to see why.',
    { cause },
  )
}
