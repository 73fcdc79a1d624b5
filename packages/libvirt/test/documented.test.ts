/** Every public name says what it is. `npm run docs` refuses as well, but needs typedoc; this is what it would ask for. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const source = (path: string) => readFileSync(join(import.meta.dirname, '../src', path), 'utf8')

/** What the index hands on, by file. */
function publicNames(): Map<string, string[]> {
  const names = new Map<string, string[]>()
  const index = source('index.ts')
  for (const [, all, list = '', file = ''] of index.matchAll(
    /^export (?:type )?(?:(\* as \w+)|\{([^}]*)\}) from '\.\/(.*)'/gm,
  )) {
    const given =
      all === undefined
        ? list.split(',').map((entry) => entry.replace('type ', '').trim())
        : Array.from(source(file).matchAll(/^export (?:interface|type) (\w+)/gm), ([, name = '']) => name)
    names.set(file, [...(names.get(file) ?? []), ...given.filter((name) => name !== '')])
  }
  return names
}

/** Names of the file that no docstring stands above; of classes, the members too. */
function undocumented(file: string, names: readonly string[]): string[] {
  const found: string[] = []
  let around: string | undefined
  let above = ''
  for (const line of source(file).split('\n')) {
    const [, kind, name = ''] =
      /^export (?:abstract |async )?(class|interface|type|function|const) (\w+)/.exec(line) ?? []
    const [, member = ''] = /^ {2}(?:(?:static|async|get|override) )*(\*?\[?[\w.]+\]?)(?:<.*>)?\(/.exec(line) ?? []
    if (kind !== undefined) around = kind === 'class' && names.includes(name) ? name : undefined
    if (!above.trimEnd().endsWith('*/')) {
      if (kind !== undefined && names.includes(name)) found.push(name)
      if (around !== undefined && member !== '' && member !== 'constructor') found.push(`${around}.${member}`)
    }
    if (line === '}') around = undefined
    above = line
  }
  return found
}

for (const [file, names] of publicNames()) {
  test(`every public name of ${file} has a docstring`, () => {
    const text = source(file)
    for (const name of names) {
      assert.match(
        text,
        new RegExp(`^export (?:abstract |async )?\\w+ ${name}\\b`, 'm'),
        `${name} is not declared here`,
      )
    }
    assert.deepEqual(undocumented(file, names), [])
  })
}
