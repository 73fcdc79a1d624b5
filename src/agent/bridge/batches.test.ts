import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Batches, Gate, KeyedLock, NONE_FAILED } from './batches.ts'

describe('batches', () => {
  it('take together what comes together, and what comes while one runs', async () => {
    const seen: number[][] = []
    const running = Promise.withResolvers<void>()
    const batches = new Batches<number>(async (items) => {
      seen.push([...items])
      running.resolve()
      await sleep(5)
      return NONE_FAILED
    })
    const first = Promise.all([batches.add(1), batches.add(2)])
    await running.promise
    await Promise.all([first, batches.add(3), batches.add(4)])
    assert.deepEqual(seen, [
      [1, 2],
      [3, 4],
    ])
  })

  it('tell each caller of its own failure', async () => {
    const batches = new Batches<number>(async (items) => new Map([[items.indexOf(2), new Error('two')]]))
    const [one, two] = await Promise.allSettled([batches.add(1), batches.add(2)])
    assert.equal(one.status, 'fulfilled')
    assert.equal(two.status, 'rejected')
  })

  it('go on after a batch that failed whole', async () => {
    let fails = true
    const batches = new Batches<number>(async () => {
      if (fails) throw new Error('no')
      return NONE_FAILED
    })
    await assert.rejects(batches.add(1))
    fails = false
    await batches.add(2)
  })
})

describe('a lock by key', () => {
  it('lets one in at a time, in order, also after one that failed', async () => {
    const lock = new KeyedLock()
    const happened: string[] = []
    const work = (name: string, ms: number) => async () => {
      await sleep(ms)
      happened.push(name)
      if (name === 'one') throw new Error('one')
    }
    await Promise.allSettled([
      lock.hold('a', work('one', 10)),
      lock.hold('a', work('two', 0)),
      lock.hold('b', work('elsewhere', 0)),
    ])
    assert.deepEqual(happened, ['elsewhere', 'one', 'two'])
  })
})

describe('a gate', () => {
  it('is had alone when all who share it have left, before those who come later', async () => {
    const gate = new Gate()
    const happened: string[] = []
    const share = (name: string) => gate.share(async () => void happened.push(name))
    const first = gate.share(async () => {
      await sleep(10)
      happened.push('first')
    })
    const alone = gate.alone(async () => {
      await sleep(5)
      happened.push('alone')
    })
    const later = share('later')
    const second = gate.alone(async () => void happened.push('second'))
    await Promise.all([first, alone, later, second])
    assert.deepEqual(happened.slice(0, 2), ['first', 'alone'])
    assert.deepEqual(happened.slice(2).toSorted(), ['later', 'second'])
  })

  it('opens again after work that failed', async () => {
    const gate = new Gate()
    await assert.rejects(gate.alone(async () => Promise.reject(new Error('no'))))
    await assert.rejects(gate.share(async () => Promise.reject(new Error('no'))))
    await gate.alone(async () => {})
  })
})
