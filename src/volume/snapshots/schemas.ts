/** Shapes of questions about snapshots. Source: cinder/api/schemas/{snapshots,snapshot_actions,admin_actions}.py */
import { type Static, Type } from 'typebox'
import { Bool, OptionalMetadata, OptionalText, OptionalUuid } from '../parameter-types.ts'

const closed = { additionalProperties: false }
const words = {
  name: Type.Optional(OptionalText),
  display_name: Type.Optional(OptionalText),
  description: Type.Optional(OptionalText),
}

export const SnapshotCreateBody = Type.Object(
  {
    snapshot: Type.Object(
      {
        ...words,
        volume_id: OptionalUuid,
        force: Type.Optional(Bool),
        metadata: Type.Optional(OptionalMetadata),
      },
      closed,
    ),
  },
  closed,
)
export type SnapshotCreate = Static<typeof SnapshotCreateBody>['snapshot']

export const SnapshotUpdateBody = Type.Object(
  {
    snapshot: Type.Object(
      { ...words, display_description: Type.Optional(OptionalText) },
      { ...closed, minProperties: 1 },
    ),
  },
  closed,
)
export type SnapshotUpdate = Static<typeof SnapshotUpdateBody>['snapshot']

export const ResetSnapshotStatus = Type.Object({ status: Type.String({ maxLength: 255 }) }, closed)
export const UpdateSnapshotStatus = Type.Object(
  {
    status: Type.String({ maxLength: 255 }),
    progress: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], pattern: '^(100|[0-9]{1,2})%$' })),
  },
  closed,
)
