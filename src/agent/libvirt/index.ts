/** The agent of a host whose guests libvirt keeps. */
import { type Connection, connect } from '@stratolith/libvirt'
import { readFile, statfs } from 'node:fs/promises'
import { loadavg, networkInterfaces, uptime } from 'node:os'
import type { Logger } from 'pino'
import type { HostName } from '../../ids.ts'
import type { Agent, HostFacts, Hypervisor, NetworkPlane, ServerDisks } from '../contract.ts'
import { domainName } from './guest-spec.ts'
import { libvirtHypervisor } from './hypervisor.ts'
import { kvmWorks } from './kvm.ts'

export interface LibvirtAgentOptions {
  readonly host: HostName
  readonly cloudId: string
  readonly uri: string
  readonly virt: 'auto' | 'kvm' | 'tcg'
  readonly instancesDir: string
  readonly disks: ServerDisks
  readonly network: NetworkPlane
  readonly log: Logger
}

export async function openLibvirtAgent(
  options: LibvirtAgentOptions,
): Promise<Agent & { readonly hypervisor: Hypervisor }> {
  const { host, cloudId, uri, virt, instancesDir, disks, network, log } = options
  const connection = await connect(uri, { reconnect: true })
  connection.onStateChange((state, cause) => log.warn({ state, err: cause }, 'libvirt connection'))
  const virtType = await virtTypeFor(virt, log)
  const hypervisor = libvirtHypervisor({ connection, cloudId, virtType, instancesDir, log })
  return {
    host,
    hypervisor,
    disks,
    network,
    connector: { host, ip: '127.0.0.1', initiator: `iqn.2026-01.org.stratolith:${cloudId}:${host.toLowerCase()}` },
    facts: () => hostFacts(connection, virtType, instancesDir),
    close: () => connection.close(),
  }
}

/** Ends and forgets all guests of one cloud. */
export async function removeGuests({
  uri,
  cloudId,
  log,
}: {
  uri: string
  cloudId: string
  log: Logger
}): Promise<void> {
  await using connection = await connect(uri)
  const hypervisor = libvirtHypervisor({ connection, cloudId, virtType: 'qemu', instancesDir: '/nonexistent', log })
  for (const { id } of await hypervisor.list()) {
    log.info({ server: id, domain: domainName(cloudId, id) }, 'removing guest')
    await hypervisor.undefine(id)
  }
}

async function virtTypeFor(asked: 'auto' | 'kvm' | 'tcg', log: Logger): Promise<'kvm' | 'qemu'> {
  if (asked === 'tcg') return 'qemu'
  if (asked === 'kvm') return 'kvm'
  const verdict = await kvmWorks()
  if (!verdict.ok) log.warn({ reason: verdict.reason }, 'KVM does not work: guests run on an emulated processor')
  return verdict.ok ? 'kvm' : 'qemu'
}

async function hostFacts(connection: Connection, virtType: 'kvm' | 'qemu', instancesDir: string): Promise<HostFacts> {
  const [node, version, disk, cpuInfo] = await Promise.all([
    connection.node.info(),
    connection.version(),
    statfs(instancesDir),
    readFile('/proc/cpuinfo', 'utf8'),
  ])
  const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(cpuInfo)?.[1]?.split(' ') ?? [])
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  return {
    hypervisorType: virtType === 'kvm' ? 'KVM' : 'QEMU',
    hypervisorVersion: version.number,
    vcpus: node.cpus,
    ramMiB: Math.floor(node.memoryKiB / 1024),
    diskGiB: Math.floor((disk.blocks * disk.bsize) / 2 ** 30),
    hostIp: firstAddress(),
    cpuModel: /^model name\s*:\s*(.*)$/m.exec(cpuInfo)?.[1] ?? node.model,
    cpuArchitecture: node.model,
    traits: [
      'COMPUTE_VOLUME_EXTEND',
      'COMPUTE_NET_ATTACH_INTERFACE',
      'COMPUTE_VOLUME_ATTACH_WITH_TAG',
      ...cpuTraits(flags),
    ],
    uptimeSeconds: Math.floor(uptime()),
    loadAverages: [one, five, fifteen],
  }
}

/** Traits of the processor that os-traits has a name for and users ask for. */
function cpuTraits(flags: ReadonlySet<string>): string[] {
  const named: Record<string, string> = {
    aes: 'HW_CPU_X86_AESNI',
    avx: 'HW_CPU_X86_AVX',
    avx2: 'HW_CPU_X86_AVX2',
    avx512f: 'HW_CPU_X86_AVX512F',
    sse4_2: 'HW_CPU_X86_SSE42',
    vmx: 'HW_CPU_X86_VMX',
    svm: 'HW_CPU_X86_SVM',
  }
  return Object.entries(named).flatMap(([flag, trait]) => (flags.has(flag) ? [trait] : []))
}

function firstAddress(): string {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    /^(lo|brq|tap|veth|docker|virbr)/.test(name) ? [] : (all ?? []),
  )
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}
