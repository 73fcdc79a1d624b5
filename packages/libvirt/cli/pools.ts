/** Storage pools. */
import type { StoragePool } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { attempt, command, flagsOf, type Group } from './command.ts'
import { readXml } from './files.ts'
import { byName, findPool, rowsOf } from './find.ts'
import { prettySize } from './sizes.ts'
import { yesNo } from './terminal.ts'

const pool = { about: 'its name or its uuid' }

const listFilters = {
  persistent: C.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
  transient: C.VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT,
  autostart: C.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
  'no-autostart': C.VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART,
}
const poolList = command('pool-list', 'which pools there are', {
  options: {
    inactive: { about: 'those that are not active' },
    all: { about: 'all of them' },
    transient: { about: 'those without a definition' },
    persistent: { about: 'those with one' },
    autostart: { about: 'those that start with the host' },
    'no-autostart': { about: 'those that do not' },
    details: { about: 'with sizes' },
    uuid: { about: 'only uuids' },
    name: { about: 'only names' },
  },
  example: 'pool-list --all --details',
  async run(given, { connection, terminal }) {
    const inactive = given.inactive || given.all ? C.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE : 0
    const active = given.all || !given.inactive ? C.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE : 0
    const pools = await connection.storagePools.listAll(flagsOf(given, listFilters) | inactive | active)
    pools.sort(byName)
    if (given.uuid || given.name) {
      const cells = (one: StoragePool) => [...(given.uuid ? [one.uuid] : []), ...(given.name ? [one.name] : [])]
      for (const one of pools) terminal.print(`${cells(one).join(' ')}\n`)
      return
    }
    if (!given.details) {
      const rows = await rowsOf(pools, async (one) => [
        one.name,
        (await one.isActive()) ? 'active' : 'inactive',
        yesNo(await one.autostart()),
      ])
      terminal.table(['Name', 'State', 'Autostart'], rows)
      return
    }
    const rows = await rowsOf(pools, async (one) => {
      const { state, capacityBytes, allocationBytes, availableBytes } = await one.info()
      const known = state === 'running' || state === 'degraded'
      const sizes = [capacityBytes, allocationBytes, availableBytes].map((size) => (known ? prettySize(size) : '-'))
      return [one.name, state, yesNo(await one.autostart()), yesNo(await one.isPersistent()), ...sizes]
    })
    const head = ['Name', 'State', 'Autostart', 'Persistent', 'Capacity', 'Allocation', 'Available']
    terminal.table(head, rows)
  },
})

const poolInfo = command('pool-info', 'what a pool is, in short', {
  arguments: { pool },
  options: { bytes: { about: 'sizes in bytes' } },
  example: 'pool-info images',
  async run(given, { connection, terminal }) {
    const one = await findPool(connection, given.pool)
    const { state, ...sizes } = await one.info()
    const size = (bytes: bigint) => (given.bytes ? String(bytes) : prettySize(bytes))
    terminal.fields([
      ['Name:', one.name],
      ['UUID:', one.uuid],
      ['State:', state],
      ['Persistent:', yesNo(await one.isPersistent())],
      ['Autostart:', yesNo(await one.autostart())],
    ])
    if (state !== 'running' && state !== 'degraded') return
    terminal.fields([
      ['Capacity:', size(sizes.capacityBytes)],
      ['Allocation:', size(sizes.allocationBytes)],
      ['Available:', size(sizes.availableBytes)],
    ])
  },
})

const poolDumpxml = command('pool-dumpxml', 'the whole description of a pool', {
  arguments: { pool },
  options: { inactive: { about: 'of its definition, not of what runs' } },
  example: 'pool-dumpxml images',
  async run(given, { connection, terminal }) {
    const one = await findPool(connection, given.pool)
    terminal.print(await one.xml(given.inactive ? C.VIR_STORAGE_XML_INACTIVE : 0))
  },
})

const poolDefine = command('pool-define', 'keep a description of a pool, without starting it', {
  arguments: { file: { about: 'file with the description, XML' } },
  example: 'pool-define images.xml',
  async run(given, { connection, terminal }) {
    const defined = connection.storagePools.defineXml(await readXml(given.file))
    const one = await attempt(`Failed to define pool from ${given.file}`, defined)
    terminal.remark(`Pool ${one.name} defined from ${given.file}\n`)
  },
})
const poolAutostart = command('pool-autostart', 'start a pool whenever the host starts', {
  arguments: { pool },
  options: { disable: { about: 'no longer' } },
  example: 'pool-autostart images',
  async run(given, { connection, terminal }) {
    const one = await findPool(connection, given.pool)
    const mark = given.disable ? 'unmark' : 'mark'
    await attempt(`failed to ${mark} pool ${one.name} as autostarted`, one.setAutostart(!given.disable))
    terminal.remark(`Pool ${one.name} ${mark}ed as autostarted\n`)
  },
})

/** A command that asks one thing of a pool, and tells that it was done. */
const deed = (verb: string, about: string, done: string, act: (one: StoragePool) => Promise<void>) =>
  command(`pool-${verb}`, about, {
    arguments: { pool },
    example: `pool-${verb} images`,
    async run(given, { connection, terminal }) {
      const one = await findPool(connection, given.pool)
      await attempt(`Failed to ${verb} pool ${one.name}`, act(one))
      terminal.remark(`Pool ${one.name} ${done}\n`)
    },
  })

export const poolCommands: Group = {
  keyword: 'pool',
  title: 'Storage Pool',
  commands: [
    poolAutostart,
    deed('build', 'make what a pool stands on, such as its folder', 'built', (one) => one.build()),
    poolDefine,
    deed('destroy', 'stop a pool; what is in it stays', 'destroyed', (one) => one.destroy()),
    poolDumpxml,
    poolInfo,
    poolList,
    deed('refresh', 'look at the volumes of a pool anew', 'refreshed', (one) => one.refresh()),
    deed('start', 'start a pool that is defined', 'started', (one) => one.create()),
    deed('undefine', 'forget the definition of a pool', 'has been undefined', (one) => one.undefine()),
  ],
}
