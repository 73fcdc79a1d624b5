/** Flavors, their access and their extra specs, as the Compute API reference lists them. Rules: ./flavors.ts */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { action, actionRoute } from '../../http/actions.ts'
import { microversion } from '../../http/microversions.ts'
import { last, nextPageUrl, pageOf } from '../../http/paging.ts'
import type { PolicyTable } from '../../http/policy.ts'
import { isTrue, truthOf, wholeNumber } from '../parameter-types.ts'
import { badExtraSpec, badFlavor, noExtraSpec } from './errors.ts'
import { checkExtraSpec, type StandardNames } from './extra-specs.ts'
import type { Flavors, ListFilter, SortKey } from './flavors.ts'
import {
  AccessBody,
  ExtraSpecBody,
  ExtraSpecsBody,
  FlavorCreateBody,
  FlavorListQuery,
  FlavorUpdateBody,
  NoQuery,
} from './schemas.ts'
import { type FlavorViewOptions, viewAccess, viewFlavor, viewFlavorName } from './view.ts'

export interface FlavorRouteOptions {
  readonly flavors: Flavors
  /** Placement's names, for the validation of `resources:` and `trait:`. */
  readonly standardNames: () => Promise<StandardNames>
  /** The public URL of compute, without the version. */
  readonly base: string
  readonly policies: PolicyTable
}

type ById = { Params: { flavor_id: string } }
type BySpec = { Params: { flavor_id: string; flavor_extra_spec_key: string } }

const MAX_PAGE = 1000
const EXTRA_SPECS_SHOWN = microversion('2.61')
const EXTRA_SPECS_CHECKED = microversion('2.86')
const PUBLIC_ACCESS_REFUSED = microversion('2.7')

export const flavorRoutes: FastifyPluginAsync<FlavorRouteOptions> = async (app, options) => {
  crudRoutes(app, options)
  accessRoutes(app, options)
  extraSpecRoutes(app, options)
}

function crudRoutes(app: FastifyInstance, { flavors, base, policies }: FlavorRouteOptions): void {
  const options = (request: FastifyRequest): FlavorViewOptions => ({
    version: request.microversion,
    base,
    withExtraSpecs:
      request.microversion >= EXTRA_SPECS_SHOWN &&
      policies['os_compute_api:os-flavor-extra-specs:index']!.allows(request.caller, {}),
  })

  for (const [path, view] of [
    ['/flavors', viewFlavorName],
    ['/flavors/detail', viewFlavor],
  ] as const) {
    app.get<{ Querystring: Record<string, unknown> }>(
      path,
      { config: { policy: 'compute:flavors' }, schema: { querystring: FlavorListQuery } },
      async (request) => {
        const filter = filterOf(request)
        const found = await flavors.list(request.caller, filter)
        const next = found.length === filter.limit && found.length > 0 ? found.at(-1)!.id : undefined
        return {
          flavors: found.map((flavor) => view(flavor, options(request))),
          ...(next !== undefined && {
            flavors_links: [{ rel: 'next', href: nextPageUrl(base, `/v2.1${path}`, request.query, next) }],
          }),
        }
      },
    )
  }

  app.post<{ Body: Static<typeof FlavorCreateBody> }>(
    '/flavors',
    { config: { policy: 'os_compute_api:os-flavor-manage:create' }, schema: { body: FlavorCreateBody } },
    async (request) => {
      const flavor = await flavors.create(orderOf(request.body.flavor))
      return { flavor: viewFlavor(flavor, options(request)) }
    },
  )

  app.get<ById>(
    '/flavors/:flavor_id',
    { config: { policy: 'compute:flavors' }, schema: { querystring: NoQuery } },
    async (request) => ({
      flavor: viewFlavor(await flavors.get(request.caller, request.params.flavor_id), options(request)),
    }),
  )

  app.put<ById & { Body: Static<typeof FlavorUpdateBody> }>(
    '/flavors/:flavor_id',
    {
      config: { policy: 'os_compute_api:os-flavor-manage:update', since: '2.55' },
      schema: { body: FlavorUpdateBody },
    },
    async (request) => {
      const { description } = request.body.flavor
      const flavor = await flavors.describe(request.caller, request.params.flavor_id, description)
      return { flavor: viewFlavor(flavor, options(request)) }
    },
  )

  app.delete<ById>(
    '/flavors/:flavor_id',
    { config: { policy: 'os_compute_api:os-flavor-manage:delete' } },
    async (request, reply) => {
      await flavors.remove(request.params.flavor_id)
      return reply.code(202).send()
    },
  )
}

function accessRoutes(app: FastifyInstance, { flavors, policies }: FlavorRouteOptions): void {
  app.get<ById>(
    '/flavors/:flavor_id/os-flavor-access',
    { config: { policy: 'os_compute_api:os-flavor-access' }, schema: { querystring: NoQuery } },
    async ({ caller, params }) => viewAccess(params.flavor_id, await flavors.access(caller, params.flavor_id)),
  )

  const idOf = (request: FastifyRequest) => (request.params as { flavor_id: string }).flavor_id
  actionRoute(app, '/flavors/:flavor_id/action', {
    policies,
    anyPolicy: 'os_compute_api:os-flavor-access:add_tenant_access',
    actions: {
      addTenantAccess: action({
        policy: 'os_compute_api:os-flavor-access:add_tenant_access',
        body: AccessBody,
        handle: async (request, _reply, { tenant }) => {
          const strict = request.microversion >= PUBLIC_ACCESS_REFUSED
          const id = idOf(request)
          return viewAccess(id, await flavors.addAccess(request.caller, id, tenant, strict))
        },
      }),
      removeTenantAccess: action({
        policy: 'os_compute_api:os-flavor-access:remove_tenant_access',
        body: AccessBody,
        handle: async (request, _reply, { tenant }) => {
          const id = idOf(request)
          return viewAccess(id, await flavors.removeAccess(request.caller, id, tenant))
        },
      }),
    },
  })
}

function extraSpecRoutes(app: FastifyInstance, { flavors, standardNames }: FlavorRouteOptions): void {
  const url = '/flavors/:flavor_id/os-extra_specs'

  const checked = async (request: FastifyRequest, specs: Readonly<Record<string, string | number>>) => {
    const texts = Object.fromEntries(Object.entries(specs).map(([name, value]) => [name, String(value)]))
    if (request.microversion >= EXTRA_SPECS_CHECKED) {
      const standard = await standardNames()
      for (const [name, value] of Object.entries(texts)) checkExtraSpec(name, value, standard)
    }
    return texts
  }

  app.get<ById>(
    url,
    { config: { policy: 'os_compute_api:os-flavor-extra-specs:index' }, schema: { querystring: NoQuery } },
    async ({ caller, params }) => ({ extra_specs: (await flavors.get(caller, params.flavor_id)).extraSpecs }),
  )

  app.post<ById & { Body: Static<typeof ExtraSpecsBody> }>(
    url,
    { config: { policy: 'os_compute_api:os-flavor-extra-specs:create' }, schema: { body: ExtraSpecsBody } },
    async (request) => {
      const specs = await checked(request, request.body.extra_specs)
      await flavors.addExtraSpecs(request.params.flavor_id, specs)
      return request.body
    },
  )

  app.get<BySpec>(
    `${url}/:flavor_extra_spec_key`,
    { config: { policy: 'os_compute_api:os-flavor-extra-specs:show' }, schema: { querystring: NoQuery } },
    async ({ caller, params }) => {
      const key = params.flavor_extra_spec_key
      const { extraSpecs } = await flavors.get(caller, params.flavor_id)
      if (!Object.hasOwn(extraSpecs, key)) throw noExtraSpec(params.flavor_id, key)
      return { [key]: extraSpecs[key] }
    },
  )

  app.put<BySpec & { Body: Static<typeof ExtraSpecBody> }>(
    `${url}/:flavor_extra_spec_key`,
    { config: { policy: 'os_compute_api:os-flavor-extra-specs:update' }, schema: { body: ExtraSpecBody } },
    async (request) => {
      const key = request.params.flavor_extra_spec_key
      const specs = await checked(request, request.body)
      if (!Object.hasOwn(specs, key)) throw badExtraSpec('Request body and URI mismatch')
      await flavors.setExtraSpec(request.params.flavor_id, key, specs[key]!)
      return request.body
    },
  )

  app.delete<BySpec>(
    `${url}/:flavor_extra_spec_key`,
    { config: { policy: 'os_compute_api:os-flavor-extra-specs:delete' } },
    async ({ params }, reply) => {
      await flavors.removeExtraSpec(params.flavor_id, params.flavor_extra_spec_key)
      return reply.code(200).send()
    },
  )
}

function filterOf(request: FastifyRequest<{ Querystring: Record<string, unknown> }>): ListFilter {
  const { query } = request
  const least = (key: string) => {
    const text = last(query[key])
    if (text === undefined) return undefined
    if (!/^\s*-?\d{1,9}\s*$/.test(text)) throw badFlavor(`Invalid ${key} filter [${text.slice(0, 64)}]`)
    return Number(text)
  }
  const [minRamMiB, minRootGiB, name] = [least('minRam'), least('minDisk'), last(query.name)]
  return {
    ...pageOf(query, MAX_PAGE),
    isPublic: isPublicOf(last(query.is_public)),
    sortKey: (last(query.sort_key) ?? 'flavorid') as SortKey,
    sortDir: last(query.sort_dir) === 'desc' ? 'desc' : 'asc',
    ...(minRamMiB !== undefined && { minRamMiB }),
    ...(minRootGiB !== undefined && { minRootGiB }),
    ...(name !== undefined && { name: name.replaceAll('\0', '') }),
  }
}

/** Public ones only, unless the query says otherwise; `none` is all. */
function isPublicOf(text: string | undefined): boolean | null {
  if (text === undefined) return true
  if (['', 'none'].includes(text.toLowerCase())) return null
  const truth = truthOf(text)
  if (truth === undefined) throw badFlavor(`Invalid is_public filter [${text.slice(0, 64)}]`)
  return truth
}

function orderOf(body: Static<typeof FlavorCreateBody>['flavor']) {
  const number = (field: keyof typeof body, minimum: number, value: unknown) =>
    wholeNumber(field, (value ?? 0) as number | string, { minimum })
  const rxtxFactor = Number(body.rxtx_factor ?? 1)
  if (!(rxtxFactor > 0 && rxtxFactor <= 3.402_82e38)) {
    throw badFlavor("'rxtx_factor' argument must be a float between 0 and 3.40282e+38")
  }
  return {
    ...(body.id !== undefined && body.id !== null && { id: String(body.id) }),
    name: body.name,
    description: body.description ?? null,
    vcpus: number('vcpus', 1, body.vcpus),
    ramMiB: number('ram', 1, body.ram),
    rootGiB: number('disk', 0, body.disk),
    ephemeralGiB: number('OS-FLV-EXT-DATA:ephemeral', 0, body['OS-FLV-EXT-DATA:ephemeral']),
    swapMiB: number('swap', 0, body.swap),
    rxtxFactor,
    isPublic: body['os-flavor-access:is_public'] === undefined || isTrue(body['os-flavor-access:is_public']),
  }
}
