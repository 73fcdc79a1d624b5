/** A delete that comes during a boot, at every step of it: the server is gone, and so is all that was made for it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { probeSagas } from '../../src/durable/saga.ts'
import { type TestCloud, testCloud } from '../support/cloud.ts'

const COMPUTE = { 'openstack-api-version': 'compute 2.96' }

describe('a delete during a boot', () => {
  let test: TestCloud
  let token: string
  let order: object
  const steps: string[] = []

  before(async () => {
    test = await testCloud()
    token = await test.token('admin')
    const { flavors } = (await test.ask(token, 'GET', '/compute/v2.1/flavors')).body
    order = {
      name: 'short-lived',
      flavorRef: flavors.find((flavor: { name: string }) => flavor.name === 'tiny').id,
      imageRef: test.imageId,
      networks: [{ uuid: test.networks.publicId }],
      config_drive: true,
      block_device_mapping_v2: [
        {
          source_type: 'image',
          uuid: test.imageId,
          destination_type: 'local',
          boot_index: 0,
          delete_on_termination: true,
        },
        {
          source_type: 'blank',
          destination_type: 'volume',
          volume_size: 1,
          boot_index: -1,
          delete_on_termination: true,
        },
      ],
    }
  })
  after(async () => {
    probeSagas(undefined)
    await test[Symbol.asyncDispose]()
  })

  const create = async () => {
    const asked = await test.ask(token, 'POST', '/compute/v2.1/servers', { server: order }, COMPUTE)
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    return asked.body.server.id as string
  }
  const until = async (what: () => Promise<boolean>, why: string) => {
    const deadline = Date.now() + 20_000
    while (!(await what())) {
      assert.ok(Date.now() < deadline, why)
      await sleep(20)
    }
  }
  const statusOf = async (id: string) =>
    (await test.ask(token, 'GET', `/compute/v2.1/servers/${id}`, undefined, COMPUTE)).body.server?.status ?? 'gone'
  const left = async () => {
    const ports = (await test.ask(token, 'GET', '/network/v2.0/ports')).body.ports.filter(
      (port: { device_owner: string }) => port.device_owner.startsWith('compute:'),
    )
    const { volumes } = (await test.ask(token, 'GET', '/volume/v3/volumes?all_tenants=1')).body
    const { resource_providers: providers } = (await test.ask(token, 'GET', '/placement/resource_providers')).body
    const { allocations } = (
      await test.ask(token, 'GET', `/placement/resource_providers/${providers[0].uuid}/allocations`)
    ).body
    const [agent] = test.cloud.drivers.agents.all()
    const domains = await agent!.hypervisor.list()
    const files = await agent!.disks.list()
    return ports.length + volumes.length + Object.keys(allocations).length + domains.length + files.length
  }

  it('learns the steps of a boot, and of an undisturbed delete', async () => {
    probeSagas({
      around: async (step, run) => {
        if (step.phase === 'do' && !steps.includes(step.name)) steps.push(step.name)
        return await run()
      },
    })
    const id = await create()
    await until(async () => (await statusOf(id)) === 'ACTIVE', 'it does not boot')
    probeSagas(undefined)
    assert.ok(steps.length >= 8, steps.join(', '))
    assert.equal((await test.ask(token, 'DELETE', `/compute/v2.1/servers/${id}`)).status, 204)
    await until(async () => (await statusOf(id)) === 'gone', 'it is not deleted')
    await until(async () => (await left()) === 0, 'something is left')
  })

  it('ends with nothing left, whichever step it meets', { timeout: 240_000 }, async () => {
    for (const name of steps.filter((step) => !step.startsWith('volume'))) {
      for (const moment of ['before', 'after']) {
        let id: string | undefined
        let answered: number | undefined
        const named = new Promise<string>((resolve) => {
          probeSagas({
            around: async (step, run) => {
              if (step.phase !== 'do' || step.name !== name || answered !== undefined) return await run()
              const meet = async () => {
                id ??= await created
                answered = (await test.ask(token, 'DELETE', `/compute/v2.1/servers/${id}`)).status
              }
              // A step may fail of the delete that it met: that is a way of noticing it.
              try {
                if (moment === 'before') await meet()
                const result = await run()
                if (moment === 'after') await meet()
                return result
              } finally {
                resolve(name)
              }
            },
          })
        })
        const created = create()
        id = await created
        await named
        assert.equal(answered, 204, `${moment} ${name}`)
        await until(
          async () => (await statusOf(id!)) === 'gone',
          `${moment} "${name}": the server stays ${await statusOf(id)}`,
        )
        await until(async () => (await left()) === 0, `${moment} "${name}": something is left`)
        probeSagas(undefined)
      }
    }
  })
})
