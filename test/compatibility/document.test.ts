/** How the pages are written, and that what people write for them fits. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { counts, leftOut, page, replaceBetweenMarks } from './document.ts'
import { type Operation, readDifferences, readOperations, SERVICES } from './operations.ts'
import { operationKey, routeName } from './route-key.ts'
import type { Judged } from './verdicts.ts'

const operation: Operation = {
  service: 'volume',
  group: 'volume actions',
  method: 'POST',
  path: '/v3/volumes/{volume_id}/action',
  action: 'os-extend',
  min: '3.0',
  core: true,
  success: [202],
}
const offered: Judged = { operation, verdict: 'offered', test: 'src/volume/volumes/volumes.test.ts', differences: [] }
const absent: Judged = {
  operation: { ...operation, group: 'clusters', path: '/v3/clusters', method: 'GET', core: false },
  verdict: 'absent',
  differences: [],
}
const volume = { service: 'volume', judged: [offered, absent], beyond: [], versions: '3.0 – 3.71' }

it('a page has a line for each operation, below its group', () => {
  const lines = page(volume).split('\n')
  assert.ok(lines.includes('## volume actions: 1 of 1'))
  assert.ok(
    lines.includes(
      '| `POST /v3/volumes/{volume_id}/action` `os-extend` | core | 3.0– | offered | [volumes.test.ts](../../src/volume/volumes/volumes.test.ts) |  |',
    ),
  )
})

it('the counts are of each service and of all', () => {
  assert.deepEqual(counts([volume]).split('\n').slice(2), [
    '| [Block storage](volume.md) | 3.0 – 3.71 | 2 | 2 | 1 | 1 / 1 | 0 | 0 | 1 |',
    '| all |  | 2 | 2 | 1 | 1 / 1 | 0 | 0 | 1 |',
  ])
})

it('a group of which nothing is here is left out by name', () => {
  assert.equal(leftOut([volume]), '- [Block storage](../../src/volume/README.md): clusters (1)')
})

it('only what is between its marks is replaced in a text', () => {
  const text = 'before\n<!-- counts -->\nold\n<!-- /counts -->\nafter\n'
  assert.equal(replaceBetweenMarks(text, 'counts', 'new'), 'before\n<!-- counts -->\nnew\n<!-- /counts -->\nafter\n')
  assert.throws(() => replaceBetweenMarks('no marks', 'counts', 'new'))
})

it('every difference is about an operation of upstream', () => {
  const known = new Set(SERVICES.flatMap(readOperations).map((each) => `${operationKey(each)} ${each.variant ?? ''}`))
  const unknown = readDifferences().filter((each) => !known.has(`${operationKey(each)} ${each.variant ?? ''}`))
  assert.deepEqual(unknown.map(routeName), [])
})
