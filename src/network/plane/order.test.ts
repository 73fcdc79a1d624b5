import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Gate } from './gate.ts'
import { Locks } from './locks.ts'

describe('a gate', () => {
  it('lets many in at once, and one alone after them and before those that come later', async () => {
    const gate = new Gate()
    const log: string[] = []
    const visit = (name: string, ms: number) => async () => {
      log.push(`${name} in`)
      await sleep(ms)
      log.push(`${name} out`)
    }
    await Promise.all([
      gate.shared(visit('a', 20)),
      gate.shared(visit('b', 10)),
      gate.alone(visit('alone', 5)),
      gate.shared(visit('c', 1)),
      gate.shared(visit('d', 2)),
    ])
    assert.deepEqual(log, ['a in', 'b in', 'b out', 'a out', 'alone in', 'alone out', 'c in', 'd in', 'c out', 'd out'])
  })

  it('opens again when work fails', async () => {
    const gate = new Gate()
    await assert.rejects(gate.alone(async () => assert.fail('no')))
    await assert.rejects(gate.shared(async () => assert.fail('no')))
    assert.equal(await gate.alone(async () => 'yes'), 'yes')
  })
})

describe('locks', () => {
  it('let those with the same key in one after the other, in the order of asking', async () => {
    const locks = new Locks()
    const log: string[] = []
    const work = (name: string, ms: number) => async () => {
      log.push(`${name} in`)
      await sleep(ms)
      log.push(`${name} out`)
    }
    await Promise.all([
      locks.holding(['x', 'y'], work('first', 15)),
      locks.holding(['y', 'z'], work('second', 5)),
      locks.holding(['z', 'x'], work('third', 1)),
      locks.holding(['w'], work('other', 1)),
    ])
    assert.deepEqual(
      log.filter((line) => !line.startsWith('other')),
      ['first in', 'first out', 'second in', 'second out', 'third in', 'third out'],
    )
    assert.ok(log.indexOf('other out') < log.indexOf('first out'))
  })

  it('go on after a failure', async () => {
    const locks = new Locks()
    await assert.rejects(locks.holding(['x'], async () => assert.fail('no')))
    assert.equal(await locks.holding(['x'], async () => 'yes'), 'yes')
  })
})
