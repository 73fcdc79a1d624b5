/**
 * What every hypervisor driver must do, as tests: a driver's own test file calls `hypervisorContract` with a way to open
 * itself. A real driver pays seconds for a guest that boots, so the tests that need one share it.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDomainError } from '../domain-error.ts'
import { newId, type ServerId } from '../ids.ts'
import type { DiskSpec, DomainEvent, DomainSpec, Hypervisor, InterfaceSpec } from './contract.ts'

export interface HypervisorUnderTest extends AsyncDisposable {
  readonly hypervisor: Hypervisor
  /**
   * A small domain that may be defined at once: a fresh id, one disk `vda`, one interface on a tap that is there.
   * `deaf` has nothing that could hear the power button; `booting` has a guest that hears it, and lets go of devices.
   */
  aDomain(kind: 'deaf' | 'booting'): Promise<DomainSpec>
  /** A further disk of this device name, and a further interface, that may be attached to a domain. */
  aDisk(device: string): Promise<DiskSpec>
  anInterface(): Promise<InterfaceSpec>
  /** Resolves when a started `booting` guest hears and is heard. */
  booted(id: ServerId): Promise<void>
  /** What the domain has now, or will have at its next start if it is off. */
  plugged(id: ServerId): Promise<{ readonly disks: readonly string[]; readonly macAddresses: readonly string[] }>
  /** The guest's process dies. */
  kill(id: ServerId): Promise<void>
}

const WITHIN_MS = 30_000

export function hypervisorContract(driver: string, open: () => Promise<HypervisorUnderTest>): void {
  describe(`${driver} as a hypervisor`, () => {
    let test: HypervisorUnderTest
    let hypervisor: Hypervisor
    const watching = new AbortController()
    const events: DomainEvent[] = []
    let watched: Promise<void>

    before(async () => {
      test = await open()
      hypervisor = test.hypervisor
      const feed = hypervisor.watch(watching.signal)
      watched = (async () => {
        for await (const event of feed) events.push(event)
      })()
    })
    after(async () => {
      watching.abort()
      await watched
      await test[Symbol.asyncDispose]()
    })

    const seen = async (id: ServerId, kind: DomainEvent['kind'], device?: string) => {
      const deadline = Date.now() + WITHIN_MS
      while (!events.some((event) => event.id === id && event.kind === kind && event.device === device)) {
        if (Date.now() > deadline) {
          const had = events.filter((event) => event.id === id).map((event) => event.kind)
          assert.fail(`no event ${kind} ${device ?? ''} within ${WITHIN_MS} ms; there were: ${had.join(', ')}`)
        }
        await sleep(10)
      }
    }
    const stateOf = async (id: ServerId) => (await hypervisor.find(id))?.state
    const defined = async (kind: 'deaf' | 'booting' = 'deaf') => {
      const spec = await test.aDomain(kind)
      await hypervisor.define(spec)
      return spec
    }
    const started = async (kind: 'deaf' | 'booting' = 'deaf') => {
      const spec = await defined(kind)
      await hypervisor.start(spec.id)
      if (kind === 'booting') await test.booted(spec.id)
      return spec
    }

    it('knows no domain that nobody defined, and forgets such a one without complaint', async () => {
      const id = newId<ServerId>()
      assert.equal(await hypervisor.find(id), undefined)
      await hypervisor.destroy(id)
      await hypervisor.undefine(id)
      const unknown = (error: unknown) => isDomainError(error, 'agent.domain.unknown')
      await assert.rejects(hypervisor.start(id), unknown)
      await assert.rejects(hypervisor.shutdown(id, 1), unknown)
      await assert.rejects(hypervisor.consoleLog(id, 100), unknown)
      await assert.rejects(hypervisor.attachDisk(id, await test.aDisk('vdb')), unknown)
    })

    it('lists a defined domain as shut down, and defining it again changes nothing', async () => {
      const spec = await defined()
      await hypervisor.define(spec)
      const listed = (await hypervisor.list()).filter((domain) => domain.id === spec.id)
      assert.deepEqual(listed, [{ id: spec.id, state: 'shut-down' }])
      await hypervisor.undefine(spec.id)
    })

    it('takes an altered definition in place of the older one', async () => {
      const spec = await defined()
      await hypervisor.define({ ...spec, disks: [...spec.disks, await test.aDisk('vdb')] })
      assert.deepEqual((await test.plugged(spec.id)).disks, ['vda', 'vdb'])
      await hypervisor.undefine(spec.id)
    })

    it('starts a domain, and starting it again changes nothing', async () => {
      const spec = await defined()
      await hypervisor.start(spec.id)
      await seen(spec.id, 'started')
      await hypervisor.start(spec.id)
      assert.equal(await stateOf(spec.id), 'running')
      await hypervisor.undefine(spec.id)
    })

    it('starts once when it is asked twice at the same time', async () => {
      const spec = await defined()
      await Promise.all([hypervisor.start(spec.id), hypervisor.start(spec.id)])
      assert.equal(await stateOf(spec.id), 'running')
      await hypervisor.undefine(spec.id)
    })

    it('refuses to start a domain whose tap is missing, and leaves it off', async () => {
      const spec = await test.aDomain('deaf')
      const [nic] = spec.interfaces
      assert.ok(nic)
      await hypervisor.define({ ...spec, interfaces: [{ ...nic, tap: 'tapffffffff-ff' }] })
      await assert.rejects(hypervisor.start(spec.id), (error) => isDomainError(error, 'agent.hypervisor.failed'))
      assert.equal(await stateOf(spec.id), 'shut-down')
      await hypervisor.undefine(spec.id)
    })

    it('cuts the power of a running domain, once and again', async () => {
      const spec = await started()
      await hypervisor.destroy(spec.id)
      assert.equal(await stateOf(spec.id), 'shut-down')
      await seen(spec.id, 'stopped')
      await hypervisor.destroy(spec.id)
    })

    it('starts a domain again after its power was cut', async () => {
      const spec = await started()
      await hypervisor.destroy(spec.id)
      await hypervisor.start(spec.id)
      assert.equal(await stateOf(spec.id), 'running')
      await hypervisor.undefine(spec.id)
    })

    it('forgets a running domain, once and again', async () => {
      const spec = await started()
      await hypervisor.undefine(spec.id)
      assert.equal(await hypervisor.find(spec.id), undefined)
      assert.ok(!(await hypervisor.list()).some((domain) => domain.id === spec.id))
      await hypervisor.undefine(spec.id)
    })

    it('says so when a guest ignores the power button, and leaves it running', async () => {
      const spec = await started()
      await assert.rejects(hypervisor.shutdown(spec.id, 300), (error) =>
        isDomainError(error, 'agent.guest.ignored-shutdown'),
      )
      assert.equal(await stateOf(spec.id), 'running')
      await hypervisor.undefine(spec.id)
    })

    it('sees a guest whose process dies', async () => {
      const spec = await started()
      await test.kill(spec.id)
      await seen(spec.id, 'crashed')
      assert.notEqual(await stateOf(spec.id), 'running')
      await hypervisor.undefine(spec.id)
    })

    it('pauses a running domain and resumes it, where it has that power', async (t) => {
      const { pausing } = hypervisor
      if (pausing === undefined) return t.skip('this driver cannot pause')
      const spec = await started()
      await pausing.pause(spec.id)
      await pausing.pause(spec.id)
      assert.equal(await stateOf(spec.id), 'paused')
      await seen(spec.id, 'paused')
      await pausing.resume(spec.id)
      assert.equal(await stateOf(spec.id), 'running')
      await seen(spec.id, 'resumed')
      await hypervisor.undefine(spec.id)
    })

    it('keeps what is plugged into a domain that is off for its next start', async () => {
      const spec = await defined()
      const nic = await test.anInterface()
      await hypervisor.attachDisk(spec.id, await test.aDisk('vdb'))
      await hypervisor.attachInterface(spec.id, nic)
      await hypervisor.start(spec.id)
      const plugged = await test.plugged(spec.id)
      assert.deepEqual(plugged.disks, ['vda', 'vdb'])
      assert.ok(plugged.macAddresses.includes(nic.macAddress))
      await hypervisor.destroy(spec.id)
      await hypervisor.detachDisk(spec.id, 'vdb')
      await hypervisor.detachInterface(spec.id, nic.macAddress)
      assert.deepEqual(await test.plugged(spec.id), {
        disks: ['vda'],
        macAddresses: spec.interfaces.map(({ macAddress }) => macAddress),
      })
      await hypervisor.undefine(spec.id)
    })

    describe('with a guest that has booted', () => {
      let id: ServerId
      before(async () => {
        id = (await started('booting')).id
      })
      after(() => hypervisor.undefine(id))

      it('shows the tail of its console, and no more than is asked for', async () => {
        const log = await hypervisor.consoleLog(id, 65_536)
        assert.notEqual(log.trim(), '')
        const tail = await hypervisor.consoleLog(id, 20)
        assert.ok(Buffer.byteLength(tail) <= 20)
        assert.notEqual(tail, '')
      })

      it('plugs in a disk, once and again, and takes it out, once and again', async () => {
        const disk = await test.aDisk('vdb')
        await hypervisor.attachDisk(id, disk)
        await hypervisor.attachDisk(id, disk)
        assert.deepEqual((await test.plugged(id)).disks, ['vda', 'vdb'])
        await hypervisor.detachDisk(id, 'vdb')
        assert.deepEqual((await test.plugged(id)).disks, ['vda'])
        await seen(id, 'disk-removed', 'vdb')
        await hypervisor.detachDisk(id, 'vdb')
      })

      it('refuses another disk under a device name that is taken', async () => {
        await hypervisor.attachDisk(id, await test.aDisk('vdb'))
        await assert.rejects(hypervisor.attachDisk(id, await test.aDisk('vdb')), (error) =>
          isDomainError(error, 'agent.hypervisor.failed'),
        )
        await hypervisor.detachDisk(id, 'vdb')
      })

      it('plugs in an interface, once and again, and takes it out, once and again', async () => {
        const nic = await test.anInterface()
        await hypervisor.attachInterface(id, nic)
        await hypervisor.attachInterface(id, nic)
        const macs = (await test.plugged(id)).macAddresses.filter((mac) => mac === nic.macAddress)
        assert.deepEqual(macs, [nic.macAddress])
        await hypervisor.detachInterface(id, nic.macAddress)
        assert.ok(!(await test.plugged(id)).macAddresses.includes(nic.macAddress))
        await hypervisor.detachInterface(id, nic.macAddress)
      })

      it('restarts when it is asked to', async () => {
        await hypervisor.reboot(id, WITHIN_MS)
        await seen(id, 'rebooted')
        assert.equal(await stateOf(id), 'running')
        await test.booted(id)
      })

      it('stops when it is asked to, once and again', async () => {
        await hypervisor.shutdown(id, WITHIN_MS)
        assert.equal(await stateOf(id), 'shut-down')
        await seen(id, 'stopped')
        await hypervisor.shutdown(id, WITHIN_MS)
      })
    })

    it('ends a watch when its signal says so', async () => {
      const control = new AbortController()
      const feed = hypervisor.watch(control.signal)
      const ended = (async () => {
        for await (const _ of feed);
      })()
      control.abort()
      await ended
    })
  })
}
