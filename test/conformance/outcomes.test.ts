/** What is known of public suites beforehand fits their lists, and runs are compared with it. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Expected, learnt, readExpected, readList, type Result, surprises } from './outcomes.ts'
import { SUITES } from './suites.ts'

const listed = ['a.one', 'a.two', 'b.one'].map((test) => ({ test, service: 'image' }))
const expected: Expected[] = [
  { suite: 's', service: 'image', test: 'a.two', outcome: 'failed', reason: 'known' },
  { suite: 'other', service: 'image', test: 'a.two', outcome: 'failed', reason: 'another suite' },
]
const results = (...outcomes: [string, Result['outcome']][]) =>
  new Map(outcomes.map(([test, outcome]) => [test, { outcome, says: `${test} ${outcome}` }]))

it('a test that is expected to fail and passes is as much a surprise as one that fails', () => {
  const run = results(['a.one', 'failed'], ['a.two', 'passed'], ['b.one', 'passed'])
  assert.deepEqual(
    surprises(listed, run, expected.slice(0, 1)).map(({ test, instead }) => [test, instead]),
    [
      ['a.one', 'passed'],
      ['a.two', 'failed'],
    ],
  )
})

it('a test that chance decides is no surprise, and stays where it is', () => {
  const chance: Expected[] = [{ ...expected[0]!, outcome: 'varies' }]
  for (const outcome of ['passed', 'failed'] as const) {
    const run = results(['a.two', outcome])
    assert.deepEqual(surprises(listed.slice(1, 2), run, chance), [])
    assert.deepEqual(learnt('s', listed.slice(1, 2), run, chance), chance)
  }
})

it('a class that could not be prepared stands for its tests, and a test that never ran has failed', () => {
  const run = results(['a', 'skipped'])
  assert.deepEqual(
    surprises(listed, run, []).map(({ test, result }) => [test, result.outcome]),
    [
      ['a.one', 'skipped'],
      ['a.two', 'skipped'],
      ['b.one', 'failed'],
    ],
  )
})

it('a run teaches what fails without a reason, keeps reasons, and leaves other suites alone', () => {
  const run = results(['a.one', 'failed'], ['a.two', 'failed'], ['b.one', 'skipped'])
  assert.deepEqual(
    learnt('s', listed, run, expected).map(({ suite, test, reason }) => [suite, test, reason]),
    [
      ['other', 'a.two', 'another suite'],
      ['s', 'a.one', ''],
      ['s', 'a.two', 'known'],
      ['s', 'b.one', 'b.one skipped'],
    ],
  )
  assert.deepEqual(learnt('s', listed.slice(1, 2), results(['a.two', 'passed']), expected), expected.slice(1))
})

it('whatever is expected not to pass is a test of a suite, once', () => {
  const lists = new Map(SUITES.map(({ name }) => [name, new Map(readList(name).map((each) => [each.test, each]))]))
  const seen = new Set<string>()
  for (const { suite, service, test } of readExpected()) {
    assert.equal(lists.get(suite)?.get(test)?.service, service, `${suite} ${test}`)
    assert.ok(!seen.has(`${suite} ${test}`), `${suite} ${test} stands twice`)
    seen.add(`${suite} ${test}`)
  }
})

it('each test of identity and image that does not pass has its reason', () => {
  const unexplained = readExpected().filter(
    ({ service, reason }) => ['identity', 'image'].includes(service) && reason === '',
  )
  assert.deepEqual(unexplained, [])
})
