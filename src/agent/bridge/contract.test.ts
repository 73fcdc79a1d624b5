/** The bridge plane keeps the contract on this machine, with network namespaces as guests. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { needsRootAnd } from '../../../test/support/needs-root.ts'
import { NamespaceGuest } from '../../../test/support/namespace-guest.ts'
import { networkPlaneContract, type PlaneUnderTest } from '../network-plane.contract.ts'
import { run } from './command.ts'
import { confOf } from './dnsmasq.ts'
import { type BridgeNetworkPlane, openBridgePlane } from './index.ts'
import { bridgeOf, cloudNames, namespaceOf, tapOf } from './names.ts'

async function openUnderTest(): Promise<PlaneUnderTest> {
  const cloudId = randomBytes(4).toString('hex')
  const names = cloudNames(cloudId)
  const dir = await mkdtemp(join(tmpdir(), 'stratolith-plane-'))
  const log = pino({ level: process.env.STRATOLITH_TEST_LOG ?? 'silent' })
  let guests = 0
  let plane: BridgeNetworkPlane | undefined = await openBridgePlane({ cloudId, dir, log })
  const current = () => {
    if (plane === undefined) throw new Error('everything was removed')
    return plane
  }
  const ourDevices = async () => {
    const devices = JSON.parse(await run('ip', ['-j', 'link', 'show'])) as { ifname: string; ifalias?: string }[]
    return devices.filter(({ ifalias }) => names.isOurs(ifalias))
  }
  const removeEverything = async () => {
    await plane?.removeEverything()
    plane = undefined
  }
  return {
    get plane() {
      return current()
    },
    async reopen() {
      await current().close()
      plane = await openBridgePlane({ cloudId, dir, log })
    },
    async standing() {
      const devices = (await ourDevices()).map(({ ifname }) => ifname)
      return {
        taps: devices.filter((name) => name.startsWith('tap')),
        networks: devices.filter((name) => name.startsWith('brq')).length,
      }
    },
    wires: {
      guest: (port) => NamespaceGuest.open(`sg${cloudId}-${++guests}`, tapOf(port.id), port.macAddress),
      onHost: (file, ...args) => run(file ?? '', args),
      names: (networkId) => ({ bridge: bridgeOf(networkId), namespace: namespaceOf(networkId), table: names.table }),
      another: openUnderTest,
      removeEverything,
      async remains() {
        const tables = (await run('nft', ['list', 'tables'])).split('\n').filter((line) => line.includes(cloudId))
        const pids = (await readdir('/proc')).map(Number).filter((pid) => confOf(pid)?.startsWith(dir) === true)
        const namespaces = await readdir(join(dir, 'networks')).catch(() => [])
        const files = await readdir(dir)
        return [
          ...(await ourDevices()).map(({ ifname }) => `device ${ifname}`),
          ...tables,
          ...pids.map((pid) => `process ${pid}`),
          ...namespaces.map((id) => `namespace of ${id}`),
          ...files.map((file) => `file ${file}`),
        ]
      },
    },
    async [Symbol.asyncDispose]() {
      await removeEverything()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

networkPlaneContract('the bridge driver', openUnderTest, {
  skip: needsRootAnd('ip', 'nft', 'dnsmasq', 'sysctl', 'busybox', 'timeout'),
  carriesPackets: true,
})
