/** Shapes of the quota calls. Source: nova/api/openstack/compute/schemas/quota_sets.py, quota_classes.py, limits.py */
import Type, { type TSchema } from 'typebox'
import { booleanOrText, integerOrText, many, query } from '../parameter-types.ts'

const limit = (versions: { since?: string; until?: string } = {}): TSchema =>
  Type.Optional(Type.Union([...integerOrText({ minimum: -1 }).anyOf], versions))

/** @param networkUntil last version with the quotas that moved to the network service */
const limits = (networkUntil: string) => ({
  instances: limit(),
  cores: limit(),
  ram: limit(),
  metadata_items: limit(),
  key_pairs: limit(),
  server_groups: limit(),
  server_group_members: limit(),
  floating_ips: limit({ until: networkUntil }),
  fixed_ips: limit({ until: networkUntil }),
  security_groups: limit({ until: networkUntil }),
  security_group_rules: limit({ until: networkUntil }),
  injected_files: limit({ until: '2.56' }),
  injected_file_content_bytes: limit({ until: '2.56' }),
  injected_file_path_bytes: limit({ until: '2.56' }),
})

export const QuotaSetBody = Type.Object(
  {
    quota_set: Type.Object({ ...limits('2.35'), force: Type.Optional(booleanOrText) }, { additionalProperties: false }),
  },
  { additionalProperties: false },
)
export const QuotaClassBody = Type.Object(
  { quota_class_set: Type.Object(limits('2.49'), { additionalProperties: false }) },
  { additionalProperties: false },
)

export const UserQuery = query({ user_id: Type.Optional(many(Type.String())) }, { looseUntil: '2.74' })
export const LimitsQuery = query({ tenant_id: Type.Optional(many(Type.String())) }, { looseUntil: '2.74' })
export const NoQuery = query({}, { looseUntil: '2.101' })
