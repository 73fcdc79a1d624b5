import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { after, describe, it } from 'node:test'
import { isDomainError } from '../../domain-error.ts'
import { openPasswordHashing as open } from './hashing.ts'

const cheap = { argon2: { memoryKiB: 64, passes: 1, lanes: 1 }, concurrentHashes: 2, queuedHashes: 3 }

/** Of each thread of this process, as the kernel has it. */
async function priorities(): Promise<readonly number[]> {
  const threads = await readdir('/proc/self/task')
  // A thread may end between the two.
  const stats = await Promise.all(threads.map((id) => readFile(`/proc/self/task/${id}/stat`, 'utf8').catch(() => '')))
  return stats.filter((stat) => stat !== '').map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]))
}

describe('a password hash', () => {
  const opened: ReturnType<typeof open>[] = []
  const openPasswordHashing = (settings: typeof cheap) => {
    const hashing = open(settings)
    opened.push(hashing)
    return hashing
  }
  after(async () => {
    for (const hashing of opened) await hashing.close()
  })

  it('fits its password and no other', async () => {
    const hashing = openPasswordHashing(cheap)
    const hash = await hashing.hash('correct horse')
    assert.match(hash, /^\$argon2id\$v=19\$m=64,t=1,p=1\$/)
    assert.equal(await hashing.matches('correct horse', hash), true)
    assert.equal(await hashing.matches('battery staple', hash), false)
  })

  it('is what Node.js makes of the same password, salt and cost', async () => {
    const hash = await openPasswordHashing(cheap).hash('Zoë')
    const [, , , , salt, digest] = hash.split('$')
    const nodes = argon2Sync('argon2id', {
      message: 'Zoë',
      nonce: Buffer.from(salt!, 'base64'),
      memory: 64,
      passes: 1,
      parallelism: 1,
      tagLength: 32,
    })
    assert.equal(digest, nodes.toString('base64').replace(/=+$/, ''))
  })

  it('is salted: the same password never hashes to the same text', async () => {
    const hashing = openPasswordHashing(cheap)
    assert.notEqual(await hashing.hash('same'), await hashing.hash('same'))
  })

  it('stays good when the cost is changed later', async () => {
    const hash = await openPasswordHashing(cheap).hash('old')
    const dearer = openPasswordHashing({ ...cheap, argon2: { memoryKiB: 128, passes: 2, lanes: 1 } })
    assert.equal(await dearer.matches('old', hash), true)
  })

  it('that is missing fits nothing', async () => {
    assert.equal(await openPasswordHashing(cheap).matches('', undefined), false)
  })

  it('is made by as many threads as are set, below everything else', {
    skip: process.platform !== 'linux',
  }, async () => {
    const hashing = openPasswordHashing(cheap)
    const below = (all: readonly number[]) => all.filter((priority) => priority === getPriority() + 10).length
    const before = below(await priorities())
    await Promise.all(Array.from({ length: 5 }, () => hashing.hash('x')))
    assert.equal(below(await priorities()) - before, 2)
    await hashing.close()
    assert.equal(below(await priorities()) - before, 0)
    assert.equal(typeof (await hashing.hash('again')), 'string', 'and it begins anew')
  })

  it('is waited for in a queue, and refused as busy once the queue is full', async () => {
    const hashing = openPasswordHashing(cheap)
    const asked = Array.from({ length: 7 }, () => hashing.hash('x').catch((error: unknown) => error))
    const answers = await Promise.all(asked)
    assert.equal(answers.filter((answer) => typeof answer === 'string').length, 5)
    assert.equal(answers.filter((answer) => isDomainError(answer, 'identity.password.busy')).length, 2)
    assert.equal(typeof (await hashing.hash('again')), 'string', 'and it goes on when there is room')
  })
})
