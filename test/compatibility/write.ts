/**
 * `npm run compatibility [-- DIR]`: writes docs/compatibility from the mounted routes and from what the conversations
 * asked of them. Runs the conversations, or takes what an earlier run left in DIR (`STRATOLITH_TEST_ROUTES=DIR npm test`).
 * Routes that have a conversation by now leave the list of those without.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountedRoutes } from '../../src/cli/routes.ts'
import { MICROVERSIONS } from '../../src/compute/versions.ts'
import { type MicroversionRange, showMicroversion } from '../../src/http/microversions.ts'
import { VERSIONS as IMAGE_VERSIONS } from '../../src/image/versions.ts'
import { RANGE } from '../../src/placement/versions.ts'
import { volumeMicroversions } from '../../src/volume/versions.ts'
import { type Conversation, readConversations } from './conversations.ts'
import { coverage } from './coverage.ts'
import { type Counted, counts, leftOut, page, replaceBetweenMarks } from './document.ts'
import { DOCUMENTS, readDifferences, readOperations, SERVICES } from './operations.ts'
import { readWithoutConversation, writeWithoutConversation } from './without-conversation.ts'
import { readFared, suiteCounts, suitesPage } from './suites.ts'
import { beyondUpstream, judge } from './verdicts.ts'

const CONVERSATIONS = ['src/**/*.test.ts', 'test/conversations/**/*.test.ts']

/** What each service negotiates, or the one version that it names. */
const VERSIONS: Readonly<Record<(typeof SERVICES)[number], MicroversionRange | string>> = {
  identity: 'v3.14',
  image: `v${IMAGE_VERSIONS[0]}`,
  placement: RANGE,
  compute: MICROVERSIONS,
  network: 'v2.0',
  volume: volumeMicroversions,
}

const [earlier] = process.argv.slice(2)
const conversations = earlier === undefined ? converse() : readConversations(earlier)
const routes = await mountedRoutes()
const differences = readDifferences()

const pages: Counted[] = SERVICES.map((service) => {
  const operations = readOperations(service)
  const own = routes.filter((route) => route.service === service)
  const range = VERSIONS[service]
  const negotiated = typeof range === 'string' ? undefined : [range.min, range.max].map(showMicroversion)
  return {
    service,
    versions: negotiated?.join(' – ') ?? String(range),
    judged: judge(operations, {
      routes: own,
      conversations,
      differences,
      ...(negotiated !== undefined && { firstMicroversion: negotiated[0]! }),
    }),
    beyond: beyondUpstream(operations, own),
  }
})
for (const each of pages) writeFileSync(join(DOCUMENTS, `${each.service}.md`), page(each))
const readme = join(DOCUMENTS, 'README.md')
let text = replaceBetweenMarks(readFileSync(readme, 'utf8'), 'counts', counts(pages))
text = replaceBetweenMarks(text, 'left out', leftOut(pages))
const suites = readFared()
writeFileSync(readme, replaceBetweenMarks(text, 'suites', suiteCounts(suites)))
writeFileSync(join(DOCUMENTS, 'suites.md'), suitesPage(suites))
console.log(counts(pages))

const known = readWithoutConversation()
const { mounted, shown, missing, stale } = coverage(routes, conversations, { known, differences })
writeWithoutConversation(known.filter((line) => !stale.includes(line)))
console.log(`\n${shown} of ${mounted} routes have a conversation`)
for (const name of missing) console.log(`no conversation: ${name}`)

/** @throws Error when a test fails: what it would show is not so */
function converse(): Conversation[] {
  const dir = mkdtempSync(join(tmpdir(), 'stratolith-conversations-'))
  try {
    const run = spawnSync(process.execPath, [join(import.meta.dirname, '../run.ts'), ...CONVERSATIONS], {
      cwd: join(import.meta.dirname, '../..'),
      env: { ...process.env, STRATOLITH_TEST_ROUTES: dir },
      // What the tests say goes beside, not into, what this program says.
      stdio: ['ignore', 2, 2],
    })
    if (run.status !== 0) throw new Error('a conversation fails, so nothing is written')
    return readConversations(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
