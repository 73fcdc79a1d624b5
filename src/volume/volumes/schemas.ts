/** Shapes of questions about volumes. Source: cinder/api/schemas/{volumes,volume_actions,admin_actions,volume_metadata,volume_image_metadata,scheduler_hints}.py */
import { type Static, Type } from 'typebox'
import {
  Bool,
  ImageMetadata,
  Metadata,
  OptionalBool,
  OptionalMetadata,
  OptionalSize,
  OptionalText,
  OptionalUuid,
  Size,
  Uuid,
} from '../parameter-types.ts'

const closed = { additionalProperties: false }

const createProperties = {
  name: Type.Optional(OptionalText),
  description: Type.Optional(OptionalText),
  display_name: Type.Optional(OptionalText),
  display_description: Type.Optional(OptionalText),
  volume_type: Type.Optional(OptionalText),
  metadata: Type.Optional(OptionalMetadata),
  snapshot_id: Type.Optional(OptionalUuid),
  source_volid: Type.Optional(OptionalUuid),
  consistencygroup_id: Type.Optional(OptionalUuid),
  size: Type.Optional(OptionalSize),
  availability_zone: Type.Optional(
    Type.Unsafe<string | null>({ type: ['string', 'null'], minLength: 1, maxLength: 255 }),
  ),
  multiattach: Type.Optional(OptionalBool),
  image_id: Type.Optional(OptionalText),
  imageRef: Type.Optional(OptionalText),
  group_id: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, since: '3.13' })),
  backup_id: Type.Optional(Type.Unsafe<string | null>({ ...OptionalUuid, since: '3.47' })),
}

const UuidOrSome = Type.Union([Uuid, Type.Array(Uuid, { uniqueItems: true })])
const Hints = Type.Object(
  { different_host: Type.Optional(UuidOrSome), same_host: Type.Optional(UuidOrSome) },
  { additionalProperties: true },
)

const HINTS = 'OS-SCH-HNT:scheduler_hints'
const createBody = (additionalProperties: boolean) =>
  Type.Object(
    {
      volume: Type.Object(createProperties, { additionalProperties }),
      [HINTS]: Type.Optional(Type.Union([Hints, Type.Null()])),
    },
    closed,
  )

/** Until 3.52 keys that nobody knew were let pass. */
export const LooseVolumeCreateBody = createBody(true)
export const VolumeCreateBody = createBody(false)
export type VolumeCreate = Static<typeof VolumeCreateBody>['volume']
export type SchedulerHints = Static<typeof Hints>

const updateProperties = {
  name: Type.Optional(OptionalText),
  description: Type.Optional(OptionalText),
  display_name: Type.Optional(OptionalText),
  display_description: Type.Optional(OptionalText),
  metadata: Type.Optional(Metadata),
}
export const LooseVolumeUpdateBody = Type.Object({ volume: Type.Object(updateProperties, closed) }, closed)
/** From 3.53 an update changes something. */
export const VolumeUpdateBody = Type.Object(
  { volume: Type.Object(updateProperties, { ...closed, minProperties: 1 }) },
  closed,
)
export type VolumeUpdate = Static<typeof VolumeUpdateBody>['volume']

// --- Actions: the value under the action's key -------------------------------------------------------------------

/** Upstream takes anything where nothing is asked. */
export const Anything = Type.Unknown()

export const Attach = Type.Object(
  {
    instance_uuid: Type.Optional(Uuid),
    mountpoint: Type.String({ minLength: 1, maxLength: 255 }),
    host_name: Type.Optional(Type.String({ maxLength: 255 })),
    mode: Type.Optional(Type.Union([Type.Literal('rw'), Type.Literal('ro')])),
  },
  closed,
)
export const Detach = Type.Union([Type.Object({ attachment_id: Type.Optional(OptionalUuid) }, closed), Type.Null()])
export const ForceDetach = Type.Object(
  {
    connector: Type.Optional(Type.Unsafe<unknown>({ type: ['string', 'object', 'null'] })),
    attachment_id: Type.Optional(OptionalText),
  },
  closed,
)
/** A text is let pass by the schema and refused as a connector, as upstream. */
const AnyConnector = Type.Unsafe<unknown>({ type: ['object', 'string'] })
export const InitializeConnection = Type.Object({ connector: AnyConnector }, closed)
export const TerminateConnection = Type.Object(
  { connector: Type.Unsafe<unknown>({ type: ['string', 'object', 'null'] }) },
  closed,
)
export const Extend = Type.Object({ new_size: Size }, closed)
export const ResetStatus = Type.Object(
  {
    status: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255 })),
    attach_status: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255 })),
    migration_status: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255 })),
  },
  closed,
)
export const SetBootable = Type.Object({ bootable: Bool }, closed)
export const UpdateReadonly = Type.Object({ readonly: Bool }, closed)
export const Retype = Type.Object(
  {
    new_type: Type.String({ maxLength: 255 }),
    migration_policy: Type.Optional(Type.Unsafe<string>({ enum: ['on-demand', 'never'] })),
  },
  closed,
)
export const SetImageMetadata = Type.Object({ metadata: ImageMetadata }, closed)
export const UnsetImageMetadata = Type.Object({ key: Type.String({ minLength: 1, maxLength: 255 }) }, closed)
export const UploadImage = Type.Object({ image_name: Type.String({ minLength: 1, maxLength: 255 }) })
export const MIGRATION_STATES = ['none', 'starting', 'migrating', 'completing', 'success', 'error', 'deleting'] as const
