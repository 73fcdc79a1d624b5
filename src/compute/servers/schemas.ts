/**
 * The shapes of questions about servers, over all microversions.
 * Source: nova/api/openstack/compute/schemas/servers.py, nova/api/validation/parameter_types.py
 */
import Type, { type Static, type TSchema } from 'typebox'
import { DomainError } from '../../domain-error.ts'
import { booleanOrText, freeText, integerOrText, many, metadata, name, paging, query } from '../parameter-types.ts'

const strict = { additionalProperties: false } as const
const Uuid = Type.String({ format: 'uuid' })
const UuidOrNull = Type.Union([Uuid, Type.Null()])
const IpAddress = Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })])
/** Upstream's `format: base64` lets line ends pass; what is too long is refused before it is looked at. */
const Base64 = (maxLength?: number) =>
  Type.String({ pattern: '^[A-Za-z0-9+/\\s]*={0,2}\\s*$', ...(maxLength !== undefined && { maxLength }) })
const DiskConfig = Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])
/** Without `,` and `/`. */
export const Tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/\\u0000]*$' })
export const MAX_TAGS = 50
const FQDN = { minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9\\-._]*$' }
const HOST_LABEL = { minLength: 2, maxLength: 63, pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$' }

const nic = (id: TSchema) => ({
  fixed_ip: Type.Optional(IpAddress),
  port: Type.Optional(UuidOrNull),
  uuid: Type.Optional(id),
})
const Tagged = { tag: Type.Optional(Tag) }
const AnyNetworkId = Type.String({ maxLength: 255 })

/** `tag` came in 2.32, was lost from 2.37 on and is back since 2.42; the words came in 2.37. */
const Networks = Type.Union([
  Type.Array(Type.Object(nic(AnyNetworkId), strict), { until: '2.31' }),
  Type.Array(Type.Object({ ...nic(AnyNetworkId), ...Tagged }, strict), { since: '2.32', until: '2.36' }),
  Type.Array(Type.Object(nic(Uuid), strict), { since: '2.37', until: '2.41' }),
  Type.Array(Type.Object({ ...nic(Uuid), ...Tagged }, strict), { since: '2.42' }),
  Type.Literal('auto', { since: '2.37' }),
  Type.Literal('none', { since: '2.37' }),
])

const legacyMapping = {
  virtual_name: Type.Optional(Type.String({ maxLength: 255 })),
  volume_id: Type.Optional(Uuid),
  snapshot_id: Type.Optional(Uuid),
  volume_size: Type.Optional(integerOrText({ minimum: 1 })),
  device_name: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' })),
  delete_on_termination: Type.Optional(booleanOrText),
  no_device: Type.Optional(Type.Any()),
  connection_info: Type.Optional(Type.String({ maxLength: 16_777_215 })),
}
const mapping = {
  ...legacyMapping,
  source_type: Type.Optional(
    Type.Union([Type.Literal('volume'), Type.Literal('image'), Type.Literal('snapshot'), Type.Literal('blank')]),
  ),
  uuid: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })),
  image_id: Type.Optional(Uuid),
  destination_type: Type.Optional(Type.Union([Type.Literal('local'), Type.Literal('volume')])),
  guest_format: Type.Optional(freeText(255)),
  device_type: Type.Optional(freeText(255)),
  disk_bus: Type.Optional(freeText(255)),
  boot_index: Type.Optional(
    Type.Union([Type.Integer(), Type.String({ maxLength: 12, pattern: '^-?[0-9]+$' }), Type.Null()]),
  ),
  volume_type: Type.Optional(Type.Union([freeText(255), Type.Null()], { since: '2.67' })),
}
/** `tag` came in 2.32, was lost in 2.33 and is back since 2.42. */
const Mappings = Type.Union([
  Type.Array(Type.Object(mapping, strict), { until: '2.31' }),
  Type.Array(Type.Object({ ...mapping, ...Tagged }, strict), { since: '2.32', until: '2.32' }),
  Type.Array(Type.Object(mapping, strict), { since: '2.33', until: '2.41' }),
  Type.Array(Type.Object({ ...mapping, ...Tagged }, strict), { since: '2.42' }),
])

const oneOrMany = (schema: TSchema) => Type.Union([schema, Type.Array(schema)])
/** Further hints pass, as upstream lets them: schedulers of one's own read them there. */
const Hints = Type.Object(
  {
    group: Type.Optional(oneOrMany(Uuid)),
    different_host: Type.Optional(oneOrMany(Uuid)),
    same_host: Type.Optional(oneOrMany(Uuid)),
    query: Type.Optional(Type.Union([Type.String(), Type.Object({})])),
    target_cell: Type.Optional(name()),
    different_cell: Type.Optional(oneOrMany(Type.String())),
    build_near_host_ip: Type.Optional(IpAddress),
    cidr: Type.Optional(Type.String({ pattern: '^/[0-9a-f.:]+$' })),
  },
  { additionalProperties: true },
)

export const ServerCreateBody = Type.Object(
  {
    server: Type.Object(
      {
        name: name(),
        imageRef: Type.Optional(Type.Union([Uuid, Type.Literal('')])),
        flavorRef: Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Integer()]),
        adminPass: Type.Optional(freeText(255)),
        metadata: Type.Optional(metadata),
        networks: Type.Optional(Networks),
        'OS-DCF:diskConfig': Type.Optional(DiskConfig),
        accessIPv4: Type.Optional(Type.String({ format: 'ipv4' })),
        accessIPv6: Type.Optional(Type.String({ format: 'ipv6' })),
        personality: Type.Optional(
          Type.Array(Type.Object({ path: Type.Optional(Type.String()), contents: Type.Optional(Base64()) }, strict), {
            until: '2.56',
          }),
        ),
        availability_zone: Type.Optional(name()),
        block_device_mapping: Type.Optional(Type.Array(Type.Object(legacyMapping, strict))),
        block_device_mapping_v2: Type.Optional(Mappings),
        config_drive: Type.Optional(booleanOrText),
        key_name: Type.Optional(name()),
        min_count: Type.Optional(integerOrText({ minimum: 1 })),
        max_count: Type.Optional(integerOrText({ minimum: 1 })),
        return_reservation_id: Type.Optional(booleanOrText),
        security_groups: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(name()) }, strict))),
        user_data: Type.Optional(Base64(65_535)),
        description: Type.Optional(Type.Union([freeText(255), Type.Null()], { since: '2.19' })),
        tags: Type.Optional(Type.Array(Tag, { maxItems: MAX_TAGS, since: '2.52' })),
        trusted_image_certificates: Type.Optional(
          Type.Union(
            [Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }), Type.Null()],
            { since: '2.63' },
          ),
        ),
        host: Type.Optional(Type.String({ ...FQDN, since: '2.74' })),
        hypervisor_hostname: Type.Optional(Type.String({ ...FQDN, since: '2.74' })),
        hostname: Type.Optional(
          Type.Union([Type.String({ ...HOST_LABEL, until: '2.93' }), Type.String({ ...FQDN, since: '2.94' })], {
            since: '2.90',
          }),
        ),
      },
      strict,
    ),
    'os:scheduler_hints': Type.Optional(Hints),
    'OS-SCH-HNT:scheduler_hints': Type.Optional(Hints),
  },
  strict,
)
export type ServerCreateBody = Static<typeof ServerCreateBody>

/** From 2.37 on `networks` must be said; the schema's `since` only makes fields come and go. */
export function requireNetworks(body: ServerCreateBody): void {
  if (body.server.networks !== undefined) return
  throw new DomainError(
    'invalid',
    'http.schema.violated',
    `Invalid input for field/attribute server. 'networks' is a required property`,
    { details: { path: '/server', field: 'server' } },
  )
}

export const ServerUpdateBody = Type.Object(
  {
    server: Type.Object(
      {
        name: Type.Optional(name()),
        'OS-DCF:diskConfig': Type.Optional(DiskConfig),
        accessIPv4: Type.Optional(Type.String({ format: 'ipv4' })),
        accessIPv6: Type.Optional(Type.String({ format: 'ipv6' })),
        description: Type.Optional(Type.Union([freeText(255), Type.Null()], { since: '2.19' })),
        hostname: Type.Optional(
          Type.Union([Type.String({ ...HOST_LABEL, until: '2.93' }), Type.String({ ...FQDN, since: '2.94' })], {
            since: '2.90',
          }),
        ),
        pinned_availability_zone: Type.Optional(
          Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()], { since: '2.104' }),
        ),
      },
      strict,
    ),
  },
  strict,
)

// --- Lists --------------------------------------------------------------------------------------------------------

/** Keys that lists sort by, with their columns. Up to 2.74 some others are taken and ignored. */
export const SORT_COLUMNS: Readonly<Record<string, string>> = {
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  auto_disk_config: 'disk_config',
  availability_zone: 'availability_zone',
  config_drive: 'config_drive',
  created_at: 'created_at',
  display_description: 'description',
  display_name: 'name',
  host: 'host',
  hostname: 'hostname',
  image_ref: 'image_id',
  instance_type_id: 'flavor_id',
  key_name: 'key_name',
  launch_index: 'launch_index',
  launched_at: 'launched_at',
  locked: 'locked_by',
  locked_by: 'locked_by',
  node: 'host',
  power_state: 'power_state',
  project_id: 'project_id',
  root_device_name: 'root_device_name',
  task_state: 'task_state',
  terminated_at: 'terminated_at',
  updated_at: 'updated_at',
  user_id: 'user_id',
  uuid: 'id',
  vm_state: 'vm_state',
}
/** Sort keys that mean the same for all servers here. */
const UNSORTED = ['kernel_id', 'ramdisk_id', 'progress']
const IGNORED_SORT_KEYS = [
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'launched_on',
  'memory_mb',
  'os_type',
  'reservation_id',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
]

const text = Type.Optional(many(Type.String()))
const literals = (words: readonly string[], range: { since?: string; until?: string } = {}) =>
  Type.Union(
    words.map((word) => Type.Literal(word)),
    range,
  )
const SortKey = Type.Union([
  literals([...Object.keys(SORT_COLUMNS).filter((key) => key !== 'locked'), ...UNSORTED]),
  Type.Literal('locked', { since: '2.73' }),
  literals([...IGNORED_SORT_KEYS, 'locked'], { until: '2.72' }),
  literals(IGNORED_SORT_KEYS, { since: '2.73', until: '2.74' }),
])

export const ServerListQuery = query(
  {
    ...paging,
    ...Object.fromEntries(
      [
        'user_id',
        'project_id',
        'tenant_id',
        'launch_index',
        'image_ref',
        'image',
        'kernel_id',
        'ramdisk_id',
        'hostname',
        'key_name',
        'power_state',
        'vm_state',
        'task_state',
        'host',
        'node',
        'flavor',
        'reservation_id',
        'launched_at',
        'terminated_at',
        'availability_zone',
        'name',
        'display_name',
        'description',
        'display_description',
        'locked_by',
        'uuid',
        'root_device_name',
        'config_drive',
        'access_ip_v4',
        'access_ip_v6',
        'auto_disk_config',
        'progress',
        'sort_dir',
        'all_tenants',
        'soft_deleted',
        'deleted',
        'status',
        'changes-since',
        'ip',
        'ip6',
        'created_at',
        // Joined tables of upstream: taken here and refused by the list's rules, whatever their values.
        'block_device_mapping',
        'services',
        'metadata',
        'system_metadata',
        'info_cache',
        'security_groups',
        'pci_devices',
      ].map((key) => [key, text]),
    ),
    sort_key: Type.Optional(many(SortKey)),
    ...Object.fromEntries(
      ['tags', 'tags-any', 'not-tags', 'not-tags-any'].map((key) => [
        key,
        Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.26' })),
      ]),
    ),
    'changes-before': Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.66' })),
    locked: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.73' })),
  },
  { looseUntil: '2.74' },
)

/** From 2.102 on a single server takes no query. */
export const ServerShowQuery = query({}, { looseUntil: '2.101' })
