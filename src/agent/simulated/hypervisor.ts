/** A pretend hypervisor: domains are rows. It is as strict as libvirt about what a domain needs when it starts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../../domain-error.ts'
import type { ServerId } from '../../ids.ts'
import type { Domain, DomainEvent, DomainSpec, Hypervisor, Pausing, PowerState } from '../contract.ts'
import { consoleText } from './console-log.ts'
import { EventFeed } from './event-feed.ts'
import type { Table } from './journal.ts'

export interface DomainRow {
  readonly state: PowerState
  /** What the next start takes. */
  readonly spec: DomainSpec
  /** What runs now, if anything does. */
  readonly running?: DomainSpec
  readonly boots: number
  readonly ignoresShutdown?: boolean
  readonly keepsDevices?: boolean
}

/** What the pretend guests do by themselves, on a test's word. */
export interface Guests {
  /** Shut down from inside. */
  powerOff(id: ServerId): void
  crash(id: ServerId): void
  /** Deaf to the power button from now on. */
  ignoreShutdown(id: ServerId, ignores: boolean): void
  /** Never lets go of a disk or an interface from now on. */
  keepDevices(id: ServerId, keeps: boolean): void
}

export interface SimulatedHypervisor {
  readonly hypervisor: Hypervisor & { readonly pausing: Pausing }
  readonly guests: Guests
  plugged(id: ServerId): { readonly disks: readonly string[]; readonly macAddresses: readonly string[] }
  /** All power is gone at once; no event is seen. */
  cutPower(): void
}

const isOn = (row: DomainRow) => row.state === 'running' || row.state === 'paused' || row.state === 'suspended'

export function simulateHypervisor(
  domains: Table<DomainRow>,
  host: { hasTap(tap: string): boolean; hasFile(path: string): boolean },
): SimulatedHypervisor {
  const feed = new EventFeed<DomainEvent>()

  const known = (id: ServerId): DomainRow => {
    const row = domains.get(id)
    if (row === undefined)
      throw new DomainError('not-found', 'agent.domain.unknown', `There is no domain ${id} on this host.`)
    return row
  }
  const failed = (id: ServerId, why: string) =>
    new DomainError('unavailable', 'agent.hypervisor.failed', `Domain ${id}: ${why}`)
  const checkParts = (spec: Pick<DomainSpec, 'id' | 'disks' | 'interfaces'>) => {
    for (const disk of spec.disks)
      if (disk.source.type === 'file' && !host.hasFile(disk.source.path))
        throw failed(spec.id, `there is no file ${disk.source.path}`)
    for (const nic of spec.interfaces)
      if (!host.hasTap(nic.tap)) throw failed(spec.id, `there is no interface ${nic.tap}`)
  }
  const turnOff = (id: ServerId, kind: 'stopped' | 'crashed') => {
    const { running: _, ...row } = known(id)
    domains.set(id, { ...row, state: kind === 'crashed' ? 'crashed' : 'shut-down' })
    feed.publish({ id, kind })
  }
  const destroy = (id: ServerId) => {
    const row = domains.get(id)
    if (row !== undefined && isOn(row)) turnOff(id, 'stopped')
  }
  /** Changes the definition, and the running guest if it runs. */
  const replug = (id: ServerId, change: (spec: DomainSpec) => DomainSpec) => {
    const row = known(id)
    domains.set(id, {
      ...row,
      spec: change(row.spec),
      ...(row.running !== undefined && { running: change(row.running) }),
    })
  }
  const letGo = (id: ServerId, device: string) => {
    const row = known(id)
    if (isOn(row) && row.keepsDevices === true)
      throw new DomainError('unavailable', 'agent.guest.keeps-device', `The guest ${id} does not let go of ${device}.`)
    return row
  }
  const listen = async (id: ServerId, withinMs: number) => {
    const row = known(id)
    if (row.state !== 'running') throw failed(id, `it is ${row.state}`)
    if (row.ignoresShutdown === true) {
      await sleep(withinMs)
      throw new DomainError(
        'unavailable',
        'agent.guest.ignored-shutdown',
        `The guest ${id} did not stop within ${withinMs} ms.`,
      )
    }
  }
  const facts = (row: DomainRow): Domain => ({ id: row.spec.id, state: row.state })

  const hypervisor: Hypervisor & { pausing: Pausing } = {
    async find(id) {
      const row = domains.get(id)
      return row === undefined ? undefined : facts(row)
    },
    async list() {
      return domains.values().map(facts)
    },
    async define(spec) {
      const row = domains.get(spec.id)
      domains.set(spec.id, row === undefined ? { spec, state: 'shut-down', boots: 0 } : { ...row, spec })
    },
    async start(id) {
      const row = known(id)
      if (isOn(row)) return
      checkParts(row.spec)
      domains.set(id, { ...row, state: 'running', running: row.spec, boots: row.boots + 1 })
      feed.publish({ id, kind: 'started' })
    },
    async shutdown(id, withinMs) {
      if (!isOn(known(id))) return
      await listen(id, withinMs)
      destroy(id)
    },
    async reboot(id, withinMs) {
      await listen(id, withinMs)
      const row = known(id)
      domains.set(id, { ...row, boots: row.boots + 1 })
      feed.publish({ id, kind: 'rebooted' })
    },
    async destroy(id) {
      destroy(id)
    },
    async undefine(id) {
      if (!domains.has(id)) return
      destroy(id)
      domains.delete(id)
      feed.publish({ id, kind: 'undefined' })
    },
    async attachDisk(id, disk) {
      const row = known(id)
      checkParts({ id, disks: [disk], interfaces: [] })
      const there = (row.running ?? row.spec).disks.find((other) => other.device === disk.device)
      if (there !== undefined && JSON.stringify(there.source) !== JSON.stringify(disk.source))
        throw failed(id, `the device ${disk.device} is taken`)
      replug(id, (spec) => ({
        ...spec,
        disks: [...spec.disks.filter((other) => other.device !== disk.device), disk],
      }))
    },
    async detachDisk(id, device) {
      const row = letGo(id, device)
      const had = row.running?.disks.some((disk) => disk.device === device) === true
      replug(id, (spec) => ({ ...spec, disks: spec.disks.filter((disk) => disk.device !== device) }))
      if (had) feed.publish({ id, kind: 'disk-removed', device })
    },
    async attachInterface(id, nic) {
      known(id)
      checkParts({ id, disks: [], interfaces: [nic] })
      replug(id, (spec) => ({
        ...spec,
        interfaces: [...spec.interfaces.filter((other) => other.macAddress !== nic.macAddress), nic],
      }))
    },
    async detachInterface(id, macAddress) {
      const row = letGo(id, macAddress)
      const had = row.running?.interfaces.some((nic) => nic.macAddress === macAddress) === true
      replug(id, (spec) => ({ ...spec, interfaces: spec.interfaces.filter((nic) => nic.macAddress !== macAddress) }))
      if (had) feed.publish({ id, kind: 'interface-removed', device: macAddress })
    },
    async resizeDisk(id, device) {
      const row = known(id)
      if (!(row.running ?? row.spec).disks.some((disk) => disk.device === device))
        throw failed(id, `it has no disk ${device}`)
    },
    async consoleLog(id, maxBytes) {
      const row = known(id)
      const text = Buffer.from(consoleText(row.running ?? row.spec, row.boots))
      return text.subarray(Math.max(0, text.length - maxBytes)).toString()
    },
    watch: (signal) => feed.read(signal),
    pausing: {
      async pause(id) {
        const row = known(id)
        if (row.state === 'paused') return
        if (row.state !== 'running') throw failed(id, `it is ${row.state}`)
        domains.set(id, { ...row, state: 'paused' })
        feed.publish({ id, kind: 'paused' })
      },
      async resume(id) {
        const row = known(id)
        if (row.state === 'running') return
        if (row.state !== 'paused') throw failed(id, `it is ${row.state}`)
        domains.set(id, { ...row, state: 'running' })
        feed.publish({ id, kind: 'resumed' })
      },
    },
  }

  return {
    hypervisor,
    guests: {
      powerOff: destroy,
      crash: (id) => turnOff(id, 'crashed'),
      ignoreShutdown: (id, ignoresShutdown) => domains.set(id, { ...known(id), ignoresShutdown }),
      keepDevices: (id, keepsDevices) => domains.set(id, { ...known(id), keepsDevices }),
    },
    plugged(id) {
      const row = known(id)
      const spec = row.running ?? row.spec
      return {
        disks: spec.disks.map((disk) => disk.device),
        macAddresses: spec.interfaces.map((nic) => nic.macAddress),
      }
    },
    cutPower() {
      for (const { running: _, ...row } of domains.values()) domains.set(row.spec.id, { ...row, state: 'shut-down' })
    },
  }
}
