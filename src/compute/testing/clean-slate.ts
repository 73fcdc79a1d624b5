/** What must not be left of a server that failed or is gone: named checks, for the tests of stories. */
import assert from 'node:assert/strict'
import type { ServerId } from '../../ids.ts'
import type { TestCloud } from './compute-under-test.ts'

export function cleanSlate(cloud: () => TestCloud, server: () => ServerId) {
  return {
    async noAllocationsRemain() {
      const rows = await cloud().test.context.db`
        select 1 from placement.allocations where consumer_id = ${server()}`
      assert.equal(rows.length, 0)
    },
    async noPortsRemain() {
      assert.equal((await cloud().network.portsOf([server()])).size, 0)
    },
    async noTapsRemain() {
      for (const agent of cloud().agents.all()) assert.deepEqual(agent.snapshot().taps, [])
    },
    async noDomainRemains() {
      for (const agent of cloud().agents.all()) {
        assert.equal(
          agent.snapshot().domains.some(({ id }) => id === server()),
          false,
          `on ${agent.host}`,
        )
      }
    },
    async noDiskRemains() {
      for (const agent of cloud().agents.all()) {
        assert.equal(
          agent.snapshot().disks.some((path) => path.includes(server())),
          false,
          `on ${agent.host}`,
        )
      }
    },
    async noExportsRemain() {
      assert.deepEqual(cloud().backend.snapshot().exports, [])
    },
    async noVolumeIsAttached() {
      const rows = await cloud().test.context.db`
        select id from compute.block_devices where server_id = ${server()} and destination_type = 'volume'`
      assert.equal(rows.length, 0)
      const volumes = await cloud().volumes.find(
        cloud()
          .backend.snapshot()
          .volumes.map(({ id }) => id),
      )
      for (const { status } of volumes.values()) assert.equal(status, 'available')
    },
    async noTaskRemains() {
      const [row] = await cloud().test.context
        .db`select vm_state, task_state from compute.servers where id = ${server()}`
      assert.equal(row?.taskState, null)
      assert.notEqual(row?.vmState, 'building')
    },
    async noActionIsOpen() {
      const rows = await cloud().test.context.db`
        select action from compute.instance_actions where server_id = ${server()} and finished_at is null`
      assert.deepEqual(
        rows.map(({ action }) => action),
        [],
      )
    },
  }
}
