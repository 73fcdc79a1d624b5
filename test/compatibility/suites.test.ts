/** How other people's tests are counted and explained. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Fared, suiteCounts, suitesPage } from './suites.ts'

const suite: Fared = {
  title: 'A suite 1.0',
  tests: [
    { test: 't.one', service: 'image' },
    { test: 't.two', service: 'image' },
    { test: 't.three', service: 'image' },
    { test: 't.four', service: 'network' },
  ],
  expected: [
    { suite: 's', service: 'image', test: 't.two', outcome: 'failed', reason: 'asks a | b of a client' },
    { suite: 's', service: 'network', test: 't.four', outcome: 'skipped', reason: '' },
  ],
}

it('a suite has a line, and each service how many of its tests pass', () => {
  assert.equal(suiteCounts([suite]).split('\n').at(-1), '| A suite 1.0 |  | 2 / 3 |  |  | 0 / 1 |  |  |  |')
})

it('a test that does not pass stands with its reason, or among those that nobody has explained', () => {
  const page = suitesPage([suite])
  assert.match(
    page,
    /### Image: 2 of 3 pass, 1 fail, 0 are skipped\n\n.*\n.*\n\| `t.two` \| failed \| asks a \\\| b of a client \|/,
  )
  assert.match(page, /### Network: 0 of 1 pass, 0 fail, 1 are skipped\n\nNot explained yet:\n\n- `t.four`/)
  assert.doesNotMatch(page, /t\.one|t\.three/)
})
