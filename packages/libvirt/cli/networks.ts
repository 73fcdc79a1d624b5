/** Virtual networks. */
import type { Network } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { attempt, CommandError, command, flagsOf, type Group } from './command.ts'
import { readXml } from './files.ts'
import { byName, findNetwork, rowsOf, unless } from './find.ts'
import { yesNo } from './terminal.ts'
import { localTime } from './times.ts'

const network = { about: 'its name or its uuid' }

const listFilters = {
  persistent: C.VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
  transient: C.VIR_CONNECT_LIST_NETWORKS_TRANSIENT,
  autostart: C.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
  'no-autostart': C.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART,
}
const netList = command('net-list', 'which networks there are', {
  options: {
    inactive: { about: 'those that are not active' },
    all: { about: 'all of them' },
    persistent: { about: 'those with a definition' },
    transient: { about: 'those without' },
    autostart: { about: 'those that start with the host' },
    'no-autostart': { about: 'those that do not' },
    uuid: { about: 'only uuids' },
    name: { about: 'only names' },
  },
  example: 'net-list --all',
  async run(given, { connection, terminal }) {
    if (given.uuid && given.name) throw new CommandError('Options --uuid and --name are mutually exclusive')
    const inactive = given.inactive || given.all ? C.VIR_CONNECT_LIST_NETWORKS_INACTIVE : 0
    const active = given.all || !given.inactive ? C.VIR_CONNECT_LIST_NETWORKS_ACTIVE : 0
    const networks = await connection.networks.listAll(flagsOf(given, listFilters) | inactive | active)
    networks.sort(byName)
    if (given.uuid || given.name) {
      for (const { uuid, name } of networks) terminal.print(`${given.uuid ? uuid : name}\n`)
      return
    }
    const rows = await rowsOf(networks, async (net) => [
      net.name,
      (await net.isActive()) ? 'active' : 'inactive',
      yesNo(await net.autostart()),
      yesNo(await net.isPersistent()),
    ])
    terminal.table(['Name', 'State', 'Autostart', 'Persistent'], rows)
  },
})

const netInfo = command('net-info', 'what a network is, in short', {
  arguments: { network },
  example: 'net-info default',
  async run(given, { connection, terminal }) {
    const net = await findNetwork(connection, given.network)
    terminal.fields([
      ['Name:', net.name],
      ['UUID:', net.uuid],
      ['Active:', yesNo(await net.isActive())],
      ['Persistent:', yesNo(await net.isPersistent())],
      ['Autostart:', yesNo(await net.autostart())],
    ])
    // A network of somebody else's bridge or of a card has none of libvirt's own.
    const bridge = await unless(net.bridgeName(), ({ code }) => code === C.VIR_ERR_INTERNAL_ERROR)
    if (bridge !== undefined) terminal.fields([['Bridge:', bridge]])
  },
})

const netDumpxml = command('net-dumpxml', 'the whole description of a network', {
  arguments: { network },
  options: { inactive: { about: 'of its definition, not of what runs' } },
  example: 'net-dumpxml default',
  async run(given, { connection, terminal }) {
    const net = await findNetwork(connection, given.network)
    terminal.print(await net.xml(given.inactive ? C.VIR_NETWORK_XML_INACTIVE : 0))
  },
})

const file = { about: 'file with the description, XML' }
const netDefine = command('net-define', 'keep a description of a network, without starting it', {
  arguments: { file },
  example: 'net-define internal.xml',
  async run(given, { connection, terminal }) {
    const defined = connection.networks.defineXml(await readXml(given.file))
    const net = await attempt(`Failed to define network from ${given.file}`, defined)
    terminal.remark(`Network ${net.name} defined from ${given.file}\n`)
  },
})
const netAutostart = command('net-autostart', 'start a network whenever the host starts', {
  arguments: { network },
  options: { disable: { about: 'no longer' } },
  example: 'net-autostart default',
  async run(given, { connection, terminal }) {
    const net = await findNetwork(connection, given.network)
    const mark = given.disable ? 'unmark' : 'mark'
    await attempt(`failed to ${mark} network ${net.name} as autostarted`, net.setAutostart(!given.disable))
    terminal.remark(`Network ${net.name} ${mark}ed as autostarted\n`)
  },
})

/** A command that asks one thing of a network, and tells that it was done. */
const deed = (verb: string, about: string, done: string, act: (net: Network) => Promise<void>) =>
  command(`net-${verb}`, about, {
    arguments: { network },
    example: `net-${verb} default`,
    async run(given, { connection, terminal }) {
      const net = await findNetwork(connection, given.network)
      await attempt(`Failed to ${verb} network ${net.name}`, act(net))
      terminal.remark(`Network ${net.name} ${done}\n`)
    },
  })
const netStart = deed('start', 'start a network that is defined', 'started', (net) => net.create())
const netDestroy = deed('destroy', 'stop a network', 'destroyed', (net) => net.destroy())
const netUndefine = deed('undefine', 'forget the definition of a network', 'has been undefined', (net) =>
  net.undefine(),
)

const netDhcpLeases = command('net-dhcp-leases', 'which addresses a network has given away', {
  arguments: { network, mac: { about: 'only of this MAC address', optional: true } },
  example: 'net-dhcp-leases default',
  async run(given, { connection, terminal }) {
    const net = await findNetwork(connection, given.network)
    const leases = await attempt(`Failed to get leases info for ${given.network}`, net.dhcpLeases(given.mac ?? null))
    leases.sort((a, b) => byName({ name: a.mac ?? '' }, { name: b.mac ?? '' }))
    const rows = leases.map((lease) => [
      // For ever is told as 0.
      lease.expirySeconds === 0 ? '-' : localTime(lease.expirySeconds),
      lease.mac ?? '-',
      lease.family,
      `${lease.address}/${lease.prefix}`,
      lease.hostname ?? '-',
      lease.clientId ?? '-',
    ])
    terminal.table(['Expiry Time', 'MAC address', 'Protocol', 'IP address', 'Hostname', 'Client ID or DUID'], rows)
  },
})

export const networkCommands: Group = {
  keyword: 'network',
  title: 'Networking',
  commands: [netAutostart, netDefine, netDestroy, netDhcpLeases, netDumpxml, netInfo, netList, netStart, netUndefine],
}
