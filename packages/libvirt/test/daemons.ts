/** Which real daemons there are on this machine, for tests that are skipped without one. */
import { type ConnectOptions, type Connection, connect, LibvirtError } from '../src/index.ts'
import { recordMethods } from './coverage.ts'

export async function reach(uri: string, options: ConnectOptions = {}): Promise<Connection | string> {
  recordMethods()
  try {
    return await connect(uri, { connectTimeoutMs: 5000, ...options })
  } catch (error) {
    return `no libvirt daemon answers for ${uri}: ${(error as Error).message}`
  }
}

/**
 * The QEMU of this machine, or of the daemon that LIBVIRT_TEST_URI names, or why there is none to test with.
 *
 * A daemon whose QEMU user may not open /dev/kvm while the probe could, forgets what it learned about QEMU and learns
 * it anew in every call, seconds each: the answer comes, but no test would end.
 */
export async function reachQemu(): Promise<Connection | string> {
  const uri = process.env.LIBVIRT_TEST_URI ?? 'qemu:///system'
  const reached = await reach(uri)
  if (typeof reached === 'string') return reached
  try {
    await reached.domainCapabilities({ virtType: 'qemu' }, { timeoutMs: 20_000 })
    await reached.domainCapabilities({ virtType: 'qemu' }, { timeoutMs: 2_000 })
    return reached
  } catch (error) {
    await reached.close()
    return error instanceof LibvirtError && error.isTimeout()
      ? `libvirt at ${uri} probes QEMU again for each call; is /dev/kvm there but not for QEMU's user?`
      : `libvirt at ${uri} has no QEMU: ${(error as Error).message}`
  }
}
