import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import { type HostName, type ImageId, newId, type ServerId, type VolumeId } from '../../ids.ts'
import { openSimulatedAgent, openSimulatedBackend, simulatedAgents } from './index.ts'

describe('a simulated host', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-simulated-'))
  })
  after(() => rm(dir, { recursive: true, force: true }))

  const withGuest = async (options: { host: string; dir?: string }) => {
    const agent = openSimulatedAgent(options)
    const id = newId<ServerId>()
    const disk = await agent.disks.ensureRootDisk({
      serverId: id,
      imageId: newId<ImageId>(),
      contentId: 'some',
      imageFormat: 'qcow2',
      imageSizeBytes: 1,
      diskGiB: 1,
    })
    await agent.hypervisor.define({
      id,
      name: 'guest',
      projectId: 'demo',
      vcpus: 1,
      ramMiB: 64,
      disks: [{ device: 'vda', bus: 'virtio', kind: 'disk', source: { type: 'file', ...disk } }],
      interfaces: [],
      hardware: {},
    })
    return { agent, id }
  }

  it('finds its guests running after a restart, also when the last line of its file was cut short', async () => {
    const { agent, id } = await withGuest({ host: 'kept', dir })
    await agent.hypervisor.start(id)
    const before = agent.snapshot()
    await appendFile(join(dir, 'kept.jsonl'), '["domains","half')
    assert.deepEqual(openSimulatedAgent({ host: 'kept', dir }).snapshot(), before)
  })

  it('does not let its file grow with every change', async () => {
    const { agent, id } = await withGuest({ host: 'busy', dir })
    for (let round = 0; round < 2000; round++) {
      await agent.hypervisor.start(id)
      await agent.hypervisor.destroy(id)
    }
    const lines = (await readFile(join(dir, 'busy.jsonl'), 'utf8')).split('\n').length
    assert.ok(lines < 1100, `${lines} lines`)
  })

  it('remembers volumes and exports over a restart', async () => {
    const backend = openSimulatedBackend({ host: 'kept', dir })
    const volumeId = newId<VolumeId>()
    await backend.create(volumeId, 3)
    await backend.ensureExport({
      volumeId,
      targetNumber: 1,
      initiators: [],
      authUsername: 'user',
      authPassword: 'secret',
    })
    assert.deepEqual(openSimulatedBackend({ host: 'kept', dir }).snapshot(), backend.snapshot())
  })

  it('fails a call on request, before its deed or after it', async () => {
    const { agent, id } = await withGuest({ host: 'faulty' })
    agent.faults.failNext('hypervisor.start', new Error('before'))
    agent.faults.failNext('hypervisor.start', new Error('after'), { afterwards: true })
    await assert.rejects(agent.hypervisor.start(id), /before/)
    assert.equal((await agent.hypervisor.find(id))?.state, 'shut-down')
    await assert.rejects(agent.hypervisor.start(id), /after/)
    assert.equal((await agent.hypervisor.find(id))?.state, 'running')
    await agent.hypervisor.start(id)
  })

  it('loses power with its guests off and its network devices gone, definitions and disks kept', async () => {
    const { agent, id } = await withGuest({ host: 'outage' })
    await agent.hypervisor.start(id)
    agent.rebootHost()
    const { domains, taps, disks } = agent.snapshot()
    assert.deepEqual(domains, [{ id, state: 'shut-down' }])
    assert.deepEqual(taps, [])
    assert.equal(disks.length, 1)
  })

  it('is one of several, and an unknown one is said to be unavailable', () => {
    const agents = simulatedAgents(2)
    assert.deepEqual(
      agents.all().map((agent) => agent.host),
      ['host-1', 'host-2'],
    )
    assert.throws(
      () => agents.on('elsewhere' as HostName),
      (error) => isDomainError(error, 'agent.host.unknown'),
    )
  })
})
