/** Whatever a list holds, following its pages shows every entry once, with any limit and any filter. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { type IdentityUnderTest, identityUnderTest, type Made } from '../../src/identity/identity-under-test.ts'

/** Kinds of things with a name each, and what else one needs. */
const KINDS: Readonly<Record<string, (name: string) => Record<string, unknown>>> = {
  users: (name) => ({ user: { name } }),
  projects: (name) => ({ project: { name } }),
  groups: (name) => ({ group: { name } }),
  roles: (name) => ({ role: { name } }),
  domains: (name) => ({ domain: { name } }),
  services: (name) => ({ service: { type: 'paged', name } }),
  'OS-EP-FILTER/endpoint_groups': (name) => ({ endpoint_group: { name, filters: { interface: 'public' } } }),
}
/** Few words, so that filters find several. */
const WORDS = ['ax', 'bx', 'by', 'A%', 'b_', 'b\\', 'é']
const HOW_MANY = 17

describe('the pages of a list', () => {
  let test: IdentityUnderTest
  const all = new Map<string, Made[]>()

  before(async () => {
    test = await identityUnderTest()
    for (const [kind, bodyOf] of Object.entries(KINDS)) {
      for (let each = 0; each < HOW_MANY; each++) {
        await test.make(`/v3/${kind}`, bodyOf(`${WORDS[each % WORDS.length]}${each}`))
      }
      const listed = await test.ask(test.admin, 'GET', `/v3/${kind}`)
      all.set(kind, listed.body[kind.split('/').at(-1)!])
    }
  })
  after(() => test[Symbol.asyncDispose]())

  const comparators: Readonly<Record<string, (name: string, text: string) => boolean>> = {
    name: (name, text) => name === text,
    name__contains: (name, text) => name.includes(text),
    name__icontains: (name, text) => name.toLowerCase().includes(text.toLowerCase()),
    name__startswith: (name, text) => name.startsWith(text),
    name__endswith: (name, text) => name.endsWith(text),
  }
  const question = fc.record({
    kind: fc.constantFrom(...Object.keys(KINDS)),
    limit: fc.integer({ min: 1, max: HOW_MANY + 3 }),
    filter: fc.option(
      fc.record({
        by: fc.constantFrom(...Object.keys(comparators)),
        text: fc.oneof(fc.constantFrom(...WORDS), fc.constantFrom('1', 'x', 'A', '%', '_', '\\', 'nothing')),
      }),
    ),
  })

  it('show every entry once, and no page more than was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(question, async ({ kind, limit, filter }) => {
        const query = new URLSearchParams({
          limit: String(limit),
          ...(filter !== null && { [filter.by]: filter.text }),
        })
        const found: string[] = []
        let next: string | null = `/v3/${kind}?${query}`
        for (let pages = 0; next !== null; pages++) {
          assert.ok(pages <= HOW_MANY + 20, 'the pages never end')
          const answer = await test.ask(test.admin, 'GET', next)
          assert.equal(answer.status, 200)
          const entries = answer.body[kind.split('/').at(-1)!] as Made[]
          assert.ok(entries.length <= limit)
          found.push(...entries.map((entry) => entry.id))
          next =
            answer.body.links.next === null
              ? null
              : new URL(answer.body.links.next).pathname.replace('/identity', '') +
                new URL(answer.body.links.next).search
          if (next !== null) assert.equal(entries.length, limit, 'a page before the last is full')
        }
        const expected = all
          .get(kind)!
          .filter((entry) => filter === null || comparators[filter.by]!(entry.name, filter.text))
          .map((entry) => entry.id)
        assert.deepEqual(found.toSorted(), expected.toSorted())
        assert.equal(new Set(found).size, found.length, 'an entry came twice')
      }),
      { numRuns: 150, endOnFailure: false },
    )
  })
})
