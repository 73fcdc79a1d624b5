/**
 * One whole cloud, put together: the six services on one database, one HTTP server in front, the host's drivers
 * behind. Here, and only here, it shows who depends on whom. `main.ts` runs one for real; tests open one in process.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync, LogController } from 'fastify'
import type { Logger } from 'pino'
import type { Agents, ImageSource, VolumeBackend } from './agent/contract.ts'
import { type Compute, computeMigrations, openCompute } from './compute/index.ts'
import { baseUrl, type Config } from './config.ts'
import { openDatabase } from './database/database.ts'
import { startEmbeddedPostgres } from './database/embedded.ts'
import { migrate } from './database/migrate.ts'
import { durableMigrations } from './durable/migrations.ts'
import { openStories, type Stories } from './durable/stories.ts'
import type { ServiceContext, ServiceName } from './http/service-context.ts'
import type { ProjectId } from './ids.ts'
import {
  effectiveLimits,
  type Identity,
  type IdentitySettings,
  identityMigrations,
  openIdentity,
} from './identity/index.ts'
import {
  DEFAULT_IMAGE_SETTINGS,
  type Images,
  type ImageSettings,
  imageMigrations,
  openImages,
  withoutMinorVersion,
} from './image/index.ts'
import { openMetadataListener } from './metadata/index.ts'
import { type Network, networkMigrations, openNetwork } from './network/index.ts'
import { openMetrics } from './metrics.ts'
import { openPlacement, type Placement, placementMigrations } from './placement/index.ts'
import { openVolumes, type Volumes, volumeMigrations } from './volume/index.ts'

/** The host side: one machine's real drivers, or the emulator's. */
export interface Drivers {
  readonly agents: Agents
  readonly backends: readonly VolumeBackend[]
  close(): Promise<void>
}

export type OpenDrivers = (images: ImageSource) => Promise<Drivers>

export interface Cloud {
  readonly app: FastifyInstance
  readonly stories: Stories
  readonly identity: Identity
  readonly images: Images
  readonly placement: Placement
  readonly network: Network
  readonly volumes: Volumes
  readonly compute: Compute
  readonly drivers: Drivers
  /** Where clients reach it: `http://127.0.0.1:5000`. */
  readonly url: string
  /** Resumes stories and starts the gardeners; then the APIs answer. */
  start(): Promise<void>
  close(): Promise<void>
}

/** In the order in which a schema may refer to another. */
export const migrationFolders = [
  durableMigrations,
  identityMigrations,
  imageMigrations,
  placementMigrations,
  networkMigrations,
  volumeMigrations,
  computeMigrations,
]

/** The port at which each service is known in OpenStack. */
const SERVICE_PORTS: Readonly<Record<string, ServiceName>> = {
  8774: 'compute',
  8776: 'volume',
  8778: 'placement',
  9292: 'image',
  9696: 'network',
}

export interface OpenCloudOptions {
  readonly config: Config
  readonly log: Logger
  readonly openDrivers: OpenDrivers
  /** Told of each stage as it begins, for people who wait. */
  readonly onStage?: (stage: string) => void
}

/** Opens everything up to, but not including, the sockets and the gardeners. */
export async function openCloud({ config, log, openDrivers, onStage = () => {} }: OpenCloudOptions): Promise<Cloud> {
  // Whatever has been opened is closed again, last first: at the end, or at once when a later part does not open.
  await using opening = new AsyncDisposableStack()
  onStage('database')
  const postgres =
    config.databaseUrl === ''
      ? await startEmbeddedPostgres({
          dir: `${config.state}/postgres`,
          onWarning: (text) => log.warn({ warning: text }, 'PostgreSQL warning'),
        })
      : undefined
  if (postgres !== undefined) opening.use(postgres)
  const databaseUrl = postgres?.url ?? config.databaseUrl
  const db = openDatabase(databaseUrl, { onnotice: (text) => log.debug({ notice: text }, 'PostgreSQL notice') })
  opening.defer(() => db.end({ timeout: 2 }))
  onStage('migrations')
  await migrate(db, migrationFolders)

  const url = baseUrl(config)
  const stories = openStories({ db, url: databaseUrl, log })
  let authenticate: Identity['authenticate'] | undefined
  const context: ServiceContext = {
    db,
    stories,
    log,
    stateDir: config.state,
    region: config.region,
    publicUrl: (service) => `${url}/${service}`,
    authenticate: async (...asked) => await authenticate!(...asked),
  }

  onStage('services')
  const identity = await openIdentity(context, identitySettings(config))
  opening.defer(() => identity.close())
  authenticate = identity.authenticate
  const images = await openImages(context, imageSettings(config), (projectId) =>
    effectiveLimits(db, { serviceType: 'image', region: config.region, projectId }),
  )
  opening.defer(() => images.close())
  onStage('host drivers')
  const drivers = await openDrivers(images.source)
  opening.defer(() => drivers.close())
  const { agents, backends } = drivers
  const placement = await openPlacement(context)
  opening.defer(() => placement.close())
  const network = await openNetwork(context, { agents })
  opening.defer(() => network.close())
  const volumes = await openVolumes(context, { agents, images, backends })
  opening.defer(() => volumes.close())
  opening.defer(() => stories.shutdown())
  const compute = await openCompute(context, {
    agents,
    images,
    placement,
    network,
    volumes,
    projectExists: (id) => identity.projectExists(id as ProjectId),
  })
  opening.defer(() => compute.close())
  // News against the arrows: compute forgets the card of a port that somebody deleted under a server.
  network.onPortRemoved((event) => compute.portRemoved(event))

  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    keepAliveTimeout: 75_000,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 512 },
    rewriteUrl: (request) => withoutMinorVersion(withoutProjectId(request)),
    ...(config.tlsCert !== '' && { https: { cert: readFileSync(config.tlsCert), key: readFileSync(config.tlsKey) } }),
  }) as unknown as FastifyInstance
  openMetrics(app)
  const plugins: Record<ServiceName, FastifyPluginAsync> = {
    identity: identity.plugin,
    compute: compute.plugin,
    placement: placement.plugin,
    image: images.plugin,
    network: network.plugin,
    volume: volumes.plugin,
  }
  for (const [service, plugin] of Object.entries(plugins)) await app.register(plugin, { prefix: `/${service}` })
  app.get('/', async () => ({
    stratolith: 'an OpenStack-compatible cloud',
    services: Object.fromEntries(Object.keys(plugins).map((service) => [service, `${url}/${service}`])),
  }))

  opening.defer(() => app.close())
  const opened = opening.move()
  return {
    app,
    stories,
    identity,
    images,
    placement,
    network,
    volumes,
    compute,
    drivers,
    url,

    async start() {
      onStage('stories')
      await stories.launch()
      onStage('networks and exports')
      await Promise.all([network.reconcile(), volumes.reconcile()])
      await compute.start()
      for (const close of await metadataListeners(drivers.agents, network, compute)) opened.defer(close)
      onStage('APIs')
      await app.listen({ host: config.listen.host, port: config.listen.port })
      if (!config.servicePorts) return
      for (const server of await listenOnServicePorts(app, config.listen.host)) opened.defer(() => void server.close())
    },

    close: () => opened.disposeAsync(),
  }
}

export function identitySettings(config: Config): IdentitySettings {
  return {
    tokenLifetimeSeconds: config.tokenLifetime,
    allowExpiredWindowSeconds: config.tokenExpiredWindow,
    allowRescopeScopedToken: config.rescopeScopedTokens,
    receiptLifetimeSeconds: config.receiptLifetime,
    totpPastWindows: config.totpLateBy,
    maxRedelegationCount: config.trustDepth,
    maxProjectTreeDepth: config.projectDepth,
    lockoutFailures: config.lockoutFailures,
    lockoutSeconds: config.lockoutDuration,
    disableInactiveDays: config.disableInactive,
    passwordLifetimeDays: config.passwordLifetime,
    passwordHistory: config.passwordHistory,
    passwordMinimumAgeDays: config.passwordMinimumAge,
    passwordChangeUponFirstUse: config.passwordChangeUponFirstUse,
    passwordPattern: config.passwordPattern,
    passwordPatternMeaning: config.passwordPatternMeaning,
    maxPasswordLength: config.passwordMaxLength,
    argon2: {
      memoryKiB: config.passwordHashMemory,
      passes: config.passwordHashPasses,
      lanes: config.passwordHashLanes,
    },
    concurrentHashes: config.passwordHashesAtOnce,
    queuedHashes: config.passwordHashesWaiting,
  }
}

function imageSettings(config: Config): Partial<ImageSettings> {
  return {
    ...(config.imageStorageQuota > 0 && { projectStorageBytes: config.imageStorageQuota * 2 ** 20 }),
    unifiedLimits: config.imageUnifiedLimits,
    furtherStores: config.imageStores,
    web: {
      ...DEFAULT_IMAGE_SETTINGS.web,
      allowedSchemes: config.imageImportSchemes,
      allowedHosts: config.imageImportHosts,
      disallowedHosts: config.imageImportBlockedHosts,
      allowedPorts: config.imageImportPorts,
      disallowedPorts: config.imageImportBlockedPorts,
      allowedNetworks: config.imageImportNetworks,
    },
  }
}

/**
 * Compute and volume take an optional project id as first segment of the path. It is taken out before routing and kept
 * for the check that it is the token's.
 */
function withoutProjectId(request: IncomingMessage & { projectIdInUrl?: string }): string {
  const found = /^(\/compute\/v2\.1|\/volume\/v3)\/([0-9a-f]{32}|[0-9a-f-]{36})(?=[/?]|$)/.exec(request.url ?? '')
  if (found === null) return request.url ?? '/'
  request.projectIdInUrl = found[2]!
  return found[1] + request.url!.slice(found[0].length)
}

/** Guests' questions reach each host's listener at an address that says which port's guest asks. */
async function metadataListeners(agents: Agents, network: Network, compute: Compute): Promise<(() => Promise<void>)[]> {
  const closers: (() => Promise<void>)[] = []
  for (const agent of agents.all()) {
    const address = agent.network.metadataAddress()
    if (address === undefined) continue
    const listener = await openMetadataListener({
      ...address,
      facts: async (peer) => {
        const port = agent.network.portOfMetadataPeer(peer)
        const server = port === undefined ? undefined : await network.serverOfPort(port)
        return server === undefined ? undefined : await compute.guestFacts(server)
      },
    })
    closers.push(() => listener.close())
  }
  return closers
}

async function listenOnServicePorts(app: FastifyInstance, host: string): Promise<Server[]> {
  const servers = Object.entries(SERVICE_PORTS).map(([port, service]) => {
    const server = createServer((request, response) => {
      request.url = `/${service}${request.url}`
      app.routing(request, response)
    })
    server.listen(Number(port), host)
    return server
  })
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return servers
}
