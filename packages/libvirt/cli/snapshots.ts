/** Moments of a guest that it can go back to. */
import * as C from '@stratolith/libvirt/constants'
import { command, flagsOf, type Group } from './command.ts'
import { byName, findDomain, rowsOf } from './find.ts'
import { localTime } from './times.ts'
import { elementsAt, parseXml } from './xml.ts'

const filters = {
  roots: C.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS,
  leaves: C.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES,
  'no-leaves': C.VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES,
  inactive: C.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE,
  active: C.VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE,
  'disk-only': C.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY,
  internal: C.VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL,
  external: C.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL,
}

const snapshotList = command('snapshot-list', 'which snapshots a domain has', {
  arguments: { domain: { about: 'its name, its number or its uuid' } },
  options: {
    parent: { about: 'and what each was made on' },
    roots: { about: 'those that were made on none' },
    leaves: { about: 'those that none was made on' },
    'no-leaves': { about: 'those that others were made on' },
    inactive: { about: 'those of a domain that was off' },
    active: { about: 'those with its memory' },
    'disk-only': { about: 'those of disks alone' },
    internal: { about: "those inside a disk's file" },
    external: { about: 'those in files of their own' },
    name: { about: 'only names' },
  },
  example: 'snapshot-list web --parent',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    const snapshots = (await guest.snapshots.listAll(flagsOf(given, filters))).sort(byName)
    if (given.name) {
      for (const { name } of snapshots) terminal.print(`${name}\n`)
      return
    }
    const rows = await rowsOf(snapshots, async (snapshot) => {
      const xml = parseXml(await snapshot.xml())
      const text = (path: string) => elementsAt(xml, path)[0]?.text ?? ''
      const made = localTime(Number(text('creationTime')), { zone: true })
      return [snapshot.name, made, text('state'), ...(given.parent ? [text('parent/name')] : [])]
    })
    terminal.table(['Name', 'Creation Time', 'State', ...(given.parent ? ['Parent'] : [])], rows)
  },
})

export const snapshotCommands: Group = { keyword: 'snapshot', title: 'Snapshot', commands: [snapshotList] }
