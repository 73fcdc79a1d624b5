/** What a client sees of a volume type. Source: cinder/api/v3/views/types.py */
import type { Caller } from '../../http/caller.ts'
import { authorizes } from '../authorizes.ts'
import type { TypeRow } from './store.ts'
import { visibleSpecs } from './types.ts'

export function viewType(type: TypeRow, caller: Caller) {
  return {
    id: type.id,
    name: type.name,
    is_public: type.isPublic,
    description: type.description,
    ...(authorizes('volume_extension:access_types_extra_specs', caller) && { extra_specs: visibleSpecs(caller, type) }),
    ...(authorizes('volume_extension:access_types_qos_specs_id', caller) && { qos_specs_id: null }),
    ...(authorizes('volume_extension:volume_type_access', caller) && {
      'os-volume-type-access:is_public': type.isPublic,
    }),
  }
}

/** The answer to a create: without what only the newer view has. Source: cinder/api/views/types.py */
export function viewCreatedType(type: TypeRow) {
  return { ...viewUpdatedType(type), 'os-volume-type-access:is_public': type.isPublic }
}

/** The answer to an update has nothing of extensions either. */
export function viewUpdatedType(type: TypeRow) {
  return {
    id: type.id,
    name: type.name,
    is_public: type.isPublic,
    description: type.description,
    extra_specs: type.extraSpecs,
  }
}
