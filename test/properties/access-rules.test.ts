/** Which requests an access rule allows, against a reading of its pattern that goes letter by letter. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isAllowed } from '../../src/http/access-rules.ts'

/** A part of a pattern, with a text that it stands for. */
interface Part {
  readonly pattern: string
  readonly example: string
}

const word = fc.stringMatching(/^[a-z0-9.+?()|$^-]{1,4}$/)
const deep = fc.array(word, { maxLength: 3 }).map((words) => words.join('/'))
const part: fc.Arbitrary<Part> = fc.oneof(
  { weight: 3, arbitrary: word.map((text) => ({ pattern: text, example: text })) },
  word.map((example) => ({ pattern: '*', example })),
  fc.tuple(word, word).map(([name, example]) => ({ pattern: `{${name}}`, example })),
  deep.map((example) => ({ pattern: '**', example })),
)
const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => ({
  pattern: `/${parts.map((each) => each.pattern).join('/')}`,
  example: `/${parts.map((each) => each.example).join('/')}`,
}))

/** Whether `text` is of `pattern`, by trying every way in which the wildcards could be filled. */
function fits(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  const named = /^\{[^}]*\}/.exec(pattern)?.[0]
  if (pattern.startsWith('**')) {
    const rest = pattern.slice(2)
    return Array.from({ length: text.length + 1 }, (_, taken) => taken).some((taken) => fits(rest, text.slice(taken)))
  }
  if (pattern.startsWith('*') || named !== undefined) {
    const rest = pattern.slice(named?.length ?? 1)
    const most = text.indexOf('/') < 0 ? text.length : text.indexOf('/')
    return Array.from({ length: most }, (_, less) => less + 1).some((taken) => fits(rest, text.slice(taken)))
  }
  return text[0] === pattern[0] && fits(pattern.slice(1), text.slice(1))
}

const allowed = (pattern: string, text: string) =>
  isAllowed([{ service: 'compute', method: 'GET', path: pattern }], { service: 'compute', method: 'GET', path: text })

describe('an access rule', () => {
  it('allows every path that its pattern was filled in to', () => {
    fc.assert(fc.property(path, ({ pattern, example }) => allowed(pattern, example)))
  })

  it('allows a path if and only if the wildcards can be filled so', () => {
    const nearby = fc.tuple(path, path, fc.nat(20), word).map(([own, other, at, inserted]) => ({
      pattern: own.pattern,
      text: [own.example.slice(0, at) + inserted + own.example.slice(at), other.example, own.example.slice(0, -1)],
    }))
    fc.assert(
      fc.property(nearby, ({ pattern, text }) => {
        for (const each of text) assert.equal(allowed(pattern, each), fits(pattern, each), `${pattern} for ${each}`)
      }),
      { numRuns: 500 },
    )
  })

  it('allows nothing of another service or by another method', () => {
    fc.assert(
      fc.property(path, ({ pattern, example }) => {
        const rules = [{ service: 'compute', method: 'GET', path: pattern }]
        assert.ok(!isAllowed(rules, { service: 'image', method: 'GET', path: example }))
        assert.ok(!isAllowed(rules, { service: 'compute', method: 'POST', path: example }))
      }),
    )
  })
})
