/** The contract of a hypervisor against this machine's libvirt, where there is one: real guests on QEMU. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from '@stratolith/libvirt'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { newId, type PortId, type ServerId } from '../../ids.ts'
import { labMissing, tinyImage } from '../../../test/support/lab.ts'
import type { DiskSpec, InterfaceSpec } from '../contract.ts'
import { hypervisorContract } from '../hypervisor.contract.ts'
import { ensureLibvirtd } from './daemon.ts'
import { diskDevices, macAddresses } from './domain-devices.ts'
import { domainName } from './guest-spec.ts'
import { libvirtHypervisor } from './hypervisor.ts'

const run = promisify(execFile)
const missing = labMissing('libvirt')

if (missing !== undefined) it('libvirt as a hypervisor', { skip: missing }, () => {})
else {
  hypervisorContract('libvirt', async () => {
    await ensureLibvirtd()
    const image = await tinyImage()
    const cloudId = randomBytes(4).toString('hex')
    const dir = await mkdtemp(join(tmpdir(), 'stratolith-hv-'))
    await chmod(dir, 0o711)
    const connection = await connect('qemu:///system')
    const hypervisor = libvirtHypervisor({
      connection,
      cloudId,
      virtType: 'qemu',
      instancesDir: dir,
      log: pino({ level: 'silent' }),
    })
    const taps: string[] = []
    const boots = new Map<ServerId, number>()

    const aTap = async (): Promise<InterfaceSpec> => {
      const tap = `tap${randomBytes(6).toString('hex').slice(0, 11)}`
      await run('ip', ['tuntap', 'add', tap, 'mode', 'tap'])
      taps.push(tap)
      const mac = `fa:16:3e:${randomBytes(3).toString('hex').match(/../g)!.join(':')}`
      return { portId: newId<PortId>(), macAddress: mac, tap, mtu: 1500, model: 'virtio' }
    }
    const aFile = async (device: string, from?: string): Promise<DiskSpec> => {
      const path = join(dir, `${randomBytes(4).toString('hex')}.img`)
      if (from === undefined) await run('truncate', ['-s', '64M', path])
      else await copyFile(from, path)
      return {
        device,
        bus: 'virtio',
        kind: 'disk',
        source: { type: 'file', path, format: from === undefined ? 'raw' : 'qcow2' },
      }
    }
    const consoleOf = async (id: ServerId) =>
      existsSync(join(dir, id, 'console.log')) ? await readFile(join(dir, id, 'console.log'), 'utf8') : ''
    const readyCount = async (id: ServerId) => (await consoleOf(id)).match(/ready after/g)?.length ?? 0

    return {
      hypervisor,
      aDisk: (device) => aFile(device),
      anInterface: aTap,
      async aDomain(kind) {
        const id = newId<ServerId>()
        await mkdir(join(dir, id), { recursive: true, mode: 0o711 })
        const root = await aFile('vda', kind === 'booting' ? image : undefined)
        return {
          id,
          name: `a test's ${kind} <guest>`,
          projectId: 'test',
          vcpus: 1,
          ramMiB: 128,
          disks: [{ ...root, bootIndex: 1 }],
          interfaces: [await aTap()],
          hardware: {},
        }
      },
      async booted(id) {
        const want = (boots.get(id) ?? 0) + 1
        const deadline = Date.now() + 120_000
        while ((await readyCount(id)) < want) {
          if (Date.now() > deadline)
            throw new Error(`the guest is not ready; its console ends:\n${(await consoleOf(id)).slice(-800)}`)
          await sleep(200)
        }
        boots.set(id, want)
      },
      async plugged(id) {
        const domain = await connection.domains.lookupByUuid(id)
        const xml = await domain.xml()
        return { disks: diskDevices(xml), macAddresses: macAddresses(xml) }
      },
      async kill(id) {
        const pid = Number(await readFile(`/run/libvirt/qemu/${domainName(cloudId, id)}.pid`, 'utf8'))
        process.kill(pid, 'SIGKILL')
      },
      async [Symbol.asyncDispose]() {
        for (const { id } of await hypervisor.list()) await hypervisor.undefine(id)
        await connection.close()
        for (const tap of taps) await run('ip', ['link', 'del', tap]).catch(() => undefined)
        await rm(dir, { recursive: true, force: true })
      },
    }
  })
}
