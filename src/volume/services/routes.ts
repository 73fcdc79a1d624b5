/** What an operator looks at: services, back-end pools, zones, extensions, filters. Source: cinder/api/contrib/{services,scheduler_stats,availability_zones}.py */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Database } from '../../database/database.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { last } from '../../http/paging.ts'
import { AVAILABILITY_ZONE, type Backends } from '../backends.ts'
import { invalidRequest, notFound, notOffered } from '../errors.ts'
import { flagOf, timeOf } from '../list-query.ts'
import { type BackendState, capabilitiesOf } from '../scheduler/back-end.ts'
import { capabilityName, satisfies } from '../scheduler/extra-specs.ts'
import type { Types } from '../types/types.ts'
import { type DisabledService, disabledServices, disableService, enableService } from './store.ts'

interface Parts {
  readonly db: Database
  readonly backends: Backends
  readonly types: Types
}

interface Service {
  readonly binary: string
  readonly host: string
  readonly isUp: boolean
}

const closed = { additionalProperties: false }
const Name = Type.String({ minLength: 1, maxLength: 255 })
const Host = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9\\-._#@:/+\\[\\]]*$',
})
const switched = {
  binary: Type.Optional(Name),
  service: Type.Optional(Name),
  host: Type.Optional(Host),
  cluster: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255 })),
}
const SwitchBody = Type.Object(switched, closed)
const DisableBody = Type.Object({ ...switched, disabled_reason: Name }, closed)
type Switch = Static<typeof SwitchBody>

export function serviceRoutes(app: FastifyInstance, { db, backends, types }: Parts): void {
  const services = async (): Promise<Service[]> => {
    const states = await backends.states()
    const hosts = [...new Set(states.map((state) => state.name.split('#')[0]!))]
    return [
      // The scheduler is this very process.
      { binary: 'cinder-scheduler', host: hosts[0]?.split('@')[0] ?? 'localhost', isUp: true },
      ...hosts.map((host) => ({
        binary: 'cinder-volume',
        host,
        isUp: states.some((state) => state.isUp && state.name.split('#')[0] === host),
      })),
    ]
  }

  app.get('/v3/os-services', { config: { policy: 'volume_extension:services:index' } }, async (request) => {
    const query = request.query as Record<string, unknown>
    const host = last(query.host)
    const binary = last(query.binary) ?? last(query.service)
    const [all, disabled] = await Promise.all([services(), disabledServices(db)])
    const asked = all.filter(
      (service) =>
        (binary === undefined || service.binary === binary) &&
        (host === undefined || service.host === host || service.host.split('@')[0] === host),
    )
    return { services: asked.map((service) => viewService(service, disabled, request.microversion)) }
  })

  const known = async ({ binary, service, host, cluster }: Switch) => {
    if (cluster != null) throw notOffered('A cluster of volume services')
    const name = binary ?? service
    if (name === undefined) {
      throw invalidRequest('volume.service.no-binary', "Either 'binary' or 'service' is a required property")
    }
    const found = (await services()).find((each) => each.binary === name && each.host === host)
    if (found === undefined) {
      throw notFound('volume.service.not-found', `Service ${name} could not be found on host ${host ?? ''}.`)
    }
    return { binaryName: found.binary, host: found.host }
  }
  const viewSwitched = (at: { binaryName: string; host: string }, status: 'enabled' | 'disabled') => ({
    host: at.host,
    service: at.binaryName,
    binary: at.binaryName,
    disabled: status === 'disabled',
    status,
  })

  app.put<{ Body: Switch }>(
    '/v3/os-services/enable',
    { config: { policy: 'volume_extension:services:update' }, schema: { body: SwitchBody } },
    async ({ body }) => {
      const at = await known(body)
      await enableService(db, at)
      return viewSwitched(at, 'enabled')
    },
  )
  app.put<{ Body: Switch }>(
    '/v3/os-services/disable',
    { config: { policy: 'volume_extension:services:update' }, schema: { body: SwitchBody } },
    async ({ body }) => {
      const at = await known(body)
      await disableService(db, { ...at, reason: null })
      return viewSwitched(at, 'disabled')
    },
  )
  app.put<{ Body: Static<typeof DisableBody> }>(
    '/v3/os-services/disable-log-reason',
    { config: { policy: 'volume_extension:services:update' }, schema: { body: DisableBody } },
    async ({ body }) => {
      const at = await known(body)
      await disableService(db, { ...at, reason: body.disabled_reason.trim() })
      return { ...viewSwitched(at, 'disabled'), disabled_reason: body.disabled_reason.trim() }
    },
  )

  app.get(
    '/v3/scheduler-stats/get_pools',
    { config: { policy: 'scheduler_extension:scheduler_stats:get_pools' } },
    async (request) => {
      const query = request.query as Record<string, unknown>
      const detail = flagOf('detail', last(query.detail))
      const name = request.microversion >= microversion('3.28') ? last(query.name) : undefined
      const typeName = request.microversion >= microversion('3.35') ? last(query.volume_type) : undefined
      refuseUnknownPoolFilters(query, request.microversion)
      const type = typeName === undefined ? undefined : await types.named(request.caller, typeName)
      const states = (await backends.states()).filter(
        (state) =>
          (name === undefined || state.name === name) && (type === undefined || canServe(state, type.extraSpecs)),
      )
      return { pools: states.map((state) => viewPool(state, detail)) }
    },
  )

  app.get('/v3/os-availability-zone', { config: { policy: 'volume:availability_zone_list' } }, async () => {
    const isAvailable = (await backends.states()).some((state) => state.isEnabled)
    return { availabilityZoneInfo: [{ zoneName: AVAILABILITY_ZONE, zoneState: { available: isAvailable } }] }
  })
}

function viewService(service: Service, disabled: readonly DisabledService[], version: Microversion) {
  const off = disabled.find((each) => each.binaryName === service.binary && each.host === service.host)
  const isVolume = service.binary === 'cinder-volume'
  return {
    binary: service.binary,
    host: service.host,
    zone: AVAILABILITY_ZONE,
    status: off === undefined ? 'enabled' : 'disabled',
    state: service.isUp ? 'up' : 'down',
    // Asked just now.
    updated_at: timeOf(new Date()),
    disabled_reason: off?.reason ?? null,
    ...(version >= microversion('3.7') && { cluster: null }),
    ...(isVolume && { replication_status: 'disabled', active_backend_id: null, frozen: false }),
    ...(isVolume && version >= microversion('3.49') && { backend_state: service.isUp ? 'up' : 'down' }),
  }
}

function viewPool(state: BackendState, detail: boolean) {
  if (!detail) return { name: state.name }
  return {
    name: state.name,
    capabilities: {
      ...capabilitiesOf(state),
      timestamp: timeOf(new Date()),
      location_info: null,
      filter_function: null,
      goodness_function: null,
    },
  }
}

function canServe(state: BackendState, specs: Readonly<Record<string, string>>): boolean {
  const capabilities = capabilitiesOf(state)
  return Object.entries(specs).every(([key, want]) => {
    const name = capabilityName(key)
    return name === undefined || satisfies(capabilities[name], want)
  })
}

/** Filters came with 3.28 and were checked from 3.31; before they were dropped. */
function refuseUnknownPoolFilters(query: Readonly<Record<string, unknown>>, version: Microversion): void {
  if (version < microversion('3.31')) return
  const unknown = Object.keys(query).filter((key) => !['detail', 'name', 'volume_type'].includes(key))
  if (unknown.length > 0) {
    throw invalidRequest('volume.query.filter', `Invalid filters ${unknown.join(',')} are found in query options.`)
  }
}
