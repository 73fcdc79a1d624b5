/** Shapes of questions about volume types. Source: cinder/api/schemas/{volume_types,types_extra_specs,volume_type_access,default_types}.py */
import { type Static, Type } from 'typebox'
import { Bool, ExtraSpec, ExtraSpecs, OptionalText } from '../parameter-types.ts'

const closed = { additionalProperties: false }
const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' })
const Project = Type.Object({ project: Type.String({ minLength: 1, maxLength: 255 }) }, closed)

const SPEC_KEY = '^[a-zA-Z0-9\\-_:. /]{1,255}$'
const CreateSpecs = Type.Unsafe<Record<string, string | null>>({
  type: 'object',
  patternProperties: { [SPEC_KEY]: { type: ['string', 'null'], maxLength: 255 } },
  additionalProperties: false,
})

export const TypeCreateBody = Type.Object(
  {
    volume_type: Type.Object(
      {
        name: Name,
        description: Type.Optional(OptionalText),
        extra_specs: Type.Optional(CreateSpecs),
        'os-volume-type-access:is_public': Type.Optional(Bool),
      },
      closed,
    ),
  },
  closed,
)
export type TypeCreate = Static<typeof TypeCreateBody>['volume_type']

export const TypeUpdateBody = Type.Object(
  {
    volume_type: Type.Object(
      {
        name: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], minLength: 1, maxLength: 255 })),
        description: Type.Optional(OptionalText),
        is_public: Type.Optional(Bool),
      },
      closed,
    ),
  },
  closed,
)
export type TypeUpdate = Static<typeof TypeUpdateBody>['volume_type']

export const ExtraSpecsBody = Type.Object({ extra_specs: ExtraSpecs }, closed)
export const ExtraSpecBody = ExtraSpec

export const ProjectAccess = Project

export const DefaultTypeBody = Type.Object({ default_type: Type.Object({ volume_type: Name }, closed) }, closed)
