/** Puts the network service together: rules on a database, routes on rules, hosts kept as the tables say. */
import type { FastifyPluginAsync } from 'fastify'
import { asService } from '../http/service.ts'
import { agentRoutes, registerAgents } from './agents/routes.ts'
import { availabilityZoneRoutes } from './availability-zones/routes.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { networkFault } from './faults.ts'
import { ensureFirstNetworks } from './first-cloud.ts'
import type { Network, OpenNetwork, PortNews } from './index.ts'
import { ipAvailabilityRoutes } from './ip-availability/routes.ts'
import { networks as networkRules } from './networks/networks.ts'
import { openPlanes } from './plane/planes.ts'
import { POLICIES } from './policies.ts'
import { type PortRemoved, ports as portRules } from './ports/ports.ts'
import { quotaRoutes } from './quotas/routes.ts'
import { resourceRoutes } from './resources/resource-routes.ts'
import { securityGroupRules } from './security-group-rules/security-group-rules.ts'
import { securityGroups } from './security-groups/security-groups.ts'
import { ensureDefaultGroup } from './security-groups/default-group.ts'
import { find as findSecurityGroups, ofProject as securityGroupsOfProject } from './security-groups/store.ts'
import { serverSide } from './servers/servers.ts'
import { subnets as subnetRules } from './subnets/subnets.ts'

export const openNetwork: OpenNetwork = async (context, { agents }) => {
  const { db, log } = context
  const planes = openPlanes({ db, agents, log })
  let onPortRemoved: PortRemoved = async () => {}
  const networks = networkRules(db, planes)
  const subnets = subnetRules(db, planes)
  const ports = portRules(db, planes, (event) => onPortRemoved(event))
  await registerAgents(db, agents)

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'network',
      policies: POLICIES,
      scopes: ['project'],
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: networkFault,
    })
    const url = context.publicUrl('network')
    discoveryRoutes(app, url)
    resourceRoutes(app, networks, `${url}/v2.0`)
    resourceRoutes(app, subnets, `${url}/v2.0`)
    resourceRoutes(app, ports, `${url}/v2.0`)
    resourceRoutes(app, securityGroups(db, planes), `${url}/v2.0`)
    resourceRoutes(app, securityGroupRules(db, planes), `${url}/v2.0`)
    quotaRoutes(app, db)
    agentRoutes(app, db, agents)
    availabilityZoneRoutes(app)
    ipAvailabilityRoutes(app, db)
  }

  return {
    plugin,
    policies: POLICIES,
    ...serverSide(db, planes),
    describeSecurityGroups: (ids) => findSecurityGroups(db, ids),
    async securityGroupsOf(projectId) {
      if (projectId !== undefined) await ensureDefaultGroup(db, projectId)
      return await securityGroupsOfProject(db, projectId)
    },
    onPortRemoved(listener) {
      onPortRemoved = listener
    },
    bootstrap: (order) => ensureFirstNetworks({ db, networks, subnets }, order),
    reconcile: () => planes.reconcile(),
    close: () => planes.close(),
  } satisfies Network & PortNews
}
