/**
 * What a guest is, in this package's own words. `domainXml` turns it into libvirt's XML.
 * Everything here is plain data; every text may come from a user, and is escaped or refused by the writer.
 * Elements and values follow libvirt's formatdomain page, release 9.0.
 */

export interface GuestSpec {
  /** With dashes. Also the guest's SMBIOS system uuid, by which cloud-init knows the instance. */
  uuid: string
  /** Unique on the host, such as `instance-00000001`; no slash, not empty. */
  name: string
  /** Free text for people, such as the server's name. One line. */
  title?: string
  metadata?: GuestMetadata
  memoryMiB: number
  vcpus: number
  virtType: 'kvm' | 'qemu'
  /** Path of the emulator; libvirt picks one when absent. */
  emulator?: string
  /** Default x86_64. */
  arch?: 'x86_64' | 'aarch64'
  /** Default `pc` on x86_64 (it has IDE, so a config drive as CD-ROM works everywhere), `virt` on aarch64. */
  machine?: string
  /** Free ports for hot plug on a PCI Express machine (`q35`, `virt`); `pc` has its slots anyway. Default 8. */
  pcieHotplugPorts?: number
  /** Default: `host-passthrough` under kvm, a model that QEMU can emulate in full under qemu. */
  cpu?: GuestCpu
  firmware?: GuestFirmware
  /** What the guest reads in its SMBIOS tables; the defaults make cloud-init choose its OpenStack datasource. */
  sysinfo?: GuestSysinfo
  /** Default utc. */
  clock?: { offset?: 'utc' | 'localtime' }
  onPoweroff?: 'destroy' | 'restart' | 'preserve'
  onReboot?: 'destroy' | 'restart' | 'preserve'
  onCrash?: 'destroy' | 'restart' | 'preserve'
  disks?: readonly GuestDisk[]
  interfaces?: readonly GuestInterface[]
  serial?: GuestSerial
  /** Default `vga`. `none` for a guest without a display. */
  video?: { model: 'vga' | 'virtio' | 'qxl' | 'cirrus' | 'bochs' | 'none'; vramKiB?: number }
  /** VNC on a port that libvirt picks. Absent: no graphics server. */
  vnc?: { listen?: string; password?: string; keymap?: string }
  /** USB tablet, so that the pointer in a VNC client follows. Default: with `vnc`. */
  tablet?: boolean
  /** virtio-rng fed from the host. Default on. */
  rng?: boolean | { source?: string; rate?: { bytes: number; periodMs: number } }
  /** Default on, with statistics every 10 s. */
  memballoon?: boolean | { statsPeriodSeconds: number }
  /** The channel of qemu-guest-agent. Default off. */
  guestAgent?: boolean
  watchdog?: GuestWatchdog
}

/** Written under this package's own namespace, so that an agent recognises its guests. */
export interface GuestMetadata {
  serverId: string
  serverName: string
  projectId: string
  projectName?: string
  userId?: string
  flavorName?: string
  imageId?: string
  /** ISO 8601; the caller's clock, since this package has none. */
  createdAt?: string
}

export type GuestCpu = (
  | { mode: 'host-passthrough' | 'host-model' | 'maximum' }
  /** A model by its name in `virsh cpu-models`, such as `Nehalem`. */
  | {
      mode: 'custom'
      model: string
      features?: readonly { name: string; policy: 'require' | 'disable' | 'optional' | 'forbid' }[]
    }
) & {
  /** The product must be the number of vcpus. Default: one socket per vcpu. */
  topology?: { sockets: number; cores: number; threads: number }
}

export type GuestFirmware =
  | { type: 'bios' }
  /** Without `loader` libvirt picks a firmware build by its descriptors; `nvram` is this guest's own variable store. */
  | { type: 'uefi'; secureBoot?: boolean; loader?: { path: string; template?: string }; nvram?: string }

export interface GuestSysinfo {
  /** Default `OpenStack Foundation`. */
  manufacturer?: string
  /** Default `OpenStack Compute`. */
  product?: string
  version?: string
  serial?: string
  /** Default `Virtual Machine`. */
  family?: string
}

export type GuestDisk = (FileDisk | IscsiDisk) & {
  /** Device name on its bus: `vda`, `sda`, `hdd`. */
  target: string
  bus: 'virtio' | 'scsi' | 'ide' | 'sata'
  /** Default `disk`. A `cdrom` is read-only. */
  device?: 'disk' | 'cdrom'
  /** Place in the boot order, from 1. */
  bootOrder?: number
  /** What the guest reads as the disk's serial number. A virtio disk shows the first 20 characters. */
  serial?: string
  cache?: 'none' | 'writeback' | 'writethrough' | 'directsync' | 'unsafe'
  io?: 'threads' | 'native' | 'io_uring'
  discard?: 'unmap' | 'ignore'
  /** What a failed write does. Default `stop`: the guest pauses rather than sees an error. */
  errorPolicy?: 'stop' | 'report' | 'enospace' | 'ignore'
  readOnly?: boolean
  /** Several guests may write at once. */
  shareable?: boolean
  /** Limits by QEMU. Bytes and requests per second; absent = no limit. */
  limits?: {
    readBytes?: number
    writeBytes?: number
    totalBytes?: number
    readIops?: number
    writeIops?: number
    totalIops?: number
  }
}

export interface FileDisk {
  source: 'file'
  path: string
  /** Never probed: a guest could write another format's header into its own raw disk. */
  format: 'qcow2' | 'raw'
}

export interface IscsiDisk {
  source: 'iscsi'
  host: string
  port: number
  /** The target's iSCSI name. */
  iqn: string
  lun: number
  /** IQN this host logs in with. */
  initiator: string
  /** CHAP: the password is the value of the libvirt secret with this uuid, never part of the XML. */
  auth?: { username: string; secretUuid: string }
}

/** A port plugged as a tap device that exists already: libvirt opens it and changes nothing else. */
export interface GuestInterface {
  /** At most 15 characters. */
  tap: string
  mac: string
  /** Reaches the guest only; the tap has its own. */
  mtu?: number
  /** Default `virtio`. */
  model?: 'virtio' | 'e1000' | 'e1000e' | 'rtl8139'
  /** More than 1 needs a multi-queue tap. */
  queues?: number
  bootOrder?: number
}

/** A serial console on a pty whose output libvirt's log daemon also appends to a file. */
export interface GuestSerial {
  logFile?: string
}

export interface GuestWatchdog {
  /** Default `i6300esb`. */
  model?: 'i6300esb' | 'diag288'
  action: 'reset' | 'shutdown' | 'poweroff' | 'pause' | 'none'
}

/** A libvirt secret: a place for a value, which is set by a call of its own. */
export interface SecretSpec {
  uuid: string
  description?: string
  /** `target` is unique among the host's secrets of this type. */
  usage: { type: 'iscsi'; target: string } | { type: 'ceph'; name: string } | { type: 'volume'; path: string }
  /** Kept in memory only. Default true. */
  ephemeral?: boolean
  /** Not readable again, even by its owner. Default true. */
  private?: boolean
}
