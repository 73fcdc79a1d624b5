/** Puts compute together: rules, stories, gardeners, plugin. */
import type { FastifyPluginAsync } from 'fastify'
import { asService } from '../http/service.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { computeFault } from './faults.ts'
import type { OpenCompute } from './index.ts'
import { defineBootServer } from './lifecycle/boot-server.ts'
import { defineDeleteServer } from './lifecycle/delete-server.ts'
import { guestFacts } from './lifecycle/guest-facts.ts'
import type { Parts } from './lifecycle/parts.ts'
import { COMPUTE_POLICIES } from './policies.ts'
import { openResources, resourcePolicies, resourceRoutes } from './resources.ts'
import { serverRoutes } from './servers/routes.ts'
import { openServers } from './servers/servers.ts'
import { refuseUnstorableText } from './storable-text.ts'
import { MICROVERSIONS } from './versions.ts'

export const openCompute: OpenCompute = async (context, dependencies) => {
  const { db, stories } = context
  const { agents, images, placement, network, volumes } = dependencies
  const log = context.log.child({ service: 'compute' })
  const base = context.publicUrl('compute')

  const policies = { ...resourcePolicies, ...COMPUTE_POLICIES }
  const { projectExists } = dependencies
  const resources = openResources({ db, placement, ...(projectExists !== undefined && { projectExists }) })
  const { flavors, keypairs, quotas, hosts, serverGroups: groups } = resources
  const parts: Parts = { db, log, agents, images, placement, network, volumes, hosts, groups }

  const bootServer = defineBootServer(stories, parts)
  const deleteServer = defineDeleteServer(stories, parts)
  const servers = openServers({ db, stories, deleteServer })
  const create = { stories, bootServer, images, network, volumes, hosts, groups, flavors, keypairs, quotas }

  /** As the API counts the hosts of servers. */
  const hostStatuses = async (names: readonly string[]) => {
    const found = names.length === 0 ? [] : await hosts.list(names)
    return new Map(found.map((host) => [host.name as string, !host.up ? 'DOWN' : host.enabled ? 'UP' : 'MAINTENANCE']))
  }

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'compute',
      policies,
      microversions: MICROVERSIONS,
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: computeFault,
      requestIdHeaders: ['x-compute-request-id'],
    })
    refuseUnstorableText(app)
    await app.register(discoveryRoutes, { base })
    await app.register(resourceRoutes, { prefix: '/v2.1', resources, policies, base })
    await app.register(serverRoutes, { prefix: '/v2.1', db, network, servers, create, base, hostStatuses })
  }

  return {
    plugin,
    policies,
    guestFacts: (serverId) => guestFacts(parts, serverId),
    bootstrap: () => flavors.bootstrap(),
    async start() {
      for (const agent of agents.all()) await hosts.heartbeat(agent)
    },
    async close() {},
  }
}
