/** From what has been prepared on the host to the domain that the hypervisor is told. Pure. */
import type { DiskSource, DomainSpec, InterfaceSpec, PreparedDisk, VolumeConnection } from '../../agent/contract.ts'
import type { BoundPort } from '../../network/index.ts'
import type { BootOrder, DiskOrder } from './boot-order.ts'

export interface Prepared {
  readonly ports: readonly BoundPort[]
  /** By block device id. */
  readonly connections: Readonly<Record<string, VolumeConnection>>
  /** By block device id. */
  readonly disks: Readonly<Record<string, PreparedDisk>>
  readonly configDrive: PreparedDisk | undefined
}

export function domainSpec(order: BootOrder, prepared: Prepared): DomainSpec {
  const disks = order.disks.map((disk) => ({
    device: disk.device,
    bus: disk.bus,
    kind: disk.kind,
    source: sourceOf(order, disk, prepared),
    // The hypervisor counts from 1.
    ...(disk.bootIndex !== null && disk.bootIndex >= 0 && { bootIndex: disk.bootIndex + 1 }),
    ...(disk.serial !== null && { serial: disk.serial }),
  }))
  if (prepared.configDrive !== undefined) {
    const { path, format } = prepared.configDrive
    const source = { type: 'file', path, format } as const
    disks.push({ ...order.configDriveDisk, kind: 'cdrom', source, readOnly: true } as (typeof disks)[number])
  }
  return {
    id: order.serverId,
    name: order.name,
    projectId: order.projectId,
    vcpus: order.vcpus,
    ramMiB: order.ramMiB,
    disks,
    interfaces: prepared.ports.map((port) => interfaceSpec(port, order.vifModel)),
    hardware: order.hardware,
  }
}

export function interfaceSpec(port: BoundPort, model: string): InterfaceSpec {
  return { portId: port.portId, macAddress: port.macAddress, tap: port.tap, mtu: port.mtu, model }
}

function sourceOf(order: BootOrder, disk: DiskOrder, { connections, disks }: Prepared): DiskSource {
  const connection = connections[disk.id]
  const volume = order.volumes.find(({ id }) => id === disk.id)
  if (connection !== undefined && volume !== undefined) {
    return { type: 'volume', volumeId: volume.volumeId, connection }
  }
  const file = disks[disk.id]
  if (file === undefined) throw new Error(`disk ${disk.device} of server ${order.serverId} was not prepared`)
  return { type: 'file', path: file.path, format: file.format }
}
