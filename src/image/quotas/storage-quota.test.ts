import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { imageServiceUnderTest } from '../../../test/support/images.ts'

describe('the storage quota of a project', () => {
  it('is shared by its images, and what goes makes room', async () => {
    await using test = await imageServiceUnderTest({ projectStorageBytes: 100 })
    const first = await test.anActiveImage('demo', {}, 'x'.repeat(60))
    const second = await test.anImage()
    assert.equal((await test.upload('demo', second, 'x'.repeat(50))).status, 413)
    assert.equal((await test.ask('demo', 'GET', `/v2/images/${second}`)).body.status, 'queued')
    await test.ask('demo', 'DELETE', `/v2/images/${first}`)
    assert.equal((await test.upload('demo', second, 'x'.repeat(50))).status, 204)
    assert.deepEqual((await test.ask('demo', 'GET', '/v2/info/usage')).body, { usage: {} })
  })
})
