/**
 * Prints which methods the tests called on real daemons, and fails for one that they did not and that `not-called.tsv`
 * does not excuse. Run by `run.ts`, after the tests whose notes are in LIBVIRT_TEST_CALLED.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readMethods } from '../generate/functions.ts'
import type { Note } from './coverage.ts'

const folder = process.env.LIBVIRT_TEST_CALLED
const notes: Note[] = (folder === undefined ? [] : readdirSync(folder))
  .flatMap((file) => readFileSync(join(folder as string, file), 'utf8').split('\n'))
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Note)
const excuses = new Map(
  readFileSync(join(import.meta.dirname, 'not-called.tsv'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t') as [string, string]),
)
const noDaemon =
  notes.some(({ driver }) => driver === 'qemu') && notes.some(({ driver }) => driver === 'test')
    ? false
    : 'the tests found no libvirt daemon'

test('every method was called on a real daemon, or it is said why it cannot be', { skip: noDaemon }, () => {
  const methods = readMethods().filter(({ isMethod }) => isMethod)
  const rows = methods.map(({ member }) => {
    const outcomes = new Map<string, Set<string>>()
    for (const { method, outcome, driver } of notes) {
      if (method === member) outcomes.set(driver, (outcomes.get(driver) ?? new Set()).add(outcome))
    }
    const said = [...outcomes].map(([driver, how]) => `${driver}: ${[...how].sort().join(' ')}`).join(', ')
    return { member, answered: notes.some((note) => note.method === member && note.outcome === 'answered'), said }
  })
  const width = Math.max(...rows.map(({ member }) => member.length))
  for (const { member, said } of rows)
    console.log(`${member.padEnd(width)}  ${said || `- ${excuses.get(member) ?? ''}`}`)
  const answered = rows.filter((row) => row.answered).length
  const refused = rows.filter((row) => !row.answered && row.said !== '').length
  console.log(
    `${rows.length} methods: ${answered} answered, ${refused} refused by the driver, ${rows.length - answered - refused} not called`,
  )
  assert.deepEqual(
    rows.filter(({ member, said }) => said === '' && !excuses.has(member)).map(({ member }) => member),
    [],
  )
  assert.deepEqual(
    [...excuses.keys()].filter((member) => !rows.some((row) => row.member === member && row.said === '')),
    [],
    'excuses for what is called, or is not there',
  )
})
