import type { FileDisk, GuestDisk, GuestInterface, GuestSpec, IscsiDisk } from '../src/index.ts'

export const anUuid = '6695eb01-f6a4-4304-b9aa-97f2502e193f'

export function aGuest(more: Partial<GuestSpec> = {}): GuestSpec {
  return { uuid: anUuid, name: 'instance-00000001', memoryMiB: 64, vcpus: 1, virtType: 'qemu', ...more }
}
export function aDisk(more: Partial<GuestDisk & FileDisk> = {}): GuestDisk {
  return { source: 'file', path: '/var/lib/x/disk', format: 'qcow2', target: 'vda', bus: 'virtio', ...more }
}
export function anIscsiDisk(more: Partial<GuestDisk & IscsiDisk> = {}): GuestDisk {
  return {
    source: 'iscsi',
    host: '127.0.0.1',
    port: 3270,
    iqn: 'iqn.2026-01.org.example:volume-1',
    lun: 1,
    initiator: 'iqn.2026-01.org.example:host-a',
    target: 'vdb',
    bus: 'virtio',
    ...more,
  }
}
export function aPort(more: Partial<GuestInterface> = {}): GuestInterface {
  return { tap: 'tap0123456789a', mac: 'fa:16:3e:00:00:01', ...more }
}
