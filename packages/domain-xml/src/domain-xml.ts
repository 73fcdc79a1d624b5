/** A guest's description as libvirt's XML. Upstream: https://libvirt.org/formatdomain.html, release 9.0. */
import { checkDisk, checkGuest, checkInterface, checkSecret } from './check.ts'
import type { GuestCpu, GuestDisk, GuestInterface, GuestMetadata, GuestSerial, GuestSpec, SecretSpec } from './spec.ts'
import { type Element, el, write } from './xml.ts'

/** Where `GuestMetadata` stands, so that an agent recognises its guests and `Domain.metadata` finds it. */
export const METADATA_NAMESPACE = 'urn:stratolith:server:1'
export const METADATA_PREFIX = 'stratolith'

/**
 * `<domain>`, to define or to create. The same description gives the same text.
 * @throws InvalidGuest
 */
export function domainXml(spec: GuestSpec): string {
  checkGuest(spec)
  const arch = spec.arch ?? 'x86_64'
  const machine = spec.machine ?? (arch === 'aarch64' ? 'virt' : 'pc')
  const x86 = arch === 'x86_64'
  const virt = machine === 'virt' || machine.startsWith('virt-')
  const rng = spec.rng ?? true
  const balloon = spec.memballoon ?? true
  const ordered = [...(spec.disks ?? []), ...(spec.interfaces ?? [])].some((device) => device.bootOrder !== undefined)
  const scsi = (spec.disks ?? []).some((disk) => disk.bus === 'scsi')
  const vga = spec.video?.model ?? (virt ? 'virtio' : 'vga')

  return write(
    el(
      'domain',
      { type: spec.virtType },
      el('name', {}, spec.name),
      el('uuid', {}, spec.uuid.toLowerCase()),
      spec.title === undefined ? undefined : el('title', {}, spec.title),
      spec.metadata && el('metadata', {}, metadataElement(spec.metadata)),
      el('memory', { unit: 'MiB' }, String(spec.memoryMiB)),
      el('vcpu', { placement: 'static' }, String(spec.vcpus)),
      sysinfoElement(spec),
      osElement(spec, { arch, machine, ordered }),
      el(
        'features',
        {},
        el('acpi'),
        x86 ? el('apic') : undefined,
        spec.firmware?.type === 'uefi' && spec.firmware.secureBoot ? el('smm', { state: 'on' }) : undefined,
      ),
      cpuElement(spec, x86),
      clockElement(spec, x86),
      el('on_poweroff', {}, spec.onPoweroff ?? 'destroy'),
      el('on_reboot', {}, spec.onReboot ?? 'restart'),
      el('on_crash', {}, spec.onCrash ?? 'destroy'),
      // Sleep states are off: nobody in a cloud could wake such a guest.
      x86
        ? el('pm', {}, el('suspend-to-mem', { enabled: false }), el('suspend-to-disk', { enabled: false }))
        : undefined,
      el(
        'devices',
        {},
        spec.emulator === undefined ? undefined : el('emulator', {}, spec.emulator),
        ...(spec.disks ?? []).map(diskElement),
        scsi ? el('controller', { type: 'scsi', index: 0, model: 'virtio-scsi' }) : undefined,
        ...(virt || /q35/.test(machine) ? pciePorts(spec) : []),
        ...(spec.interfaces ?? []).map(interfaceElement),
        spec.serial && serialElement(spec.serial, virt),
        spec.guestAgent
          ? el('channel', { type: 'unix' }, el('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }))
          : undefined,
        (spec.tablet ?? spec.vnc !== undefined) ? el('input', { type: 'tablet', bus: 'usb' }) : undefined,
        spec.vnc === undefined
          ? undefined
          : el(
              'graphics',
              { type: 'vnc', port: -1, autoport: true, passwd: spec.vnc.password, keymap: spec.vnc.keymap },
              el('listen', { type: 'address', address: spec.vnc.listen ?? '127.0.0.1' }),
            ),
        el(
          'video',
          {},
          el('model', {
            type: vga,
            vram: vga === 'none' ? undefined : spec.video?.vramKiB,
            heads: vga === 'none' ? undefined : 1,
          }),
        ),
        spec.watchdog && el('watchdog', { model: spec.watchdog.model ?? 'i6300esb', action: spec.watchdog.action }),
        balloon === false
          ? el('memballoon', { model: 'none' })
          : el(
              'memballoon',
              { model: 'virtio' },
              el('stats', { period: balloon === true ? 10 : balloon.statsPeriodSeconds }),
            ),
        rng === false
          ? undefined
          : el(
              'rng',
              { model: 'virtio' },
              rng !== true && rng.rate ? el('rate', { bytes: rng.rate.bytes, period: rng.rate.periodMs }) : undefined,
              el('backend', { model: 'random' }, (rng !== true && rng.source) || '/dev/urandom'),
            ),
      ),
    ),
  )
}

/** `<disk>`, to attach, update or detach. @throws InvalidGuest */
export function diskXml(disk: GuestDisk): string {
  checkDisk('disk', disk)
  return write(diskElement(disk))
}

/** `<interface>`, to attach, update or detach. @throws InvalidGuest */
export function interfaceXml(port: GuestInterface): string {
  checkInterface('interface', port)
  return write(interfaceElement(port))
}

/** `<secret>`, to define; its value is set by a call of its own. @throws InvalidGuest */
export function secretXml(secret: SecretSpec): string {
  checkSecret(secret)
  const { usage } = secret
  const named =
    usage.type === 'iscsi'
      ? el('target', {}, usage.target)
      : usage.type === 'ceph'
        ? el('name', {}, usage.name)
        : el('volume', {}, usage.path)
  return write(
    el(
      'secret',
      { ephemeral: secret.ephemeral ?? true, private: secret.private ?? true },
      el('uuid', {}, secret.uuid.toLowerCase()),
      secret.description === undefined ? undefined : el('description', {}, secret.description),
      el('usage', { type: usage.type }, named),
    ),
  )
}

function metadataElement(metadata: GuestMetadata): Element {
  const prefix = `${METADATA_PREFIX}:`
  const optional = (name: string, value: string | undefined) =>
    value === undefined ? undefined : el(`${prefix}${name}`, {}, value)
  return el(
    `${prefix}server`,
    { [`xmlns:${METADATA_PREFIX}`]: METADATA_NAMESPACE, id: metadata.serverId },
    el(`${prefix}name`, {}, metadata.serverName),
    el(`${prefix}project`, { id: metadata.projectId }, metadata.projectName),
    metadata.userId === undefined ? undefined : el(`${prefix}user`, { id: metadata.userId }),
    optional('flavor', metadata.flavorName),
    metadata.imageId === undefined ? undefined : el(`${prefix}image`, { id: metadata.imageId }),
    optional('created', metadata.createdAt),
  )
}

/** cloud-init chooses its OpenStack datasource by the product, and its instance id by the uuid. */
function sysinfoElement({ uuid, sysinfo = {} }: GuestSpec): Element {
  const entry = (name: string, value: string | undefined) =>
    value === undefined ? undefined : el('entry', { name }, value)
  return el(
    'sysinfo',
    { type: 'smbios' },
    el(
      'system',
      {},
      entry('manufacturer', sysinfo.manufacturer ?? 'OpenStack Foundation'),
      entry('product', sysinfo.product ?? 'OpenStack Compute'),
      entry('version', sysinfo.version),
      entry('serial', sysinfo.serial ?? uuid.toLowerCase()),
      entry('uuid', uuid.toLowerCase()),
      entry('family', sysinfo.family ?? 'Virtual Machine'),
    ),
  )
}

function osElement(
  { firmware = { type: 'bios' } }: GuestSpec,
  { arch, machine, ordered }: { arch: string; machine: string; ordered: boolean },
): Element {
  const uefi = firmware.type === 'uefi' ? firmware : undefined
  // libvirt finds a build by its descriptors unless one is named.
  const automatic = uefi !== undefined && uefi.loader === undefined
  return el(
    'os',
    { firmware: automatic ? 'efi' : undefined },
    el('type', { arch, machine }, 'hvm'),
    automatic && uefi.secureBoot !== undefined
      ? el('firmware', {}, el('feature', { enabled: uefi.secureBoot, name: 'secure-boot' }))
      : undefined,
    uefi?.loader &&
      el('loader', { readonly: true, type: 'pflash', secure: uefi.secureBoot ? true : undefined }, uefi.loader.path),
    uefi !== undefined && (uefi.nvram !== undefined || uefi.loader?.template !== undefined)
      ? el('nvram', { template: uefi.loader?.template }, uefi.nvram)
      : undefined,
    // Beside boot orders at the devices, libvirt takes no general list.
    ordered ? undefined : el('boot', { dev: 'hd' }),
    el('smbios', { mode: 'sysinfo' }),
  )
}

function cpuElement(spec: GuestSpec, x86: boolean): Element {
  // Nehalem is x86-64-v2, the oldest level that current distributions still run on, and QEMU emulates all of it.
  const emulated: GuestCpu = x86 ? { mode: 'custom', model: 'Nehalem' } : { mode: 'custom', model: 'cortex-a57' }
  const cpu: GuestCpu = spec.cpu ?? (spec.virtType === 'kvm' ? { mode: 'host-passthrough' } : emulated)
  const { sockets, cores, threads } = cpu.topology ?? { sockets: spec.vcpus, cores: 1, threads: 1 }
  const topology = el('topology', { sockets, dies: 1, cores, threads })
  if (cpu.mode !== 'custom') {
    return el('cpu', { mode: cpu.mode, check: cpu.mode === 'host-model' ? 'partial' : 'none' }, topology)
  }
  return el(
    'cpu',
    // Emulated features come from QEMU, not from the host that libvirt would compare them with.
    { mode: 'custom', match: 'exact', check: spec.virtType === 'kvm' ? 'partial' : 'none' },
    el('model', { fallback: 'forbid' }, cpu.model),
    topology,
    ...(cpu.features ?? []).map(({ name, policy }) => el('feature', { policy, name })),
  )
}

function clockElement(spec: GuestSpec, x86: boolean): Element {
  const timers = x86
    ? [
        el('timer', { name: 'pit', tickpolicy: 'delay' }),
        el('timer', { name: 'rtc', tickpolicy: 'catchup' }),
        el('timer', { name: 'hpet', present: false }),
      ]
    : []
  return el('clock', { offset: spec.clock?.offset ?? 'utc' }, ...timers)
}

function diskElement(disk: GuestDisk): Element {
  const cdrom = disk.device === 'cdrom'
  const policy = disk.errorPolicy ?? 'stop'
  const limits = disk.limits ?? {}
  const limit = (name: string, value: number | undefined) =>
    value === undefined ? undefined : el(name, {}, String(value))
  return el(
    'disk',
    { type: disk.source === 'file' ? 'file' : 'network', device: disk.device ?? 'disk' },
    el('driver', {
      name: 'qemu',
      type: disk.source === 'file' ? disk.format : 'raw',
      cache: disk.cache,
      io: disk.io,
      discard: disk.discard,
      error_policy: policy,
      // Of reads; there is no "enospace" for them.
      rerror_policy: policy === 'enospace' ? 'stop' : policy,
    }),
    disk.source === 'iscsi' && disk.auth
      ? el(
          'auth',
          { username: disk.auth.username },
          el('secret', { type: 'iscsi', uuid: disk.auth.secretUuid.toLowerCase() }),
        )
      : undefined,
    disk.source === 'file'
      ? el('source', { file: disk.path })
      : el(
          'source',
          { protocol: 'iscsi', name: `${disk.iqn}/${disk.lun}` },
          el('host', { name: disk.host, port: disk.port }),
          el('initiator', {}, el('iqn', { name: disk.initiator })),
        ),
    el('target', { dev: disk.target, bus: disk.bus }),
    Object.values(limits).some((value) => value !== undefined)
      ? el(
          'iotune',
          {},
          limit('total_bytes_sec', limits.totalBytes),
          limit('read_bytes_sec', limits.readBytes),
          limit('write_bytes_sec', limits.writeBytes),
          limit('total_iops_sec', limits.totalIops),
          limit('read_iops_sec', limits.readIops),
          limit('write_iops_sec', limits.writeIops),
        )
      : undefined,
    disk.serial === undefined ? undefined : el('serial', {}, disk.serial),
    disk.bootOrder === undefined ? undefined : el('boot', { order: disk.bootOrder }),
    cdrom || disk.readOnly ? el('readonly') : undefined,
    disk.shareable ? el('shareable') : undefined,
  )
}

function interfaceElement(port: GuestInterface): Element {
  const model = port.model ?? 'virtio'
  return el(
    'interface',
    { type: 'ethernet' },
    el('mac', { address: port.mac.toLowerCase() }),
    // The tap is somebody else's: it is opened, and neither configured nor removed.
    el('target', { dev: port.tap, managed: false }),
    el('model', { type: model }),
    model === 'virtio'
      ? el('driver', { name: 'qemu', queues: (port.queues ?? 1) > 1 ? port.queues : undefined })
      : undefined,
    port.mtu === undefined ? undefined : el('mtu', { size: port.mtu }),
    port.bootOrder === undefined ? undefined : el('boot', { order: port.bootOrder }),
  )
}

/** The log daemon appends what the guest prints, whether or not somebody is connected to the pty. */
function serialElement({ logFile }: GuestSerial, virt: boolean): Element {
  return el(
    'serial',
    { type: 'pty' },
    logFile === undefined ? undefined : el('log', { file: logFile, append: 'on' }),
    el('target', { type: virt ? 'system-serial' : 'isa-serial', port: 0 }),
  )
}

/** Each device takes a port of its own, and ports cannot be plugged later: as many as there are devices, and spares. */
function pciePorts(spec: GuestSpec): Element[] {
  // Beside disks and cards: SCSI, USB, the agent's serial bus, memory balloon, random numbers.
  const taken = (spec.disks ?? []).filter(({ bus }) => bus === 'virtio').length + (spec.interfaces ?? []).length + 5
  const port = el('controller', { type: 'pci', model: 'pcie-root-port' })
  const ports = Array.from({ length: taken + (spec.pcieHotplugPorts ?? 8) }, () => port)
  // Once there are controllers in the text, libvirt wants the root among them.
  return [el('controller', { type: 'pci', index: 0, model: 'pcie-root' }), ...ports]
}
