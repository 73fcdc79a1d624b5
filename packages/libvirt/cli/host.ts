/** The host, and the way to it. */
import { type Connection, parseUri, type Version } from '@stratolith/libvirt'
import { command, type Group } from './command.ts'
import { ownVersion } from './version.ts'

const dotted = ({ major, minor, micro }: Version) => `${major}.${minor}.${micro}`

const nodeinfo = command('nodeinfo', 'processors and memory of the host', {
  example: 'nodeinfo',
  async run(_given, { connection, terminal }) {
    const info = await connection.node.info()
    terminal.fields(
      [
        ['CPU model:', info.model],
        ['CPU(s):', info.cpus],
        ['CPU frequency:', `${info.mhz} MHz`],
        ['CPU socket(s):', info.socketsPerNode],
        ['Core(s) per socket:', info.coresPerSocket],
        ['Thread(s) per core:', info.threadsPerCore],
        ['NUMA cell(s):', info.numaNodes],
        ['Memory size:', `${info.memoryKiB} KiB`],
      ],
      20,
    )
  },
})

/** A command that prints one answer of the daemon. */
const answer = (name: string, about: string, ask: (connection: Connection) => Promise<string>) =>
  command(name, about, {
    example: name,
    async run(_given, { connection, terminal }) {
      terminal.print(`${await ask(connection)}\n`)
    },
  })

/** Whoever let the daemon choose wants to know what it chose. */
async function uriOf(connection: Connection): Promise<string> {
  return parseUri(connection.uri).driver === 'remote' ? await connection.daemonUri() : connection.uri
}

const version = command('version', 'which libvirt and which hypervisor answer', {
  options: { daemon: { about: "and the daemon's own version" } },
  example: 'version --daemon',
  async run(given, { connection, terminal }) {
    const [type, library, hypervisor] = await Promise.all([
      connection.type(),
      connection.libVersion(),
      connection.version(),
    ])
    terminal.print(`Using library: @stratolith/libvirt ${ownVersion}\n`)
    terminal.print(`Using API: ${type} ${dotted(library)}\n`)
    if (hypervisor.number === 0) terminal.print(`Cannot extract running ${type} hypervisor version\n`)
    else terminal.print(`Running hypervisor: ${type} ${dotted(hypervisor)}\n`)
    if (given.daemon) terminal.print(`Running against daemon: ${dotted(library)}\n`)
  },
})

export const hostCommands: Group = {
  keyword: 'host',
  title: 'Host and Hypervisor',
  commands: [
    answer('capabilities', 'what the host offers, in XML', (connection) => connection.capabilities()),
    answer('hostname', 'the name of the host', (connection) => connection.hostname()),
    nodeinfo,
    answer('uri', 'where this is connected to', uriOf),
    version,
  ],
}
