/**
 * Whether KVM works. A device file does not prove it: the machine may be a guest without nested virtualization, or its
 * kernel may refuse. So an empty guest is started, paused, and ended.
 */
import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'

export type KvmVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string }

const LIMIT_MS = 5_000

export async function kvmWorks(): Promise<KvmVerdict> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return { ok: false, reason: '/dev/kvm is missing or not ours to open' }
  }
  return await new Promise((resolve) => {
    const qemu = spawn(
      'qemu-system-x86_64',
      [
        '-machine',
        'pc,accel=kvm',
        '-cpu',
        'host',
        '-m',
        '16',
        '-S',
        '-nodefaults',
        '-display',
        'none',
        '-monitor',
        'stdio',
      ],
      { stdio: ['pipe', 'ignore', 'pipe'] },
    )
    let errors = ''
    const timer = setTimeout(() => qemu.kill('SIGKILL'), LIMIT_MS)
    qemu.stderr.on('data', (chunk: Buffer) => (errors += chunk))
    qemu.once('error', (error) => resolve({ ok: false, reason: error.message }))
    qemu.once('exit', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve({ ok: true })
      else resolve({ ok: false, reason: errors.trim().split('\n').at(-1) || 'QEMU did not start with it' })
    })
    // Accepted only once the machine is up; where KVM fails QEMU has ended before it reads this.
    qemu.stdin.on('error', () => {})
    qemu.stdin.end('quit\n')
  })
}
