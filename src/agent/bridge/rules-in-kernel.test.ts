import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { needsRootAnd } from '../../../test/support/needs-root.ts'
import type { NetworkId, PortId } from '../../ids.ts'
import type { FilterRule, PortSpec } from '../contract.ts'
import { run } from './command.ts'
import { cloudNames } from './names.ts'
import { networkRules, portRules } from './port-rules.ts'
import type { Fragment } from './rule-set.ts'
import { nft, RulesInKernel } from './rules-in-kernel.ts'

const networks = [false, true].map((hostIsGateway, n) => ({
  id: `1111111${n}-2222-4333-8444-555555555555` as NetworkId,
  hostIsGateway,
}))

/** Port `n`, in one of its several shapes. */
function aPort(n: number, shape: number): Fragment {
  const macAddress = `fa:16:3e:00:00:${(16 + n).toString(16)}`
  const rules: FilterRule[] = [
    { direction: 'egress', ipVersion: 4 },
    { direction: 'ingress', ipVersion: 4, remotes: ['10.0.0.1', `10.0.0.${2 + (shape % 2)}`] },
    { direction: 'ingress', ipVersion: 6, protocol: 'tcp', portMin: 22, portMax: 22 + (shape % 3) },
  ]
  const pairs = ['10.0.0.64/29', '0.0.0.0/0', 'fd00::/64', '10.9.9.9'].slice(shape % 4)
  const port: PortSpec = {
    id: `${(0xaaaaaa00 + n).toString(16)}-bbbb-4ccc-8ddd-eeeeeeeeeeee` as PortId,
    networkId: networks[n % 2]!.id,
    macAddress,
    adminStateUp: shape !== 6,
    fixedIps: [`10.0.0.${100 + n}`, `fd00::${shape}`].map((ipAddress) => ({ subnetId: 'subnet', ipAddress })),
    allowedAddressPairs: pairs.map((ipAddress, at) => ({
      ipAddress,
      macAddress: at % 2 ? macAddress : 'fa:16:3e:ff:ff:ff',
    })),
    portSecurity: shape !== 5,
    rules: rules.slice(shape % 3),
    hostname: '',
    extraDhcpOptions: [],
  }
  return portRules(port, 16 + n, networks[n % 2]!.hostIsGateway)
}

describe('rules in the kernel', { skip: needsRootAnd('nft') }, () => {
  const names = cloudNames(randomBytes(4).toString('hex'))
  const log = pino({ level: 'silent' })
  let rules: RulesInKernel
  const base = new Map(networks.map((network, zone) => [network.id as string, networkRules(network, 1 + zone)]))

  before(async () => {
    rules = new RulesInKernel(names, log)
    await rules.reconcile(base)
  })
  after(() => rules.remove())

  /** What is listed, without handles, and in an order of its own where the kernel's says nothing. */
  const listed = async () => {
    const kinds = new Map<string, string[]>()
    for (const family of ['bridge', 'inet']) {
      const { nftables } = JSON.parse(await run('nft', ['-j', '-s', 'list', 'table', family, names.table])) as {
        nftables: Record<string, { chain?: string; elem?: unknown[] }>[]
      }
      for (const object of nftables) {
        const [[kind, { elem, ...body }] = ['', {}]] = Object.entries(object)
        if (kind === 'metainfo') continue
        const text = JSON.stringify([body, elem?.map((item) => JSON.stringify(item)).toSorted()], (key, value) =>
          key === 'handle' ? undefined : value,
        )
        const of = kind === 'rule' ? `${family} rules of ${body.chain}` : `${family} ${kind} ${text}`
        kinds.set(of, [...(kinds.get(of) ?? []), text])
      }
    }
    return [...kinds].toSorted(([one], [other]) => (one < other ? -1 : 1))
  }

  it('are after many changes as if they had been made at once', async () => {
    const standing = new Map(base)
    for (let round = 0; round < 7; round++)
      await Promise.all(
        Array.from({ length: 12 }, (_, n) => {
          const fragment = (n + round) % 4 === 0 ? undefined : aPort(n, (n * round) % 7)
          if (fragment === undefined) standing.delete(`port ${n}`)
          else standing.set(`port ${n}`, fragment)
          return rules.put(`port ${n}`, fragment)
        }),
      )
    const grown = await listed()
    rules = new RulesInKernel(names, log)
    await rules.reconcile(standing)
    assert.deepEqual(grown, await listed())
  })

  it('are put right by the next change, when somebody took a table away', async () => {
    await nft(`delete table inet ${names.table}\n`)
    await rules.put('port 1', aPort(1, 2))
    const repaired = await listed()
    assert.ok(repaired.some(([of]) => of === 'inet rules of to_17'))
    assert.ok(repaired.some(([of]) => of === 'inet rules of egress'))
  })

  it('take the good of what comes together, and refuse the bad to its caller', async () => {
    const bad: Fragment = { elements: [['mac', 'not an element']], chains: [], sets: [] }
    const [good, refused] = await Promise.allSettled([rules.put('port 3', aPort(3, 1)), rules.put('bad', bad)])
    assert.equal(good.status, 'fulfilled')
    assert.equal(refused.status, 'rejected')
    assert.ok((await listed()).some(([of]) => of === 'inet rules of to_19'))
    await rules.put('port 4', aPort(4, 1))
  })

  it('are left alone by a reconciliation that finds them right', async () => {
    const standing = new Map([...base, ['port 1', aPort(1, 2)] as const])
    await rules.reconcile(standing)
    const handle = async () =>
      /chain egress { # handle (\d+)/.exec(await run('nft', ['-a', 'list', 'table', 'inet', names.table]))?.[1]
    const before = await handle()
    assert.ok(before)
    await rules.reconcile(standing)
    assert.equal(await handle(), before)
    await nft(`flush chain inet ${names.table} egress\n`)
    await rules.reconcile(standing)
    assert.ok((await listed()).some(([of]) => of === 'inet rules of egress'))
  })
})
