/** Shapes of the flavor calls. Source: nova/api/openstack/compute/schemas/flavors.py, flavor_access.py, flavors_extraspecs.py */
import Type from 'typebox'
import { booleanOrText, freeText, integerOrText, many, name, paging, query, STORABLE } from '../parameter-types.ts'
import { SORT_COLUMNS } from './store.ts'

const size = integerOrText({ minimum: 0 })
const positiveSize = integerOrText({ minimum: 1 })

export const FlavorCreateBody = Type.Object(
  {
    flavor: Type.Object(
      {
        name: name(),
        id: Type.Optional(
          Type.Union([
            Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$' }),
            Type.Number(),
            Type.Null(),
          ]),
        ),
        ram: positiveSize,
        vcpus: positiveSize,
        disk: size,
        'OS-FLV-EXT-DATA:ephemeral': Type.Optional(size),
        swap: Type.Optional(size),
        rxtx_factor: Type.Optional(
          Type.Union(
            [
              Type.Number({ exclusiveMinimum: 0, maximum: 3.402_82e38 }),
              Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?$', maxLength: 40 }),
            ],
            { until: '2.101' },
          ),
        ),
        'os-flavor-access:is_public': Type.Optional(booleanOrText),
        description: Type.Optional(Type.Union([freeText(65_535), Type.Null()], { since: '2.55' })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

export const FlavorUpdateBody = Type.Object(
  {
    flavor: Type.Object({ description: Type.Union([freeText(65_535), Type.Null()]) }, { additionalProperties: false }),
  },
  { additionalProperties: false },
)

const sortKeys = Object.keys(SORT_COLUMNS)

export const FlavorListQuery = query(
  {
    ...paging,
    is_public: Type.Optional(many(Type.String())),
    minRam: Type.Optional(many(Type.String())),
    minDisk: Type.Optional(many(Type.String())),
    sort_key: Type.Optional(many(Type.Enum(sortKeys))),
    sort_dir: Type.Optional(many(Type.Enum(['asc', 'desc']))),
    name: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { since: '2.102' })),
  },
  { looseUntil: '2.74' },
)

export const NoQuery = query({}, { looseUntil: '2.101' })

export const AccessBody = Type.Object(
  { tenant: Type.String({ minLength: 1, maxLength: 255, pattern: STORABLE }) },
  { additionalProperties: false },
)

const specs = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
  Type.Union([Type.String({ maxLength: 255, pattern: STORABLE }), Type.Number()]),
  { additionalProperties: false },
)
export const ExtraSpecsBody = Type.Object({ extra_specs: specs }, { additionalProperties: false })
export const ExtraSpecBody = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9\\-_:. ]{1,255}$' }),
  Type.Union([Type.String({ maxLength: 255, pattern: STORABLE }), Type.Number()]),
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
)
