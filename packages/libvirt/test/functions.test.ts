/** Every public function of libvirt has a method, or a reason why it has none; and the page that says so is not stale. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { functionsPage, readFunctions, readMethods, readNotHere } from '../generate/functions.ts'

const functions = readFunctions()
const methods = readMethods()
const notHere = readNotHere()
const named = new Set(methods.flatMap((method) => method.functions))

for (const [area, members] of Map.groupBy(functions, (entry) => entry.area)) {
  test(`every public function of libvirt's area ${area} has a method here, or a reason`, () => {
    const missing = members.map(({ name }) => name).filter((name) => !named.has(name) && !notHere.has(name))
    assert.deepEqual(missing, [])
  })
}

test('no method names a function that libvirt does not have', () => {
  const known = new Set(functions.map(({ name }) => name))
  assert.deepEqual(
    [...named, ...notHere.keys()].filter((name) => !known.has(name)),
    [],
  )
})

test('no function has both a method and a reason to have none', () => {
  assert.deepEqual(
    [...notHere.keys()].filter((name) => named.has(name)),
    [],
  )
})

test('the page of functions says what the docstrings say', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/functions.md'), 'utf8')
  assert.equal(page, functionsPage(), 'run `npm run functions`')
})
