/** Shapes of the hypervisor calls. Source: nova/api/openstack/compute/schemas/hypervisors.py */
import Type, { type TSchema } from 'typebox'
import { query } from '../parameter-types.ts'

const manySince = (schema: TSchema, since: string) => Type.Optional(Type.Union([schema, Type.Array(schema)], { since }))

export const HypervisorListQuery = query(
  {
    limit: manySince(Type.String({ pattern: '^[0-9]+$' }), '2.33'),
    marker: manySince(Type.String(), '2.33'),
    // The last of several would be taken; upstream takes one only.
    hypervisor_hostname_pattern: Type.Optional(Type.String({ since: '2.53' })),
    with_servers: Type.Optional(Type.String({ since: '2.53' })),
  },
  { looseUntil: '2.52' },
)
export const HypervisorQuery = query(
  { with_servers: Type.Optional(Type.String({ since: '2.53' })) },
  { looseUntil: '2.52' },
)
