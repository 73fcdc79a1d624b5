/** From the cloud's words for a guest to those of the domain XML writer. Pure: hosts and files are named in the input. */
import type { GuestDisk, GuestInterface, GuestSpec } from '@stratolith/domain-xml'
import { createHash } from 'node:crypto'
import { DomainError } from '../../domain-error.ts'
import type { ServerId, VolumeId } from '../../ids.ts'
import type { DiskSpec, DomainSpec, InterfaceSpec, VolumeConnection } from '../contract.ts'

export interface GuestSetting {
  readonly cloudId: string
  readonly virtType: 'kvm' | 'qemu'
  /** Where libvirt's log daemon writes what the serial console says. */
  readonly consoleLog: string
}

/** The name of a server's domain, by which a cloud knows its own among others on the host. */
export function domainName(cloudId: string, id: ServerId): string {
  return `stratolith-${cloudId}-${id}`
}

export function guestSpec(spec: DomainSpec, { cloudId, virtType, consoleLog }: GuestSetting): GuestSpec {
  const { hardware } = spec
  return {
    uuid: spec.id,
    name: domainName(cloudId, spec.id),
    title: spec.name.replace(/[\u0000-\u001f\u007f]/g, ' '),
    metadata: {
      serverId: spec.id,
      serverName: spec.name.replace(/[\u0000-\u001f\u007f]/g, ' '),
      projectId: spec.projectId,
    },
    memoryMiB: spec.ramMiB,
    vcpus: spec.vcpus,
    virtType,
    machine: hardware.hw_machine_type ?? 'pc',
    ...(hardware.hw_firmware_type === 'uefi' && { firmware: { type: 'uefi' as const } }),
    clock: { offset: hardware.os_type === 'windows' ? 'localtime' : 'utc' },
    onPoweroff: 'destroy',
    onReboot: 'restart',
    onCrash: 'destroy',
    disks: spec.disks.map((disk) => guestDisk(disk, spec.id, cloudId)),
    interfaces: spec.interfaces.map(guestInterface),
    serial: { logFile: consoleLog },
    video: { model: videoModel(hardware.hw_video_model) },
    vnc: { listen: '127.0.0.1' },
    guestAgent: hardware.hw_qemu_guest_agent === 'yes',
    ...(hardware.hw_watchdog_action !== undefined &&
      hardware.hw_watchdog_action !== 'disabled' && {
        watchdog: { action: watchdogAction(hardware.hw_watchdog_action) },
      }),
  }
}

function videoModel(asked: string | undefined): 'vga' | 'virtio' | 'qxl' | 'cirrus' | 'bochs' | 'none' {
  switch (asked) {
    case 'virtio':
    case 'qxl':
    case 'cirrus':
    case 'bochs':
    case 'none':
      return asked
    default:
      return 'vga'
  }
}

function watchdogAction(asked: string): 'reset' | 'poweroff' | 'pause' | 'none' {
  return asked === 'reset' || asked === 'poweroff' || asked === 'pause' ? asked : 'none'
}

export function guestDisk(disk: DiskSpec, serverId: ServerId, cloudId: string): GuestDisk {
  if (disk.bus === 'usb') throw new DomainError('invalid', 'agent.disk.bus', 'This host plugs no disks into USB.')
  const common = {
    target: disk.device,
    bus: disk.bus,
    device: disk.kind,
    ...(disk.bootIndex !== undefined && { bootOrder: disk.bootIndex }),
    ...(disk.serial !== undefined && { serial: disk.serial }),
    ...(disk.readOnly !== undefined && { readOnly: disk.readOnly }),
  } as const
  if (disk.source.type === 'file') {
    const cache = disk.kind === 'disk' ? ({ cache: 'writeback', discard: 'unmap' } as const) : {}
    return { source: 'file', path: disk.source.path, format: disk.source.format, ...common, ...cache }
  }
  const { connection, volumeId } = disk.source
  const { host, port } = portal(connection.targetPortal)
  return {
    source: 'iscsi',
    host,
    port,
    iqn: connection.targetIqn,
    lun: connection.targetLun,
    initiator: connection.initiator,
    auth: { username: connection.authUsername, secretUuid: secretUuid(cloudId, serverId, volumeId) },
    cache: 'none',
    discard: 'unmap',
    errorPolicy: 'stop',
    ...common,
    ...(connection.accessMode === 'ro' && { readOnly: true }),
  }
}

export function guestInterface(nic: InterfaceSpec): GuestInterface {
  const model = nic.model as GuestInterface['model']
  return { tap: nic.tap, mac: nic.macAddress, mtu: nic.mtu, ...(model !== undefined && { model }) }
}

/** Follows from what it is for, so that nothing has to be remembered to find it again. */
export function secretUuid(cloudId: string, serverId: ServerId, volumeId: VolumeId): string {
  const hex = createHash('sha256').update(`${cloudId}/${serverId}/${volumeId}`).digest('hex')
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The password that a domain's disk needs, and under which libvirt secret. */
export function chapSecret(connection: VolumeConnection, cloudId: string, serverId: ServerId, volumeId: VolumeId) {
  return {
    uuid: secretUuid(cloudId, serverId, volumeId),
    usage: `stratolith-${cloudId}-${serverId}-${volumeId}`,
    password: connection.authPassword,
  }
}

function portal(text: string): { host: string; port: number } {
  const found = /^\[?([^\]]+?)\]?:(\d+)$/.exec(text)
  if (found === null) throw new Error(`not an iSCSI portal: ${text}`)
  return { host: found[1]!, port: Number(found[2]) }
}
