/** Shapes of the server group calls. Source: nova/api/openstack/compute/schemas/server_groups.py */
import Type from 'typebox'
import { integerOrText, many, name, query } from '../parameter-types.ts'

const hard = ['anti-affinity', 'affinity']
const all = [...hard, 'soft-anti-affinity', 'soft-affinity']
const oneOf = (policies: string[], versions: { since?: string; until?: string }) =>
  Type.Array(Type.Enum(policies), { minItems: 1, maxItems: 1, ...versions })

export const ServerGroupCreateBody = Type.Object(
  {
    server_group: Type.Object(
      {
        name: name(),
        policies: Type.Union([oneOf(hard, { until: '2.14' }), oneOf(all, { since: '2.15' })], { until: '2.63' }),
        policy: Type.Enum(all, { since: '2.64' }),
        rules: Type.Optional(
          Type.Object(
            { max_server_per_host: Type.Optional(integerOrText({ minimum: 1 })) },
            { additionalProperties: false, since: '2.64' },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

const number = Type.Optional(many(Type.String({ pattern: '^[0-9]+$' })))
export const ServerGroupListQuery = query(
  { all_projects: Type.Optional(many(Type.String())), limit: number, offset: number },
  { looseUntil: '2.74' },
)
export const NoQuery = query({}, { looseUntil: '2.101' })
