/** Short calls: one at a time, several in flight, a list; and what the friendly layer costs above the protocol's shapes. */
import type { Connection, Domain } from '../src/index.ts'
import { compare, spend } from './pairs.ts'
import type { Peer } from './peer.ts'
import { print } from './print.ts'

const CALLS = 2000
const LISTS = 400
const ROUNDS = 15
/** One connection has four calls in flight: the daemon runs five of one client, and stops reading at them. */
const IN_FLIGHT = 4

const oneByOne = (count: number, call: () => Promise<unknown>) =>
  spend(async () => {
    for (let done = 0; done < count; done++) await call()
  })
const allAtOnce = (count: number, call: () => Promise<unknown>) =>
  spend(() => Promise.all(Array.from({ length: count }, call)))

export async function callsBesideC(connection: Connection, domain: Domain, peer: Peer): Promise<void> {
  const kinds = { version: () => connection.libVersion(), info: () => domain.info(), xml: () => domain.xml() }
  for (const [kind, call] of Object.entries(kinds)) {
    const one = await compare(
      ROUNDS,
      () => oneByOne(CALLS, call),
      () => peer.order('sequential', kind, CALLS),
    )
    print(`one call (${kind}), ours`, (one.ours.wallS / CALLS) * 1e6, 'us')
    print(`one call (${kind}), C`, (one.theirs.wallS / CALLS) * 1e6, 'us')
    print(`one call (${kind}), ours to C`, one.wallRatio, 'ratio', '<= 1.1')
    print(`one call (${kind}), CPU time, ours to C`, one.cpuRatio, 'ratio')
  }
  for (const kind of ['version', 'info'] as const) {
    const many = await compare(
      ROUNDS,
      () => allAtOnce(CALLS, kinds[kind]),
      () => peer.order('threads', kind, CALLS, IN_FLIGHT),
    )
    print(`calls (${kind}), ${IN_FLIGHT} in flight, ours`, CALLS / many.ours.wallS, '/s')
    print(`calls (${kind}), C with ${IN_FLIGHT} threads`, CALLS / many.theirs.wallS, '/s')
    print(`calls (${kind}) in a time, ours to C`, 1 / many.wallRatio, 'ratio', '>= 1')
    print(`calls (${kind}), ${IN_FLIGHT} in flight, CPU time, ours to C`, many.cpuRatio, 'ratio')
  }
  const list = await compare(
    ROUNDS,
    () => oneByOne(LISTS, () => connection.domains.listAll()),
    () => peer.order('sequential', 'list', LISTS),
  )
  print('list of 50 guests, ours', (list.ours.wallS / LISTS) * 1e6, 'us')
  print('list of 50 guests, C', (list.theirs.wallS / LISTS) * 1e6, 'us')
  print('list of 50 guests, ours to C', list.wallRatio, 'ratio', '<= 1')
}

export async function friendlyBesideRaw(connection: Connection, domain: Domain): Promise<void> {
  const { raw } = connection
  const { dom } = await raw.domainLookupByName({ name: domain.name })
  const kinds: [string, number, () => Promise<unknown>, () => Promise<unknown>][] = [
    ['info', CALLS, () => domain.info(), () => raw.domainGetInfo({ dom })],
    [
      'list of 50',
      LISTS,
      () => connection.domains.listAll(),
      () => raw.connectListAllDomains({ needResults: 1, flags: 0 }),
    ],
  ]
  for (const [kind, count, friendly, plain] of kinds) {
    const { wallRatio, cpuRatio } = await compare(
      ROUNDS,
      () => oneByOne(count, friendly),
      () => oneByOne(count, plain),
    )
    print(`friendly to raw (${kind}), time`, wallRatio, 'ratio', '<= 1.1')
    print(`friendly to raw (${kind}), CPU time`, cpuRatio, 'ratio')
  }
}
