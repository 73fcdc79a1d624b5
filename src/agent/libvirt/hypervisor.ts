/** The `Hypervisor` of the agent's contract on libvirt. Its only state is libvirt's. */
import { diskXml, domainXml, InvalidGuest, interfaceXml, secretXml } from '@stratolith/domain-xml'
import { type Connection, type Domain as LibvirtDomain, LibvirtError } from '@stratolith/libvirt'
import {
  VIR_DOMAIN_AFFECT_CONFIG,
  VIR_DOMAIN_AFFECT_LIVE,
  VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
  VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
  VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
  VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
  VIR_DOMAIN_UNDEFINE_NVRAM,
  VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
  VIR_DOMAIN_XML_INACTIVE,
} from '@stratolith/libvirt/constants'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { DomainError } from '../../domain-error.ts'
import type { ServerId } from '../../ids.ts'
import type { DiskSpec, Domain, DomainEvent, Hypervisor, InterfaceSpec, Pausing, PowerState } from '../contract.ts'
import { aliases, attribute, diskElement, interfaceElement, secretUuids } from './domain-devices.ts'
import { chapSecret, domainName, guestDisk, guestInterface, guestSpec } from './guest-spec.ts'

export interface LibvirtHypervisorOptions {
  readonly connection: Connection
  readonly cloudId: string
  readonly virtType: 'kvm' | 'qemu'
  /** `${instancesDir}/<server id>/console.log` is the serial console's log. */
  readonly instancesDir: string
  readonly log: Logger
}

/** A guest that is still booting ignores the power button and an unplug, so both are asked for again. */
const ASK_AGAIN_MS = 4_000
const LOOK_AGAIN_MS = 100
const UNPLUG_LIMIT_MS = 60_000
const UNDEFINE_ALL =
  VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
  VIR_DOMAIN_UNDEFINE_NVRAM |
  VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
  VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA

export function libvirtHypervisor(options: LibvirtHypervisorOptions): Hypervisor & { pausing: Pausing } {
  const { connection, cloudId, virtType, instancesDir, log } = options
  const prefix = domainName(cloudId, '' as ServerId)
  /** Devices by alias, by server: an unplug event names an alias after the device has left the XML. */
  const knownAliases = new Map<string, ReturnType<typeof aliases>>()
  const starting = new Map<ServerId, Promise<void>>()

  const need = async (id: ServerId): Promise<LibvirtDomain> => {
    const domain = await asked('look up', id, () => connection.domains.findByUuid(id))
    if (domain === undefined) throw unknown(id)
    return domain
  }
  const stateOf = async (domain: LibvirtDomain): Promise<PowerState> => powerState(await domain.state())

  const defineSecret = async (id: ServerId, disk: DiskSpec) => {
    if (disk.source.type !== 'volume') return
    const { uuid, usage, password } = chapSecret(disk.source.connection, cloudId, id, disk.source.volumeId)
    // Kept by libvirt across its restarts: the domain must be able to start without us.
    const xml = secretXml({ uuid, usage: { type: 'iscsi', target: usage }, ephemeral: false, private: true })
    const secret = await connection.secrets.defineXml(xml)
    await secret.setValue(password)
  }
  const removeSecrets = async (uuids: readonly string[]) => {
    for (const uuid of uuids) {
      await ignoring(isNotFound, async () => (await connection.secrets.lookupByUuid(uuid)).undefine())
    }
  }

  /** What a domain will have at its next start, and what it has now if it runs. */
  const bothXml = async (domain: LibvirtDomain) => {
    const active = await domain.isActive()
    const [config, live] = await Promise.all([
      domain.xml(VIR_DOMAIN_XML_INACTIVE),
      active ? domain.xml() : Promise.resolve(undefined),
    ])
    return { config, live }
  }

  /** Plugs `xml` in where `find` does not see it yet: in the definition, in the running guest. */
  const plug = async (
    domain: LibvirtDomain,
    xml: string,
    find: (domainXml: string) => string | undefined,
    same: (there: string) => boolean,
  ) => {
    const { config, live } = await bothXml(domain)
    for (const [where, flag] of [
      [live, VIR_DOMAIN_AFFECT_LIVE],
      [config, VIR_DOMAIN_AFFECT_CONFIG],
    ] as const) {
      if (where === undefined) continue
      const there = find(where)
      if (there === undefined) await domain.attachDevice(xml, flag)
      else if (!same(there))
        throw failed(domain.uuid as ServerId, 'plug in', new Error('the device name is taken by another device'))
    }
  }

  /** Takes a device out of the definition and out of the running guest, and waits until the guest has let go. */
  const unplug = async (domain: LibvirtDomain, find: (domainXml: string) => string | undefined, what: string) => {
    const { config, live } = await bothXml(domain)
    const inConfig = find(config)
    if (inConfig !== undefined) await domain.detachDevice(inConfig, VIR_DOMAIN_AFFECT_CONFIG)
    let inLive = live === undefined ? undefined : find(live)
    if (live !== undefined) knownAliases.set(domain.uuid, aliases(live))
    const began = Date.now()
    let askedAt = 0
    while (inLive !== undefined) {
      if (Date.now() - askedAt > ASK_AGAIN_MS) {
        const element = inLive
        // "Already in the process of unplug": asked before, the guest has not answered yet.
        await ignoring(
          (error) => error.isWrongState() || error.isNotFound() || /unplug/.test(error.message),
          () => domain.detachDevice(element, VIR_DOMAIN_AFFECT_LIVE),
        )
        askedAt = Date.now()
      }
      if (Date.now() - began > UNPLUG_LIMIT_MS) {
        throw new DomainError('unavailable', 'agent.guest.keeps-device', `The guest does not let go of ${what}.`)
      }
      await sleep(LOOK_AGAIN_MS)
      inLive = (await domain.isActive()) ? find(await domain.xml()) : undefined
    }
    return inConfig
  }

  const start = async (id: ServerId) => {
    const domain = await need(id)
    const state = await stateOf(domain)
    if (state === 'running' || state === 'paused') return
    try {
      await domain.create()
    } catch (error) {
      if (error instanceof LibvirtError && error.isWrongState() && (await domain.isActive())) return
      throw error
    }
  }

  return {
    async find(id) {
      return await asked('look up', id, async () => {
        const domain = await connection.domains.findByUuid(id)
        if (domain === undefined || !domain.name.startsWith(prefix)) return undefined
        return await ignoring(isNotFound, async (): Promise<Domain> => ({ id, state: await stateOf(domain) }))
      })
    },

    async list() {
      const domains = await asked('list', undefined, () => connection.domains.listWithState())
      return domains
        .filter(({ domain }) => domain.name.startsWith(prefix))
        .map(({ domain, state, reason }) => ({ id: domain.uuid as ServerId, state: powerState({ state, reason }) }))
    },

    async define(spec) {
      await asked('define', spec.id, async () => {
        await mkdir(join(instancesDir, spec.id), { recursive: true, mode: 0o711 })
        for (const disk of spec.disks) await defineSecret(spec.id, disk)
        const consoleLog = join(instancesDir, spec.id, 'console.log')
        await connection.domains.defineXml(domainXml(guestSpec(spec, { cloudId, virtType, consoleLog })))
      })
    },

    async start(id) {
      const underWay = starting.get(id)
      if (underWay !== undefined) return await underWay
      const work = asked('start', id, () => start(id)).finally(() => starting.delete(id))
      starting.set(id, work)
      await work
    },

    async shutdown(id, withinMs) {
      const domain = await need(id)
      await asked('shut down', id, async () => {
        const began = Date.now()
        let askedAt = 0
        while ((await stateOf(domain)) === 'running' || (await stateOf(domain)) === 'paused') {
          if (Date.now() - began >= withinMs) throw ignoredShutdown(withinMs)
          if (Date.now() - askedAt > ASK_AGAIN_MS) {
            await ignoring(
              (error) => error.isWrongState(),
              () => domain.shutdown(VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN),
            )
            askedAt = Date.now()
          }
          await sleep(Math.min(LOOK_AGAIN_MS, withinMs))
        }
      })
    },

    async reboot(id, withinMs) {
      const domain = await need(id)
      await asked('reboot', id, async () => {
        const deadline = AbortSignal.timeout(withinMs)
        await using events = await connection.domains.watch({ kinds: ['reboot'], domain, signal: deadline })
        const rebooted = events.next()
        let done = false
        rebooted.then((result) => (done = result.done !== true)).catch(() => {})
        while (!done) {
          if (deadline.aborted) throw ignoredShutdown(withinMs)
          await domain.reboot(VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)
          await Promise.race([rebooted.catch(() => undefined), sleep(ASK_AGAIN_MS, undefined, { ref: false })])
        }
      })
    },

    async destroy(id) {
      await asked('destroy', id, async () => {
        const domain = await connection.domains.findByUuid(id)
        if (domain === undefined) return
        await ignoring(
          (error) => error.isWrongState() || error.isNotFound(),
          () => domain.destroy(),
        )
      })
    },

    async undefine(id) {
      await asked('undefine', id, async () => {
        const domain = await connection.domains.findByUuid(id)
        if (domain === undefined) return
        const secrets = secretUuids(await domain.xml(VIR_DOMAIN_XML_INACTIVE))
        await ignoring(
          (error) => error.isWrongState() || error.isNotFound(),
          () => domain.destroy(),
        )
        await ignoring(isNotFound, () => domain.undefine(UNDEFINE_ALL))
        await removeSecrets(secrets)
        knownAliases.delete(id)
      })
    },

    async attachDisk(id, disk) {
      const domain = await need(id)
      await asked(`plug in ${disk.device}`, id, async () => {
        await defineSecret(id, disk)
        await plug(
          domain,
          diskXml(guestDisk(disk, id, cloudId)),
          (xml) => diskElement(xml, disk.device),
          (there) => isSameDisk(there, disk),
        )
      })
    },

    async detachDisk(id, device) {
      const domain = await need(id)
      await asked(`unplug ${device}`, id, async () => {
        const element = await unplug(domain, (xml) => diskElement(xml, device), device)
        const secret = element === undefined ? undefined : attribute(element, 'secret', 'uuid')
        if (secret !== undefined) await removeSecrets([secret])
      })
    },

    async attachInterface(id, nic: InterfaceSpec) {
      const domain = await need(id)
      await asked(`plug in ${nic.macAddress}`, id, () =>
        plug(
          domain,
          interfaceXml(guestInterface(nic)),
          (xml) => interfaceElement(xml, nic.macAddress),
          (there) => attribute(there, 'target', 'dev') === nic.tap,
        ),
      )
    },

    async detachInterface(id, macAddress) {
      const domain = await need(id)
      await asked(`unplug ${macAddress}`, id, () =>
        unplug(domain, (xml) => interfaceElement(xml, macAddress), macAddress),
      )
    },

    async resizeDisk(id, device, sizeBytes) {
      const domain = await need(id)
      await asked(`resize ${device}`, id, async () => {
        if (await domain.isActive()) await domain.blockResize(device, sizeBytes)
      })
    },

    async consoleLog(id, maxBytes) {
      await need(id)
      return await tail(join(instancesDir, id, 'console.log'), maxBytes)
    },

    async *watch(signal) {
      await using events = await connection.domains.watch({
        kinds: ['lifecycle', 'reboot', 'device-added', 'device-removed'],
        signal,
      })
      for await (const event of events) {
        if (event.kind === 'events-lost') {
          log.warn({ cause: event.cause }, 'hypervisor events may be lost')
          continue
        }
        if (!event.domain.name.startsWith(prefix)) continue
        const id = event.domain.uuid as ServerId
        if (event.kind === 'reboot') yield { id, kind: 'rebooted' }
        else if (event.kind === 'device-removed') {
          const device = knownAliases.get(id)?.get(event.alias)
          if (device !== undefined) yield { id, kind: `${device.kind}-removed`, device: device.device }
        } else if (event.kind === 'lifecycle') {
          const kind = lifecycle(event.event, event.detail)
          if (kind !== undefined) yield { id, kind }
        }
      }
    },

    pausing: {
      pause: (id) =>
        asked('pause', id, async () => {
          const domain = await need(id)
          if ((await stateOf(domain)) !== 'paused') await domain.suspend()
        }),
      resume: (id) =>
        asked('resume', id, async () => {
          const domain = await need(id)
          if ((await stateOf(domain)) === 'paused') await domain.resume()
        }),
    },
  }
}

function isSameDisk(element: string, disk: DiskSpec): boolean {
  if (disk.source.type === 'file') return attribute(element, 'source', 'file') === disk.source.path
  const { targetIqn, targetLun } = disk.source.connection
  return attribute(element, 'source', 'name') === `${targetIqn}/${targetLun}`
}

/** libvirt's states in the contract's words. A guest that is going down still runs. */
function powerState({ state, reason }: { state: string; reason: string }): PowerState {
  switch (state) {
    case 'running':
    case 'blocked':
    case 'shutdown':
      return 'running'
    case 'paused':
      return 'paused'
    case 'pmsuspended':
      return 'suspended'
    case 'crashed':
      return 'crashed'
    default:
      return reason === 'crashed' ? 'crashed' : 'shut-down'
  }
}

function lifecycle(event: string, detail: string): DomainEvent['kind'] | undefined {
  switch (event) {
    case 'started':
      return 'started'
    case 'stopped':
      return detail === 'crashed' || detail === 'failed' ? 'crashed' : 'stopped'
    case 'crashed':
      return 'crashed'
    case 'suspended':
      return 'paused'
    case 'resumed':
      return 'resumed'
    case 'undefined':
      return 'undefined'
    default:
      return undefined
  }
}

const isNotFound = (error: LibvirtError) => error.isNotFound()

async function ignoring<T>(which: (error: LibvirtError) => boolean, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LibvirtError && which(error)) return undefined
    throw error
  }
}

/** Wraps what libvirt or the XML writer throws, saying what was attempted on which server. */
async function asked<T>(what: string, id: ServerId | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError) throw error
    if (error instanceof LibvirtError && error.isNotFound() && id !== undefined && /domain/i.test(error.message))
      throw unknown(id)
    throw failed(id, what, error)
  }
}

function failed(id: ServerId | undefined, what: string, cause: unknown): DomainError {
  const reason = cause instanceof InvalidGuest ? 'invalid' : 'unavailable'
  const text = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
  return new DomainError(
    reason,
    'agent.hypervisor.failed',
    `The hypervisor could not ${what}${id === undefined ? '' : ` server ${id}`}: ${text}`,
    { cause },
  )
}

function unknown(id: ServerId): DomainError {
  return new DomainError('not-found', 'agent.domain.unknown', `The hypervisor has no domain for server ${id}.`)
}

function ignoredShutdown(withinMs: number): DomainError {
  return new DomainError(
    'unavailable',
    'agent.guest.ignored-shutdown',
    `The guest did not react to the power button within ${withinMs / 1000} s.`,
  )
}

/** The end of a file: at most `maxBytes`, nothing when it is not there yet. */
async function tail(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8', firstWholeCharacter(buffer), bytesRead)
  } finally {
    await file.close()
  }
}

/** A tail may begin inside a character of several bytes. */
function firstWholeCharacter(bytes: Buffer): number {
  let at = 0
  while (at < 3 && at < bytes.length && (bytes[at]! & 0xc0) === 0x80) at++
  return at
}
