/** Placement on a real database: what its conversations are held with. */
import { serviceUnderTest, type Answer, type ServiceUnderTest } from '../../test/support/service.ts'
import { newId } from '../ids.ts'
import { openPlacement, type Placement, placementMigrations } from './index.ts'

export interface PlacementUnderTest extends AsyncDisposable {
  readonly test: ServiceUnderTest
  readonly placement: Placement
  /** As an admin who is a service as well, at the newest microversion: paths begin after `/placement`. */
  ask(method: string, path: string, body?: unknown, version?: string): Promise<Answer>
  /** A provider with an inventory, by a name of its own; its id. */
  provider(options?: {
    name?: string
    parent?: string
    inventories?: Record<string, Record<string, number>>
    traits?: string[]
    aggregates?: string[]
  }): Promise<string>
  generation(id: string): Promise<number>
}

export const NEWEST = '1.39'

export async function placementUnderTest(): Promise<PlacementUnderTest> {
  const test = await serviceUnderTest([placementMigrations])
  const placement = await openPlacement({
    ...test.context,
    // Of the people in tests none is a service, which the reshaper asks for.
    authenticate: async (token, requestId) => {
      const caller = await test.context.authenticate(token, requestId)
      return caller.isAdmin ? { ...caller, roles: [...caller.roles, 'service'] } : caller
    },
  })
  await test.mount('/placement', placement.plugin)
  const ask: PlacementUnderTest['ask'] = (method, path, body, version = NEWEST) =>
    test.ask('admin', method, `/placement${path}`, body, {
      'openstack-api-version': `placement ${version}`,
      ...(body === undefined && method !== 'GET' && { 'content-type': 'application/json' }),
    })
  const generation = async (id: string) => (await ask('GET', `/resource_providers/${id}`)).body.generation
  return {
    test,
    placement,
    ask,
    generation,
    async provider({ name = newId(), parent, inventories, traits, aggregates } = {}) {
      const made = await ask('POST', '/resource_providers', {
        name,
        ...(parent !== undefined && { parent_provider_uuid: parent }),
      })
      const id: string = made.body.uuid
      const url = `/resource_providers/${id}`
      const put = async (below: string, body: object) => {
        const answer = await ask('PUT', `${url}/${below}`, {
          ...body,
          resource_provider_generation: await generation(id),
        })
        if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
      }
      for (const trait of traits ?? []) if (trait.startsWith('CUSTOM_')) await ask('PUT', `/traits/${trait}`)
      if (inventories !== undefined) await put('inventories', { inventories })
      if (traits !== undefined) await put('traits', { traits })
      if (aggregates !== undefined) await put('aggregates', { aggregates })
      return id
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  }
}
