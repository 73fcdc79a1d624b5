/** Everything of compute that is no server, opened together and mounted together. */
import type { FastifyPluginAsync } from 'fastify'
import type { Database } from '../database/database.ts'
import type { PolicyTable } from '../http/policy.ts'
import { type Placement, standardNames } from '../placement/index.ts'
import { type Aggregates, openAggregates } from './aggregates/aggregates.ts'
import { aggregateRoutes } from './aggregates/routes.ts'
import { availabilityZoneRoutes } from './availability-zones/routes.ts'
import { extensionRoutes } from './extensions/routes.ts'
import { type Flavors, openFlavors } from './flavors/flavors.ts'
import { flavorPolicies } from './flavors/policies.ts'
import { flavorRoutes } from './flavors/routes.ts'
import { type HostRatios, type Hosts, openHosts } from './hosts/hosts.ts'
import { hostRoutes } from './hosts/routes.ts'
import { hypervisorRoutes } from './hypervisors/routes.ts'
import { type Keypairs, openKeypairs } from './keypairs/keypairs.ts'
import { keypairRoutes } from './keypairs/routes.ts'
import { openQuotas, type Quotas } from './quotas/quotas.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { serverGroupRoutes } from './server-groups/routes.ts'
import { openServerGroups, type ServerGroups } from './server-groups/server-groups.ts'
import { serviceRoutes } from './services/routes.ts'

export interface Resources {
  readonly hosts: Hosts
  readonly flavors: Flavors
  readonly keypairs: Keypairs
  readonly quotas: Quotas
  readonly serverGroups: ServerGroups
  readonly aggregates: Aggregates
  readonly projectExists: (id: string) => Promise<boolean>
}

export interface ResourceDependencies {
  readonly db: Database
  readonly placement: Placement
  readonly ratios?: HostRatios
  /** Identity's; without it every project is taken for real. */
  readonly projectExists?: (id: string) => Promise<boolean>
}

export function openResources({
  db,
  placement,
  ratios,
  projectExists = async () => true,
}: ResourceDependencies): Resources {
  const quotas = openQuotas({ db })
  return {
    hosts: openHosts({ db, placement, ...(ratios !== undefined && { ratios }) }),
    flavors: openFlavors({ db, projectExists }),
    keypairs: openKeypairs({ db, quotas }),
    quotas,
    serverGroups: openServerGroups({ db, quotas }),
    aggregates: openAggregates({ db }),
    projectExists,
  }
}

export const resourcePolicies: PolicyTable = { ...flavorPolicies }

/** Mount it below `/v2.1`, inside compute's plugin. */
export const resourceRoutes: FastifyPluginAsync<{
  resources: Resources
  policies: PolicyTable
  /** The public URL of compute, without the version. */
  base: string
}> = async (app, { resources, policies, base }) => {
  const { hosts, flavors, keypairs, quotas, serverGroups, aggregates, projectExists } = resources
  await app.register(flavorRoutes, { flavors, standardNames, policies, base })
  await app.register(keypairRoutes, { keypairs, policies, base })
  await app.register(quotaRoutes, { quotas, policies, projectExists })
  await app.register(serverGroupRoutes, { serverGroups, policies })
  await app.register(availabilityZoneRoutes, { hosts })
  await app.register(serviceRoutes, { hosts })
  await app.register(hypervisorRoutes, { hosts, base })
  await app.register(hostRoutes, { hosts })
  await app.register(aggregateRoutes, { aggregates, policies })
  await app.register(extensionRoutes)
}
