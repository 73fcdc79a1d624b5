/** Shapes of questions about attachments. Source: cinder/api/schemas/attachments.py */
import { type Static, Type } from 'typebox'
import { Uuid } from '../parameter-types.ts'

const closed = { additionalProperties: false }

export const AttachmentCreateBody = Type.Object(
  {
    attachment: Type.Object(
      {
        instance_uuid: Type.Optional(Uuid),
        connector: Type.Optional(Type.Unsafe<Record<string, unknown> | null>({ type: ['object', 'null'] })),
        volume_uuid: Uuid,
        mode: Type.Optional(Type.Unsafe<'rw' | 'ro'>({ type: 'string', enum: ['rw', 'ro'], since: '3.54' })),
      },
      closed,
    ),
  },
  closed,
)
export type AttachmentCreate = Static<typeof AttachmentCreateBody>['attachment']

export const AttachmentUpdateBody = Type.Object(
  {
    attachment: Type.Object(
      { connector: Type.Unsafe<Record<string, unknown>>({ type: 'object', minProperties: 1 }) },
      closed,
    ),
  },
  closed,
)
