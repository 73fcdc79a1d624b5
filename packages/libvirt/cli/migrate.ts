/** Moving a guest to another host. */
import { connect, type Domain, type MigrateParams } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { command, flagsOf, wholeNumber } from './command.ts'
import { interactiveOptions } from './credentials.ts'
import { readXml } from './files.ts'
import { findDomain } from './find.ts'
import { interruptible } from './interrupt.ts'
import type { Terminal } from './terminal.ts'

/** Between two looks at how far it is. */
const LOOK_MS = 500

const flags = {
  live: C.VIR_MIGRATE_LIVE,
  offline: C.VIR_MIGRATE_OFFLINE,
  p2p: C.VIR_MIGRATE_PEER2PEER,
  tunnelled: C.VIR_MIGRATE_TUNNELLED,
  persistent: C.VIR_MIGRATE_PERSIST_DEST,
  undefinesource: C.VIR_MIGRATE_UNDEFINE_SOURCE,
  suspend: C.VIR_MIGRATE_PAUSED,
  'copy-storage-all': C.VIR_MIGRATE_NON_SHARED_DISK,
  'copy-storage-inc': C.VIR_MIGRATE_NON_SHARED_INC,
  'change-protection': C.VIR_MIGRATE_CHANGE_PROTECTION,
  unsafe: C.VIR_MIGRATE_UNSAFE,
  compressed: C.VIR_MIGRATE_COMPRESSED,
  'auto-converge': C.VIR_MIGRATE_AUTO_CONVERGE,
  'abort-on-error': C.VIR_MIGRATE_ABORT_ON_ERROR,
  tls: C.VIR_MIGRATE_TLS,
}

export const migrate = command('migrate', 'move a domain to another host', {
  arguments: {
    domain: { about: 'its name, its number or its uuid' },
    desturi: { about: "the other daemon's URI, as seen from here; with --p2p, from the source" },
    migrateuri: { about: 'where the memory goes, if not where the other daemon says', optional: true },
  },
  options: {
    live: { about: 'while it runs' },
    offline: { about: 'only its definition: it does not run' },
    p2p: { about: 'led by the daemons, not from here' },
    tunnelled: { about: 'through the connection of the daemons (with --p2p)' },
    persistent: { about: 'define it there' },
    undefinesource: { about: 'forget its definition here' },
    suspend: { about: 'leave it paused there' },
    'copy-storage-all': { about: 'copy its disks, whole' },
    'copy-storage-inc': { about: 'copy its disks, without what they are laid upon' },
    'change-protection': { about: 'let nobody change it meanwhile' },
    unsafe: { about: 'even where its disks may be cached' },
    verbose: { about: 'tell how far it is' },
    compressed: { about: 'compress memory on its way' },
    'auto-converge': { about: 'slow it down until its memory can be followed' },
    'abort-on-error': { about: 'give up on an error of a disk' },
    tls: { about: 'encrypt what is copied' },
    dname: { value: 'string', about: 'its name there' },
    xml: { value: 'file', about: 'its description there, XML' },
    bandwidth: { value: 'number', about: 'at most so many MiB a second' },
  },
  example: 'migrate web qemu+tls://other/system --live --verbose',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    const params: MigrateParams = {
      ...(given.migrateuri !== undefined && { migrate_uri: given.migrateuri }),
      ...(given.dname !== undefined && { destination_name: given.dname }),
      ...(given.xml !== undefined && { destination_xml: await readXml(given.xml) }),
      ...(given.bandwidth !== undefined && { bandwidth: wholeNumber(given.bandwidth, 'bandwidth') }),
    }
    using interrupt = interruptible()
    const { signal } = interrupt
    const wanted = flagsOf(given, flags)
    await using looking = given.verbose ? look(guest, terminal) : undefined
    if (given.p2p) await guest.migrateToUri(given.desturi, params, wanted, { signal })
    else {
      await using destination = await connect(given.desturi, { signal, ...interactiveOptions() })
      await guest.migrate(destination, params, wanted, { signal })
    }
    looking?.done()
  },
})

/** Tells how far it is, until it is disposed of. */
function look(guest: Domain, terminal: Terminal): { done(): void } & AsyncDisposable {
  const label = 'Migration'
  const ask = async () => {
    const { type, dataTotalBytes, dataRemainingBytes } = await guest.jobInfo()
    if (type !== 'none' && dataTotalBytes > 0n) {
      // All is only said of a migration that has ended well.
      const percent = Number(((dataTotalBytes - dataRemainingBytes) * 100n) / dataTotalBytes)
      terminal.percent(label, Math.min(percent, 99))
    }
  }
  let asking = Promise.resolve()
  const timer = setInterval(() => {
    // A guest that has just gone is no longer to be asked; the migration itself tells what failed.
    asking = asking.then(ask).catch(() => {})
  }, LOOK_MS)
  return {
    done: () => terminal.percent(label, 100),
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await asking
      terminal.endPercent()
    },
  }
}
