/** Which stored policy is for which endpoints. Source: keystone/endpoint_policy/core.py */
import type { Database } from '../../database/database.ts'
import type { Changes } from '../changes.ts'
import { findEndpoint, type Endpoint } from '../endpoints/store.ts'
import { endpointPolicyNotFound, notFound, policyAssociationNotFound } from '../errors.ts'
import { findRegion } from '../regions/store.ts'
import { findService } from '../services/store.ts'
import { findPolicy, type StoredPolicy } from '../stored-policies/store.ts'
import * as store from './store.ts'
import type { Place } from './store.ts'

export interface EndpointPolicies {
  /** Repeating it changes nothing; another policy for the same place gives way. */
  put(policyId: string, place: Place): Promise<void>
  /** @throws DomainError not-found, `identity.policy-association.not-found` */
  check(policyId: string, place: Place): Promise<void>
  delete(policyId: string, place: Place): Promise<void>
  endpointsOf(policyId: string): Promise<readonly Endpoint[]>
  /** @throws DomainError not-found, `identity.endpoint-policy.not-found`, when none is for the endpoint */
  policyOf(endpointId: string): Promise<StoredPolicy>
}

export function openEndpointPolicies({ db, changes }: { db: Database; changes: Changes }): EndpointPolicies {
  async function requireAll(policyId: string, { endpointId, serviceId, regionId }: Place): Promise<void> {
    await requirePolicy(policyId)
    if (endpointId !== undefined) await requireEndpoint(endpointId)
    if (serviceId !== undefined && (await findService(db, serviceId)) === undefined)
      throw notFound('service', serviceId)
    if (regionId !== undefined && (await findRegion(db, regionId)) === undefined) throw notFound('region', regionId)
  }

  async function requirePolicy(id: string): Promise<void> {
    if ((await findPolicy(db, id)) === undefined) throw notFound('policy', id)
  }

  async function requireEndpoint(id: string): Promise<void> {
    if ((await findEndpoint(db, id)) === undefined) throw notFound('endpoint', id)
  }

  return {
    async put(policyId, place) {
      await requireAll(policyId, place)
      await changes.commit((tx) => store.putAssociation(tx, policyId, place))
    },
    async check(policyId, place) {
      await requireAll(policyId, place)
      if (!(await store.hasAssociation(db, policyId, place))) throw policyAssociationNotFound()
    },
    async delete(policyId, place) {
      await requireAll(policyId, place)
      await changes.commit((tx) => store.deleteAssociation(tx, policyId, place))
    },
    async endpointsOf(policyId) {
      await requirePolicy(policyId)
      return await store.listEndpointsOfPolicy(db, policyId)
    },
    async policyOf(endpointId) {
      await requireEndpoint(endpointId)
      const found = await store.findPolicyOfEndpoint(db, endpointId)
      if (found === undefined) throw endpointPolicyNotFound(endpointId)
      return found
    },
  }
}
