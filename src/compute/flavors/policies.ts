/** Reading flavors is guarded by no policy upstream: any token will do. */
import { AUTHENTICATED, type PolicyTable } from '../../http/policy.ts'

export const flavorPolicies = {
  'compute:flavors': AUTHENTICATED,
} satisfies PolicyTable
