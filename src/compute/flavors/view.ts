/** From a flavor to the API's answer. Source: nova/api/openstack/compute/views/flavors.py */
import { type Microversion, microversion } from '../../http/microversions.ts'
import { links } from '../links.ts'
import type { Flavor } from './flavors.ts'

const DESCRIPTION = microversion('2.55')
const SWAP_IS_A_NUMBER = microversion('2.75')
const LEGACY_UNTIL = microversion('2.101')

export interface FlavorViewOptions {
  readonly version: Microversion
  /** The public URL of compute. */
  readonly base: string
  /** From 2.61 on, for those who may see them. */
  readonly withExtraSpecs: boolean
}

export function viewFlavor(flavor: Flavor, { version, base, withExtraSpecs }: FlavorViewOptions) {
  return {
    id: flavor.id,
    name: flavor.name,
    ram: flavor.ramMiB,
    disk: flavor.rootGiB,
    swap: flavor.swapMiB || (version >= SWAP_IS_A_NUMBER ? 0 : ''),
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeralGiB,
    ...(version <= LEGACY_UNTIL && { 'OS-FLV-DISABLED:disabled': false, rxtx_factor: flavor.rxtxFactor }),
    vcpus: flavor.vcpus,
    'os-flavor-access:is_public': flavor.isPublic,
    ...(version >= DESCRIPTION && { description: flavor.description }),
    ...(withExtraSpecs && { extra_specs: flavor.extraSpecs }),
    links: links(base, 'flavors', flavor.id),
  }
}

/** As lists without detail show it. */
export function viewFlavorName(flavor: Flavor, { version, base }: FlavorViewOptions) {
  return {
    id: flavor.id,
    name: flavor.name,
    ...(version >= DESCRIPTION && { description: flavor.description }),
    links: links(base, 'flavors', flavor.id),
  }
}

export function viewAccess(flavorId: string, projectIds: readonly string[]) {
  return { flavor_access: projectIds.map((projectId) => ({ flavor_id: flavorId, tenant_id: projectId })) }
}
