/** What a guest's values must look like. Refused here, they never reach libvirt, whose messages name no field. */
import type { GuestDisk, GuestInterface, GuestSpec, SecretSpec } from './spec.ts'
import { InvalidGuest } from './xml.ts'

function refuse(path: string, reason: string): never {
  throw new InvalidGuest(path, reason)
}

export function checkUuid(path: string, value: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) refuse(path, 'no uuid')
}
function checkWhole(path: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    refuse(path, `not a whole number from ${min} to ${max}`)
}
/** Absolute, and without line ends: such a path is somebody's mistake, or worse. */
function checkPath(path: string, value: string): void {
  if (!value.startsWith('/') || /[\n\r\t]/.test(value)) refuse(path, 'no absolute path')
}
function checkOneLine(path: string, value: string): void {
  if (value === '' || /[\n\r]/.test(value)) refuse(path, 'empty or more than one line')
}
/** Written without escaping trouble anywhere: libvirt's, QEMU's and the kernel's own small words. */
function checkWord(path: string, value: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:+-]*$/.test(value)) refuse(path, 'letters, digits and _ . : + - only')
}
function checkIqn(path: string, value: string): void {
  if (!/^(iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+(:[^\s/,]+)?|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32})$/.test(value)) {
    refuse(path, 'no iSCSI name')
  }
}
function checkOneOf(path: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) refuse(path, `none of ${allowed.join(', ')}`)
}

const targets: Record<GuestDisk['bus'], RegExp> = {
  virtio: /^vd[a-z]{1,2}$/,
  scsi: /^sd[a-z]{1,2}$/,
  sata: /^sd[a-z]{1,2}$/,
  ide: /^hd[a-d]$/,
}

export function checkDisk(path: string, disk: GuestDisk): void {
  checkOneOf(`${path}.bus`, disk.bus, Object.keys(targets))
  if (!targets[disk.bus].test(disk.target)) refuse(`${path}.target`, `no device name on ${disk.bus}`)
  checkOneOf(`${path}.device`, disk.device ?? 'disk', ['disk', 'cdrom'])
  if (disk.device === 'cdrom' && disk.bus === 'virtio') refuse(`${path}.bus`, 'virtio has no CD-ROM')
  if (disk.bootOrder !== undefined) checkWhole(`${path}.bootOrder`, disk.bootOrder, 1, 255)
  if (disk.serial !== undefined && !/^[A-Za-z0-9_ .+-]{1,247}$/.test(disk.serial)) {
    refuse(`${path}.serial`, 'letters, digits, blanks and _ . + - only')
  }
  for (const [name, value] of Object.entries(disk.limits ?? {})) {
    if (value !== undefined) checkWhole(`${path}.limits.${name}`, value, 1, Number.MAX_SAFE_INTEGER)
  }
  const { limits } = disk
  if (limits?.totalBytes !== undefined && (limits.readBytes !== undefined || limits.writeBytes !== undefined)) {
    refuse(`${path}.limits`, 'a total and a part of the same')
  }
  if (limits?.totalIops !== undefined && (limits.readIops !== undefined || limits.writeIops !== undefined)) {
    refuse(`${path}.limits`, 'a total and a part of the same')
  }
  if (disk.source === 'file') {
    checkPath(`${path}.path`, disk.path)
    checkOneOf(`${path}.format`, disk.format, ['qcow2', 'raw'])
  } else if (disk.source === 'iscsi') {
    if (!/^[A-Za-z0-9.:_-]+$/.test(disk.host)) refuse(`${path}.host`, 'no host name or address')
    checkWhole(`${path}.port`, disk.port, 1, 65_535)
    checkIqn(`${path}.iqn`, disk.iqn)
    checkWhole(`${path}.lun`, disk.lun, 0, 16_383)
    checkIqn(`${path}.initiator`, disk.initiator)
    if (disk.auth !== undefined) {
      checkOneLine(`${path}.auth.username`, disk.auth.username)
      checkUuid(`${path}.auth.secretUuid`, disk.auth.secretUuid)
    }
  } else refuse(`${path}.source`, 'neither file nor iscsi')
}

export function checkInterface(path: string, port: GuestInterface): void {
  // The kernel's rule for names, and none that a shell or a rule set would read as something else.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(port.tap))
    refuse(`${path}.tap`, 'no interface name of at most 15 characters')
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(port.mac)) refuse(`${path}.mac`, 'no MAC address')
  if ((Number.parseInt(port.mac.slice(0, 2), 16) & 1) === 1) refuse(`${path}.mac`, 'a multicast address')
  if (port.mtu !== undefined) checkWhole(`${path}.mtu`, port.mtu, 68, 65_535)
  if (port.queues !== undefined) checkWhole(`${path}.queues`, port.queues, 1, 256)
  if (port.queues !== undefined && port.queues > 1 && (port.model ?? 'virtio') !== 'virtio') {
    refuse(`${path}.queues`, 'only virtio has several')
  }
  if (port.bootOrder !== undefined) checkWhole(`${path}.bootOrder`, port.bootOrder, 1, 255)
}

export function checkSecret(secret: SecretSpec): void {
  checkUuid('uuid', secret.uuid)
  const { usage } = secret
  switch (usage.type) {
    case 'iscsi':
      checkOneLine('usage.target', usage.target)
      break
    case 'ceph':
      checkOneLine('usage.name', usage.name)
      break
    case 'volume':
      checkPath('usage.path', usage.path)
      break
    default:
      refuse('usage.type', 'none of iscsi, ceph, volume')
  }
}

export function checkGuest(spec: GuestSpec): void {
  checkUuid('uuid', spec.uuid)
  checkOneLine('name', spec.name)
  if (spec.name.includes('/')) refuse('name', 'a slash')
  if (spec.title !== undefined && /[\n\r]/.test(spec.title)) refuse('title', 'more than one line')
  checkWhole('memoryMiB', spec.memoryMiB, 1, 16 * 1024 * 1024)
  checkWhole('vcpus', spec.vcpus, 1, 1024)
  checkOneOf('virtType', spec.virtType, ['kvm', 'qemu'])
  if (spec.pcieHotplugPorts !== undefined) checkWhole('pcieHotplugPorts', spec.pcieHotplugPorts, 0, 64)
  if (spec.emulator !== undefined) checkPath('emulator', spec.emulator)
  if (spec.machine !== undefined) checkWord('machine', spec.machine)
  const { cpu } = spec
  if (cpu?.mode === 'host-passthrough' && spec.virtType !== 'kvm') refuse('cpu.mode', 'host-passthrough needs kvm')
  if (cpu?.mode === 'custom') {
    checkWord('cpu.model', cpu.model)
    for (const [index, feature] of (cpu.features ?? []).entries())
      checkWord(`cpu.features[${index}].name`, feature.name)
  }
  if (cpu?.topology !== undefined) {
    const { sockets, cores, threads } = cpu.topology
    for (const [name, value] of Object.entries(cpu.topology)) checkWhole(`cpu.topology.${name}`, value, 1, 1024)
    if (sockets * cores * threads !== spec.vcpus) refuse('cpu.topology', `does not make ${spec.vcpus} vcpus`)
  }
  if (spec.firmware?.type === 'uefi') {
    const { loader, nvram, secureBoot } = spec.firmware
    if (loader !== undefined) checkPath('firmware.loader.path', loader.path)
    if (loader?.template !== undefined) checkPath('firmware.loader.template', loader.template)
    if (nvram !== undefined) checkPath('firmware.nvram', nvram)
    if (secureBoot === true && spec.arch !== 'aarch64' && !/q35/.test(spec.machine ?? 'pc')) {
      refuse('firmware.secureBoot', 'needs machine type q35')
    }
  }
  for (const [name, value] of Object.entries(spec.sysinfo ?? {})) {
    if (value !== undefined) checkOneLine(`sysinfo.${name}`, value)
  }
  const machine = spec.machine ?? (spec.arch === 'aarch64' ? 'virt' : 'pc')
  const hasIde = machine === 'pc' || machine.startsWith('pc-i440fx')
  const seen = { target: new Set<string>(), order: new Set<number>(), mac: new Set<string>(), tap: new Set<string>() }
  const once = <T>(set: Set<T>, value: T, path: string) => {
    if (set.has(value)) refuse(path, `${value} twice`)
    set.add(value)
  }
  for (const [index, disk] of (spec.disks ?? []).entries()) {
    checkDisk(`disks[${index}]`, disk)
    once(seen.target, disk.target, `disks[${index}].target`)
    if (disk.bus === 'ide' && !hasIde) refuse(`disks[${index}].bus`, 'this machine type has no IDE')
    if (disk.bootOrder !== undefined) once(seen.order, disk.bootOrder, `disks[${index}].bootOrder`)
  }
  for (const [index, port] of (spec.interfaces ?? []).entries()) {
    checkInterface(`interfaces[${index}]`, port)
    once(seen.mac, port.mac.toLowerCase(), `interfaces[${index}].mac`)
    once(seen.tap, port.tap, `interfaces[${index}].tap`)
    if (port.bootOrder !== undefined) once(seen.order, port.bootOrder, `interfaces[${index}].bootOrder`)
  }
  if (spec.serial?.logFile !== undefined) checkPath('serial.logFile', spec.serial.logFile)
  if (spec.vnc?.listen !== undefined && !/^[0-9A-Fa-f.:]+$/.test(spec.vnc.listen)) refuse('vnc.listen', 'no address')
  if (spec.vnc?.keymap !== undefined) checkWord('vnc.keymap', spec.vnc.keymap)
  if (spec.vnc?.password !== undefined && !/^[\x21-\x7e]{1,8}$/.test(spec.vnc.password)) {
    refuse('vnc.password', 'one to eight printable ASCII characters')
  }
  if (spec.vnc !== undefined && spec.video?.model === 'none') refuse('video.model', 'a VNC server needs a display')
  if (spec.video?.vramKiB !== undefined) checkWhole('video.vramKiB', spec.video.vramKiB, 1024, 1024 * 1024)
  if (typeof spec.rng === 'object') {
    if (spec.rng.source !== undefined) checkPath('rng.source', spec.rng.source)
    if (spec.rng.rate !== undefined) {
      checkWhole('rng.rate.bytes', spec.rng.rate.bytes, 1, 0x7fffffff)
      checkWhole('rng.rate.periodMs', spec.rng.rate.periodMs, 1, 0x7fffffff)
    }
  }
  if (typeof spec.memballoon === 'object') {
    checkWhole('memballoon.statsPeriodSeconds', spec.memballoon.statsPeriodSeconds, 0, 86_400)
  }
}
