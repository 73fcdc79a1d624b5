/** Compute's small resources on a real database with the real placement: what their conversations are held with. */
import { serviceUnderTest, type ServiceUnderTest } from '../../test/support/service.ts'
import type { Agent, HostFacts } from '../agent/contract.ts'
import { asService } from '../http/service.ts'
import { newId, type HostName, type ServerId } from '../ids.ts'
import { openPlacement, type Placement, placementMigrations } from '../placement/index.ts'
import { computeFault } from './faults.ts'
import { computeMigrations } from './index.ts'
import { COMPUTE_POLICIES } from './policies.ts'
import { openResources, type Resources, resourcePolicies, resourceRoutes } from './resources.ts'
import { MICROVERSIONS } from './versions.ts'

export interface ResourcesUnderTest extends AsyncDisposable {
  readonly test: ServiceUnderTest
  readonly placement: Placement
  readonly resources: Resources
  readonly ask: ServiceUnderTest['ask']
  /** The same at a microversion: `at('2.55').ask('demo', 'GET', '/flavors')`; paths begin after `/compute/v2.1`. */
  at(version: string): { ask: ServiceUnderTest['ask'] }
  /** A host that has just been heard of. */
  host(name: string, facts?: Partial<HostFacts>): Promise<void>
  /** A row of a server, as far as these resources count it. */
  server(row: {
    projectId: string
    userId?: string
    name?: string
    host?: string
    vcpus?: number
    ramMiB?: number
    hints?: object
  }): Promise<ServerId>
}

export const FACTS: HostFacts = {
  hypervisorType: 'QEMU',
  hypervisorVersion: 7_002_001,
  vcpus: 8,
  ramMiB: 16_384,
  diskGiB: 100,
  hostIp: '192.0.2.1',
  cpuModel: 'Skylake-Client',
  cpuArchitecture: 'x86_64',
  traits: ['COMPUTE_VOLUME_EXTEND'],
  uptimeSeconds: 90_061,
  loadAverages: [0.25, 0.5, 0.75],
}

export async function resourcesUnderTest(): Promise<ResourcesUnderTest> {
  const test = await serviceUnderTest([placementMigrations, computeMigrations])
  const { db } = test.context
  const placement = await openPlacement(test.context)
  const policies = { ...COMPUTE_POLICIES, ...resourcePolicies }
  const resources = openResources({ db, placement })
  await test.mount('/compute', async (app) => {
    asService(app, {
      name: 'compute',
      policies,
      scopes: ['project'],
      microversions: MICROVERSIONS,
      authenticate: test.context.authenticate,
      identityUrl: test.context.publicUrl('identity'),
      fault: computeFault,
      // Its upstream chooses by path and method together, and knows nothing else of either.
      wrongMethodIsNotFound: true,
    })
    await app.register(resourceRoutes, {
      prefix: '/v2.1',
      resources,
      policies,
      base: test.context.publicUrl('compute'),
    })
  })
  const at = (version: string): { ask: ServiceUnderTest['ask'] } => ({
    ask: (who, method, path, body, headers = {}) =>
      test.ask(who, method, `/compute/v2.1${path}`, body, { 'x-openstack-nova-api-version': version, ...headers }),
  })
  return {
    test,
    placement,
    resources,
    at,
    ask: at('2.1').ask,
    async host(name, facts = {}) {
      const agent = { host: name as HostName, facts: async () => ({ ...FACTS, ...facts }) } as Agent
      await resources.hosts.heartbeat(agent)
    },
    async server(row) {
      const id = newId<ServerId>()
      await db`
        insert into compute.servers
               (id, project_id, user_id, name, hostname, vm_state, story_id, host, scheduler_hints, flavor_id,
                flavor_name, vcpus, ram_mib, root_gib, ephemeral_gib, swap_mib, reservation_id, random_seed)
        values (${id}, ${row.projectId}, ${row.userId ?? 'u'}, ${row.name ?? 'a'}, 'a', 'active', ${newId()},
                ${row.host ?? null}, ${db.json((row.hints ?? {}) as never)}, '1', 'm1.tiny', ${row.vcpus ?? 1},
                ${row.ramMiB ?? 512}, 1, 0, 0, 'r', '')`
      return id
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  }
}
