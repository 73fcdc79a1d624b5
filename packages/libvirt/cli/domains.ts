/** Guests: listing, looking at, defining, and their lives. */
import type { Domain, DomainState } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { attempt, CommandError, command, flagsOf, type Group, ownOf } from './command.ts'
import { attachConsole, consoleCommand } from './console.ts'
import { readXml } from './files.ts'
import { byName, findDomain, rowsOf, unlessMissing, unlessUnsupported } from './find.ts'
import { migrate } from './migrate.ts'
import { yesNo } from './terminal.ts'
import { attributeAt, elementsAt, parseXml } from './xml.ts'

const domain = { about: 'its name, its number or its uuid' }

/** As `virsh` says it. */
const stateWords: Record<DomainState, string> = {
  nostate: 'no state',
  running: 'running',
  blocked: 'idle',
  paused: 'paused',
  shutdown: 'in shutdown',
  shutoff: 'shut off',
  crashed: 'crashed',
  pmsuspended: 'pmsuspended',
}
/** Where `virsh` says it differently. */
const reasonWords: Record<string, string> = {
  'from-snapshot': 'from snapshot',
  'migration-canceled': 'migration canceled',
  'save-canceled': 'save canceled',
  wakeup: 'event wakeup',
  postcopy: 'post-copy',
  'postcopy-failed': 'post-copy failed',
  migration: 'migrating',
  save: 'saving',
  dump: 'dumping',
  ioerror: 'I/O error',
  'shutting-down': 'shutting down',
  snapshot: 'creating snapshot',
  'starting-up': 'starting up',
}

const idOf = ({ id }: Domain) => (id === -1 ? '-' : String(id))

// ---- Looking -------------------------------------------------------------------------------------------------

const listFilters = {
  persistent: C.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
  transient: C.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
  autostart: C.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
  'no-autostart': C.VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART,
  'with-snapshot': C.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
  'without-snapshot': C.VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT,
  'with-managed-save': C.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
  'without-managed-save': C.VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE,
  'with-checkpoint': C.VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT,
  'without-checkpoint': C.VIR_CONNECT_LIST_DOMAINS_NO_CHECKPOINT,
}
const stateFilters = {
  'state-running': C.VIR_CONNECT_LIST_DOMAINS_RUNNING,
  'state-paused': C.VIR_CONNECT_LIST_DOMAINS_PAUSED,
  'state-shutoff': C.VIR_CONNECT_LIST_DOMAINS_SHUTOFF,
  'state-other': C.VIR_CONNECT_LIST_DOMAINS_OTHER,
}
/** Running ones by their number, then the others by name. */
const byIdThenName = (a: Domain, b: Domain) => {
  if (a.id === -1 && b.id === -1) return byName(a, b)
  return a.id === -1 ? 1 : b.id === -1 ? -1 : a.id - b.id
}

const list = command('list', 'which domains there are', {
  options: {
    inactive: { about: 'those that do not run' },
    all: { about: 'those that run and those that do not' },
    transient: { about: 'those without a definition' },
    persistent: { about: 'those with a definition' },
    'with-snapshot': { about: 'those that have snapshots' },
    'without-snapshot': { about: 'those that have none' },
    'with-checkpoint': { about: 'those that have checkpoints' },
    'without-checkpoint': { about: 'those that have none' },
    'state-running': { about: 'those that run' },
    'state-paused': { about: 'those that are paused' },
    'state-shutoff': { about: 'those that are off' },
    'state-other': { about: 'those in any other state' },
    autostart: { about: 'those that start with the host' },
    'no-autostart': { about: 'those that do not' },
    'with-managed-save': { about: 'those whose memory libvirt has saved' },
    'without-managed-save': { about: 'those whose memory it has not' },
    uuid: { about: 'only uuids' },
    name: { about: 'only names' },
    id: { about: 'only numbers, of those that run' },
    'managed-save': { about: 'call a domain saved whose memory libvirt has saved' },
    title: { about: 'with titles' },
  },
  example: 'list --all',
  async run(given, { connection, terminal }) {
    const states = flagsOf(given, stateFilters)
    // Who asks for a state means inactive guests too, as far as the state is one of theirs.
    const both = C.VIR_CONNECT_LIST_DOMAINS_ACTIVE | C.VIR_CONNECT_LIST_DOMAINS_INACTIVE
    const active = given.all ? both : C.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    const which = given.inactive && !given.all ? C.VIR_CONNECT_LIST_DOMAINS_INACTIVE : active
    const wanted = flagsOf(given, listFilters) | states | (states !== 0 && !given.inactive ? both : which)
    const domains = (await connection.domains.listAll(wanted)).sort(byIdThenName)

    if (given.uuid || given.name || given.id) {
      const cells = (guest: Domain) => [
        ...(given.uuid ? [guest.uuid] : []),
        ...(given.id ? [idOf(guest)] : []),
        ...(given.name ? [guest.name] : []),
      ]
      // Only running ones have a number.
      const onlyIds = !given.uuid && !given.name
      for (const guest of domains) {
        if (!onlyIds || guest.id !== -1) terminal.print(`${cells(guest).join(' ')}\n`)
      }
      return
    }
    const stateOf = async (guest: Domain) => {
      const { state } = await guest.state()
      const saved = given['managed-save'] && state === 'shutoff' && (await guest.hasManagedSave())
      return saved ? 'saved' : stateWords[state]
    }
    const rows = await rowsOf(domains, async (guest) => {
      const title = given.title ? [(await unlessMissing(guest.title())) ?? ''] : []
      return [idOf(guest), guest.name, await stateOf(guest), ...title]
    })
    terminal.table(['Id', 'Name', 'State', ...(given.title ? ['Title'] : [])], rows)
  },
})

const dominfo = command('dominfo', 'what a domain is, in short', {
  arguments: { domain },
  example: 'dominfo web',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    const info = await guest.info()
    const cpuTime = Number(info.cpuTimeNs) / 1e9
    terminal.fields([
      ['Id:', idOf(guest)],
      ['Name:', guest.name],
      ['UUID:', guest.uuid],
      ['OS Type:', await guest.osType()],
      ['State:', stateWords[info.state]],
      ['CPU(s):', info.vcpus],
      ...(cpuTime === 0 ? [] : [['CPU time:', `${cpuTime.toFixed(1)}s`] as const]),
      ['Max memory:', `${info.maxMemoryKiB} KiB`],
      ['Used memory:', `${info.memoryKiB} KiB`],
      ['Persistent:', yesNo(await guest.isPersistent())],
      ['Autostart:', (await guest.autostart()) ? 'enable' : 'disable'],
      ['Managed save:', yesNo(await guest.hasManagedSave())],
    ])
    const security = await unlessUnsupported(connection.node.securityModel())
    if (security !== undefined && security.model !== '') {
      terminal.fields([
        ['Security model:', security.model],
        ['Security DOI:', security.doi],
      ])
      if (guest.id !== -1) {
        const { label, enforcing } = await guest.securityLabel()
        if (label !== '') {
          terminal.fields([['Security label:', `${label} (${enforcing ? 'enforcing' : 'permissive'})`]])
        }
      }
    }
    const messages = (await unlessUnsupported(guest.messages())) ?? []
    terminal.fields(messages.map((message, at) => [at === 0 ? 'Messages:' : '', message] as const))
  },
})

const domstate = command('domstate', 'what a domain does now', {
  arguments: { domain },
  options: { reason: { about: 'and how it came to that' } },
  example: 'domstate --reason web',
  async run(given, { connection, terminal }) {
    const { state, reason } = await (await findDomain(connection, given.domain)).state()
    const why = given.reason ? ` (${reasonWords[reason] ?? reason})` : ''
    terminal.print(`${stateWords[state]}${why}\n`)
  },
})

const dumpxmlFlags = {
  inactive: C.VIR_DOMAIN_XML_INACTIVE,
  'security-info': C.VIR_DOMAIN_XML_SECURE,
  'update-cpu': C.VIR_DOMAIN_XML_UPDATE_CPU,
  migratable: C.VIR_DOMAIN_XML_MIGRATABLE,
}
const dumpxml = command('dumpxml', 'the whole description of a domain', {
  arguments: { domain },
  options: {
    inactive: { about: 'of its definition, not of what runs' },
    'security-info': { about: 'with passwords' },
    'update-cpu': { about: 'with the processor that it has on this host' },
    migratable: { about: 'as another host would take it' },
  },
  example: 'dumpxml --inactive web',
  async run(given, { connection, terminal }) {
    terminal.print(await (await findDomain(connection, given.domain)).xml(flagsOf(given, dumpxmlFlags)))
  },
})

/** What libvirt says of the devices of this kind. */
async function devicesOf(guest: Domain, kind: 'disk' | 'interface', inactive: boolean) {
  const xml = await guest.xml(inactive ? C.VIR_DOMAIN_XML_INACTIVE : 0)
  return elementsAt(parseXml(xml), `devices/${kind}`)
}
const inactiveDevices = { inactive: { about: 'of its definition, not of what runs' } }

const domblklist = command('domblklist', 'the disks of a domain', {
  arguments: { domain },
  options: { ...inactiveDevices, details: { about: 'with type and kind of device' } },
  example: 'domblklist --details web',
  async run(given, { connection, terminal }) {
    const disks = await devicesOf(await findDomain(connection, given.domain), 'disk', given.inactive)
    const rows = disks.map((disk) => [
      ...(given.details ? [attributeAt(disk, '', 'type') ?? '-', attributeAt(disk, '', 'device') ?? '-'] : []),
      attributeAt(disk, 'target', 'dev') ?? '-',
      attributeAt(disk, 'source', 'file', 'dev', 'dir', 'name', 'volume', 'path') ?? '-',
    ])
    terminal.table([...(given.details ? ['Type', 'Device'] : []), 'Target', 'Source'], rows)
  },
})

const domiflist = command('domiflist', 'the network interfaces of a domain', {
  arguments: { domain },
  options: inactiveDevices,
  example: 'domiflist web',
  async run(given, { connection, terminal }) {
    const interfaces = await devicesOf(await findDomain(connection, given.domain), 'interface', given.inactive)
    const rows = interfaces.map((device) => [
      attributeAt(device, 'target', 'dev') ?? '-',
      attributeAt(device, '', 'type') ?? '-',
      attributeAt(device, 'source', 'bridge', 'dev', 'network', 'name', 'path') ?? '-',
      attributeAt(device, 'model', 'type') ?? '-',
      attributeAt(device, 'mac', 'address') ?? '-',
    ])
    terminal.table(['Interface', 'Type', 'Source', 'Model', 'MAC'], rows)
  },
})

// ---- Definitions ---------------------------------------------------------------------------------------------

const file = { about: 'file with the description, XML' }

const define = command('define', 'keep a description of a domain, without starting it', {
  arguments: { file },
  options: { validate: { about: "hold the XML against libvirt's schema first" } },
  example: 'define web.xml',
  async run(given, { connection, terminal }) {
    const flags = given.validate ? C.VIR_DOMAIN_DEFINE_VALIDATE : 0
    const xml = await readXml(given.file)
    const guest = await attempt(`Failed to define domain from ${given.file}`, connection.domains.defineXml(xml, flags))
    terminal.remark(`Domain '${guest.name}' defined from ${given.file}\n`)
  },
})

const createFlags = { paused: C.VIR_DOMAIN_START_PAUSED, validate: C.VIR_DOMAIN_START_VALIDATE }
const create = command('create', 'start a domain of which no definition is kept', {
  arguments: { file },
  options: {
    paused: { about: 'let it wait before its first instruction' },
    validate: { about: "hold the XML against libvirt's schema first" },
  },
  example: 'create --paused web.xml',
  async run(given, { connection, terminal }) {
    const xml = await readXml(given.file)
    const created = connection.domains.createXml(xml, flagsOf(given, createFlags))
    const guest = await attempt(`Failed to create domain from ${given.file}`, created)
    terminal.remark(`Domain '${guest.name}' created from ${given.file}\n`)
  },
})

const undefineFlags = {
  'managed-save': C.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
  'snapshots-metadata': C.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
  'checkpoints-metadata': C.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
  nvram: C.VIR_DOMAIN_UNDEFINE_NVRAM,
  'keep-nvram': C.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM,
}
const undefine = command('undefine', 'forget the definition of a domain', {
  arguments: { domain },
  options: {
    'managed-save': { about: 'and the memory that libvirt has saved' },
    'snapshots-metadata': { about: 'and what is known of its snapshots' },
    'checkpoints-metadata': { about: 'and what is known of its checkpoints' },
    nvram: { about: 'and the file of its firmware variables' },
    'keep-nvram': { about: 'but not the file of its firmware variables' },
  },
  example: 'undefine web --managed-save',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    await attempt(`Failed to undefine domain '${guest.name}'`, guest.undefine(flagsOf(given, undefineFlags)))
    terminal.remark(`Domain '${guest.name}' has been undefined\n`)
  },
})

const autostart = command('autostart', 'start a domain whenever the host starts', {
  arguments: { domain },
  options: { disable: { about: 'no longer' } },
  example: 'autostart web',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    const mark = given.disable ? 'unmark' : 'mark'
    await attempt(`Failed to ${mark} domain '${guest.name}' as autostarted`, guest.setAutostart(!given.disable))
    terminal.remark(`Domain '${guest.name}' ${mark}ed as autostarted\n`)
  },
})

// ---- Lives ---------------------------------------------------------------------------------------------------

const startFlags = {
  paused: C.VIR_DOMAIN_START_PAUSED,
  'bypass-cache': C.VIR_DOMAIN_START_BYPASS_CACHE,
  'force-boot': C.VIR_DOMAIN_START_FORCE_BOOT,
  'reset-nvram': C.VIR_DOMAIN_START_RESET_NVRAM,
}
const start = command('start', 'start a domain that is defined', {
  arguments: { domain },
  options: {
    console: { about: 'and go to its console' },
    paused: { about: 'let it wait before its first instruction' },
    'bypass-cache': { about: "read saved memory past the host's cache" },
    'force-boot': { about: 'boot, even if there is saved memory' },
    'reset-nvram': { about: 'with firmware variables as new' },
  },
  example: 'start web --console',
  async run(given, session) {
    const { connection, terminal } = session
    const guest = await findDomain(connection, given.domain)
    if (guest.id !== -1) throw new CommandError('Domain is already active')
    await attempt(`Failed to start domain '${guest.name}'`, guest.create(flagsOf(given, startFlags)))
    terminal.remark(`Domain '${guest.name}' started\n`)
    if (given.console) await attachConsole(guest, { device: null, flags: 0 }, session)
  },
})

const shutdownModes = {
  acpi: C.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
  agent: C.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
  initctl: C.VIR_DOMAIN_SHUTDOWN_INITCTL,
  signal: C.VIR_DOMAIN_SHUTDOWN_SIGNAL,
  paravirt: C.VIR_DOMAIN_SHUTDOWN_PARAVIRT,
}
const rebootModes = {
  acpi: C.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
  agent: C.VIR_DOMAIN_REBOOT_GUEST_AGENT,
  initctl: C.VIR_DOMAIN_REBOOT_INITCTL,
  signal: C.VIR_DOMAIN_REBOOT_SIGNAL,
  paravirt: C.VIR_DOMAIN_REBOOT_PARAVIRT,
}
const anyOf = new Intl.ListFormat('en', { type: 'disjunction' })
function modesOf(text: string | undefined, modes: Readonly<Record<string, number>>): number {
  return (text?.split(',') ?? []).reduce((all, word) => {
    const flag = ownOf(modes, word)
    if (flag === undefined) {
      const known = anyOf.format(Object.keys(modes).map((name) => `'${name}'`))
      throw new CommandError(`Unknown mode ${word} value, expecting ${known}`)
    }
    return all | flag
  }, 0)
}
const mode = { value: 'string', about: 'ways to ask it: acpi, agent, initctl, signal, paravirt, joined by commas' }

const shutdown = command('shutdown', 'ask a domain to turn itself off', {
  arguments: { domain },
  options: { mode },
  example: 'shutdown web --mode acpi',
  async run(given, { connection, terminal }) {
    const flags = modesOf(given.mode, shutdownModes)
    const guest = await findDomain(connection, given.domain)
    await attempt(`Failed to shutdown domain '${guest.name}'`, guest.shutdown(flags))
    terminal.remark(`Domain '${guest.name}' is being shutdown\n`)
  },
})
const reboot = command('reboot', 'ask a domain to restart itself', {
  arguments: { domain },
  options: { mode },
  example: 'reboot web',
  async run(given, { connection, terminal }) {
    const flags = modesOf(given.mode, rebootModes)
    const guest = await findDomain(connection, given.domain)
    await attempt(`Failed to reboot domain '${guest.name}'`, guest.reboot(flags))
    terminal.remark(`Domain '${guest.name}' is being rebooted\n`)
  },
})
const destroy = command('destroy', 'cut the power of a domain', {
  arguments: { domain },
  options: { graceful: { about: 'but not where its process does not end by itself' } },
  example: 'destroy web',
  async run(given, { connection, terminal }) {
    const guest = await findDomain(connection, given.domain)
    const flags = given.graceful ? C.VIR_DOMAIN_DESTROY_GRACEFUL : 0
    await attempt(`Failed to destroy domain '${guest.name}'`, guest.destroy(flags))
    terminal.remark(`Domain '${guest.name}' destroyed\n`)
  },
})

/** A command that asks one thing of a guest, and tells that it was done. */
const deed = (name: string, about: string, done: string, act: (guest: Domain) => Promise<void>) =>
  command(name, about, {
    arguments: { domain },
    example: `${name} web`,
    async run(given, { connection, terminal }) {
      const guest = await findDomain(connection, given.domain)
      await attempt(`Failed to ${name} domain '${guest.name}'`, act(guest))
      terminal.remark(`Domain '${guest.name}' ${done}\n`)
    },
  })
const suspend = deed('suspend', 'let a domain stand still', 'suspended', (guest) => guest.suspend())
const resume = deed('resume', 'let it go on', 'resumed', (guest) => guest.resume())
const reset = deed('reset', 'press the reset button of a domain', 'was reset', (guest) => guest.reset())

export const domainCommands: Group = {
  keyword: 'domain',
  title: 'Domain Management',
  commands: [
    autostart,
    consoleCommand,
    create,
    define,
    destroy,
    dumpxml,
    migrate,
    reboot,
    reset,
    resume,
    shutdown,
    start,
    suspend,
    undefine,
  ],
}
export const domainMonitoringCommands: Group = {
  keyword: 'monitor',
  title: 'Domain Monitoring',
  commands: [domblklist, domiflist, dominfo, domstate, list],
}
