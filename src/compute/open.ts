/** Puts compute together: rules, stories, gardeners, plugin. */
import type { FastifyPluginAsync } from 'fastify'
import { asService } from '../http/service.ts'
import { discoveryRoutes } from './discovery/routes.ts'
import { computeFault } from './faults.ts'
import type { OpenCompute } from './index.ts'
import { openInterfaces } from './interfaces/interfaces.ts'
import { interfaceRoutes } from './interfaces/routes.ts'
import { instanceActionRoutes } from './instance-actions/routes.ts'
import { defineAttachInterface } from './lifecycle/attach-interface.ts'
import { defineAttachVolume } from './lifecycle/attach-volume.ts'
import { defineBootServer } from './lifecycle/boot-server.ts'
import { defineDeleteServer } from './lifecycle/delete-server.ts'
import { defineDetachInterface } from './lifecycle/detach-interface.ts'
import { defineDetachVolume } from './lifecycle/detach-volume.ts'
import { forgetCard } from './lifecycle/forget-card.ts'
import { growDisk } from './lifecycle/grow-disk.ts'
import { guestFacts } from './lifecycle/guest-facts.ts'
import type { Parts } from './lifecycle/parts.ts'
import { defineRebootServer } from './lifecycle/reboot-server.ts'
import { defineStartServer } from './lifecycle/start-server.ts'
import { defineStopServer } from './lifecycle/stop-server.ts'
import { openGardeners } from './reconcile/gardeners.ts'
import { notOfferedRoutes } from './not-offered/routes.ts'
import { COMPUTE_POLICIES } from './policies.ts'
import { openResources, resourcePolicies, resourceRoutes } from './resources.ts'
import { scheduleInfoRoutes } from './schedule-info/routes.ts'
import { serverActionRoutes } from './server-actions/routes.ts'
import { openServerDeeds } from './server-actions/server-deeds.ts'
import { serverFactRoutes } from './server-facts/routes.ts'
import { serverIpRoutes } from './server-ips/routes.ts'
import { serverMetadataRoutes } from './server-metadata/routes.ts'
import { securityGroupRoutes } from './server-security-groups/groups-routes.ts'
import { serverSecurityGroupRoutes } from './server-security-groups/routes.ts'
import { serverTagRoutes } from './server-tags/routes.ts'
import { serverRoutes } from './servers/routes.ts'
import { openServers } from './servers/servers.ts'
import { refuseUnstorableText } from './storable-text.ts'
import { usageRoutes } from './usage/routes.ts'
import { volumeAttachmentRoutes } from './volume-attachments/routes.ts'
import { openVolumeAttachments } from './volume-attachments/volume-attachments.ts'
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
  const parts: Parts = { db, log, agents, images, placement, network, volumes, hosts, groups, sizesFor: flavors.sizes }

  const bootServer = defineBootServer(stories, parts)
  const deleteServer = defineDeleteServer(stories, parts)
  const servers = openServers({ db, stories, deleteServer })
  const startServer = defineStartServer(stories, parts)
  const deeds = openServerDeeds(stories, parts, {
    startServer,
    stopServer: defineStopServer(stories, parts),
    rebootServer: defineRebootServer(stories, parts),
  })
  const interfaces = openInterfaces(stories, parts, {
    attachInterface: defineAttachInterface(stories, parts),
    detachInterface: defineDetachInterface(stories, parts),
  })
  const attachments = openVolumeAttachments(stories, parts, {
    attachVolume: defineAttachVolume(stories, parts),
    detachVolume: defineDetachVolume(stories, parts),
  })
  const create = { stories, bootServer, images, network, volumes, hosts, groups, flavors, keypairs, quotas }

  const gardeners = openGardeners(
    stories,
    parts,
    { startServer, deleteServer },
    { resumeGuests: dependencies.resumeGuests ?? true },
  )
  volumes.onExtended(async ({ volumeId, serverId, sizeGiB }) => {
    await growDisk(parts, serverId, volumeId, sizeGiB)
  })

  /** As the API counts the hosts of servers. */
  const hostStatuses = async (names: readonly string[]) => {
    const found = names.length === 0 ? [] : await hosts.list(names)
    return new Map(found.map((host) => [host.name as string, !host.up ? 'DOWN' : host.enabled ? 'UP' : 'MAINTENANCE']))
  }

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'compute',
      policies,
      scopes: ['project'],
      microversions: MICROVERSIONS,
      authenticate: context.authenticate,
      identityUrl: context.publicUrl('identity'),
      fault: computeFault,
      // Its upstream chooses by path and method together, and knows nothing else of either.
      wrongMethodIsNotFound: true,
      requestIdHeaders: ['x-compute-request-id'],
    })
    refuseUnstorableText(app)
    await app.register(discoveryRoutes, { base })
    await app.register(
      async (v21) => {
        await v21.register(resourceRoutes, { resources, policies, base })
        await v21.register(serverRoutes, { db, network, servers, create, base, hostStatuses })
        await v21.register(serverActionRoutes, { servers, deeds, policies })
        await v21.register(serverMetadataRoutes, { db, servers, quotas })
        await v21.register(serverTagRoutes, { db, servers, base })
        await v21.register(serverIpRoutes, { servers, network })
        await v21.register(instanceActionRoutes, { db, stories, servers, base })
        await v21.register(interfaceRoutes, { servers, interfaces })
        await v21.register(volumeAttachmentRoutes, { servers, attachments, policies })
        await v21.register(serverSecurityGroupRoutes, { servers, network })
        await v21.register(securityGroupRoutes, { network })
        await v21.register(serverFactRoutes, { servers })
        await v21.register(usageRoutes, { db, policies, base })
        await v21.register(scheduleInfoRoutes, { db, servers })
        await v21.register(notOfferedRoutes, { servers })
      },
      { prefix: '/v2.1' },
    )
  }

  return {
    plugin,
    policies,
    guestFacts: (serverId) => guestFacts(parts, serverId),
    portRemoved: (event) => forgetCard(parts, event),
    bootstrap: () => flavors.bootstrap(),
    start: () => gardeners.start(),
    tend: () => gardeners.tend(),
    close: () => gardeners.close(),
  }
}
