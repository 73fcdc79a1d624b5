/**
 * From the body of a create, at whatever microversion it came, to the newest shape. The schema has let it through, so
 * only meanings change here: numbers and truths written as text, two spellings of hints, the older block device mapping.
 */
import ipaddr from 'ipaddr.js'
import { type Microversion, microversion } from '../../http/microversions.ts'
import type { NicWish } from '../../network/index.ts'
import { badField, badMapping, fieldNotOffered } from '../errors.ts'
import { isTrue, wholeNumber } from '../parameter-types.ts'
import type { ServerWish } from './create.ts'
import type { Mapping } from './disk-plan.ts'
import { requireNetworks, type ServerCreateBody } from './schemas.ts'

type Body = ServerCreateBody['server']
type MappingBody = Extract<NonNullable<Body['block_device_mapping_v2']>, readonly unknown[]>[number] & { tag?: string }

export function liftCreate(body: ServerCreateBody, version: Microversion): ServerWish {
  const { server } = body
  if (version >= microversion('2.37')) requireNetworks(body)
  if (server.trusted_image_certificates) throw fieldNotOffered('Certificate validation of images')
  if (
    server.host !== undefined &&
    server.hypervisor_hostname !== undefined &&
    server.host !== server.hypervisor_hostname
  ) {
    // A host has one hypervisor here, of the same name.
    throw badField(`Compute host ${server.hypervisor_hostname} could not be found.`)
  }
  const { minCount, maxCount } = countsOf(server)
  const host = server.host ?? server.hypervisor_hostname
  return {
    name: server.name.trim(),
    ...(server.imageRef && { imageRef: server.imageRef }),
    flavorRef: String(server.flavorRef),
    ...(server.adminPass !== undefined && { adminPass: server.adminPass }),
    metadata: server.metadata ?? {},
    networks: liftNetworks(server.networks),
    securityGroups: (server.security_groups ?? []).map(({ name }) => name).filter((name) => name !== undefined),
    ...(server['OS-DCF:diskConfig'] !== undefined && { diskConfig: server['OS-DCF:diskConfig'] }),
    ...(server.accessIPv4 !== undefined && { accessIpV4: server.accessIPv4 }),
    ...(server.accessIPv6 !== undefined && { accessIpV6: canonical(server.accessIPv6) }),
    files: (server.personality ?? []).map(({ path, contents }) => {
      if (path === undefined || contents === undefined)
        throw badField('Bad personality format: missing path or contents')
      return { path, contentsBase64: contents.replace(/\s/g, '') }
    }),
    ...(server.availability_zone !== undefined && { availabilityZone: server.availability_zone }),
    mappings: liftMappings(server),
    configDrive: isTrue(server.config_drive),
    ...(server.key_name !== undefined && { keyName: server.key_name }),
    minCount,
    maxCount,
    ...(server.user_data !== undefined && { userData: checkBase64(server.user_data) }),
    ...(server.description !== undefined && { description: server.description }),
    tags: server.tags ?? [],
    ...(host !== undefined && { host }),
    ...(server.hostname !== undefined && { hostname: server.hostname }),
    hints: body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {},
  }
}

/** The short form of an IPv6 address, as upstream's fields keep it. */
export function canonical(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.parse(address).toString() : address
}

export function wantsReservationId({ server }: ServerCreateBody): boolean {
  return isTrue(server.return_reservation_id)
}

/** Each alone stands for both. */
function countsOf(server: Body): { minCount: number; maxCount: number } {
  const read = (field: 'min_count' | 'max_count') => {
    const value = server[field]
    return value === undefined ? undefined : wholeNumber(field, value, { minimum: 1 })
  }
  const min = read('min_count')
  const max = read('max_count')
  return { minCount: min ?? 1, maxCount: max ?? min ?? 1 }
}

/** Without a word, or with an empty list, the one network that the project can use. */
function liftNetworks(networks: Body['networks']): NicWish['networks'] {
  if (networks === undefined || networks.length === 0) return 'auto'
  if (networks === 'auto' || networks === 'none') return networks
  const cards = networks as readonly { uuid?: string; port?: string | null; fixed_ip?: string; tag?: string }[]
  const ports = cards.map(({ port }) => port).filter((port) => port !== undefined && port !== null)
  const twice = ports.find((port, index) => ports.indexOf(port) !== index)
  if (twice !== undefined) {
    throw badField(`Port ID '${twice}' was specified twice: you cannot attach a port multiple times.`)
  }
  return cards.map(({ uuid, port, fixed_ip, tag }) => ({
    // A port says its network itself.
    ...(port ? { portId: port } : uuid !== undefined && { networkId: uuid }),
    ...(fixed_ip !== undefined && { fixedIp: fixed_ip }),
    ...(tag !== undefined && { tag }),
  }))
}

function liftMappings(server: Body): readonly Mapping[] {
  const { block_device_mapping: legacy, block_device_mapping_v2: mappings } = server
  if (legacy !== undefined && mappings !== undefined) {
    throw badField('Using different block_device_mapping syntaxes is not allowed in the same request.')
  }
  if (legacy !== undefined) return liftLegacyMappings(legacy, server.imageRef || undefined)
  return ((mappings ?? []) as readonly MappingBody[]).filter(isDevice).map(liftMapping)
}

/** `no_device` takes a device of the image's own away; images here have none. */
function isDevice({ no_device }: { no_device?: unknown }): boolean {
  return no_device === undefined || no_device === null || no_device === '' || no_device === false
}

function liftMapping(body: MappingBody): Mapping {
  const sourceType = body.source_type ?? sourceBesideIt(body)
  const uuid = body.uuid ?? body.volume_id ?? body.image_id ?? body.snapshot_id
  return {
    sourceType,
    // Upstream: an image or a blank disk stays on the host unless it is said otherwise, a volume is a volume.
    destinationType: body.destination_type ?? (sourceType === 'image' || sourceType === 'blank' ? 'local' : 'volume'),
    ...(uuid !== undefined && { uuid }),
    ...sizeOf(body.volume_size),
    bootIndex: bootIndexOf(body.boot_index),
    ...(body.volume_type ? { volumeType: body.volume_type } : {}),
    deleteOnTermination: isTrue(body.delete_on_termination),
    ...(body.device_name !== undefined && { deviceName: body.device_name }),
    ...(body.device_type !== undefined && { deviceType: body.device_type }),
    ...(body.disk_bus !== undefined && { diskBus: body.disk_bus }),
    ...(body.guest_format !== undefined && { guestFormat: body.guest_format }),
    ...(body.tag !== undefined && { tag: body.tag }),
  }
}

function sourceBesideIt(body: MappingBody): Mapping['sourceType'] {
  if (body.volume_id !== undefined) return 'volume'
  if (body.snapshot_id !== undefined) return 'snapshot'
  if (body.image_id !== undefined) return 'image'
  if (body.uuid !== undefined) throw badMapping('source_type is missing.')
  return 'blank'
}

/** The first form: volumes by device name; that of `vda` is booted from. Source: nova/block_device.py, from_legacy */
function liftLegacyMappings(
  legacy: NonNullable<Body['block_device_mapping']>,
  imageRef: string | undefined,
): readonly Mapping[] {
  const lifted = legacy.filter(isDevice).map((body): Mapping => {
    if (body.virtual_name !== undefined) throw fieldNotOffered('virtual_name of a block device mapping')
    if (body.snapshot_id !== undefined) throw fieldNotOffered('A block device from a volume snapshot')
    if (body.volume_id === undefined) throw badMapping('a mapping of the first form needs a volume_id.')
    return {
      sourceType: 'volume',
      destinationType: 'volume',
      uuid: body.volume_id,
      ...sizeOf(body.volume_size),
      ...(body.device_name !== undefined && { deviceName: body.device_name }),
      deleteOnTermination: isTrue(body.delete_on_termination),
    }
  })
  if (imageRef !== undefined) {
    if (lifted.some(({ deviceName }) => isRoot(deviceName))) {
      throw badField(`Invalid volume: Volume attachment and image cannot share the root device name.`)
    }
    return [
      { sourceType: 'image', destinationType: 'local', uuid: imageRef, bootIndex: 0, deleteOnTermination: true },
      ...lifted,
    ]
  }
  const root = lifted.findIndex(({ deviceName }) => isRoot(deviceName))
  const boots = root === -1 ? 0 : root
  return lifted.map((mapping, index) => (index === boots ? { ...mapping, bootIndex: 0 } : mapping))
}

function isRoot(deviceName: string | undefined): boolean {
  return deviceName?.replace(/^\/dev\//, '') === 'vda'
}

function sizeOf(size: number | string | undefined): { volumeSizeGiB?: number } {
  return size === undefined ? {} : { volumeSizeGiB: wholeNumber('volume_size', size, { minimum: 1 }) }
}

/** Every negative number says the same: not booted from. */
function bootIndexOf(index: number | string | null | undefined): number | null {
  if (index === undefined || index === null) return null
  const number = Number(index)
  if (!Number.isSafeInteger(number) || number > 1000) throw badMapping('boot_index is out of range.')
  return number < 0 ? -1 : number
}

/** Of a right length, as decoders want it. */
function checkBase64(text: string): string {
  if (text.replace(/\s/g, '').length % 4 !== 0) {
    throw badField('Invalid input for field/attribute user_data. It is not base64')
  }
  return text
}
