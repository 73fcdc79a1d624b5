/** How other people's tests fare: the table in the README of docs/compatibility, and its page of reasons. */
import { type Expected, type Listed, readExpected, readList } from '../conformance/outcomes.ts'
import { SUITES } from '../conformance/suites.ts'
import { title } from './document.ts'

/** `mixed`: tests that ask several services. */
const COLUMNS = ['identity', 'image', 'placement', 'compute', 'network', 'volume', 'scenario', 'mixed'] as const

export interface Fared {
  readonly title: string
  readonly tests: readonly Listed[]
  /** Those of them that do not pass. */
  readonly expected: readonly Expected[]
}

export function readFared(): Fared[] {
  const expected = readExpected()
  return SUITES.map(({ name, title }) => ({
    title,
    tests: readList(name),
    expected: expected.filter(({ suite }) => suite === name),
  }))
}

/** One line a suite; each cell says how many pass, of how many. */
export function suiteCounts(suites: readonly Fared[]): string {
  const cell = (fared: Fared, service: string) => {
    const { passed, tests } = tallyOf(fared, service)
    return tests === 0 ? '' : `${passed} / ${tests}`
  }
  return [
    `| suite | ${COLUMNS.join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---|').join('')}`,
    ...suites.map((fared) => `| ${fared.title} | ${COLUMNS.map((service) => cell(fared, service)).join(' | ')} |`),
  ].join('\n')
}

/** Every test that does not pass, with its reason, where somebody has found one. */
export function suitesPage(suites: readonly Fared[]): string {
  return [
    '# Public suites',
    '',
    'Written by `test/compatibility/write.ts` from `test/conformance/`: its lists name the tests, and `expected.tsv` those that do not',
    'pass, with why. `npm run conformance` runs them, and fails where one goes otherwise than this page says.',
    '',
    suiteCounts(suites),
    '',
    ...suites.flatMap(suiteSection),
  ].join('\n')
}

function suiteSection(fared: Fared): string[] {
  const services = COLUMNS.filter((service) => tallyOf(fared, service).tests > 0)
  return [`## ${fared.title}`, '', ...services.flatMap((service) => serviceSection(fared, service))]
}

function serviceSection(fared: Fared, service: string): string[] {
  const { tests, passed, failed, skipped, vary } = tallyOf(fared, service)
  const own = fared.expected.filter((each) => each.service === service)
  const explained = own.filter(({ reason }) => reason !== '')
  const others = own.filter(({ reason }) => reason === '')
  const heading = [
    `### ${title(service)}: ${passed} of ${tests} pass, ${failed} fail, ${skipped} are skipped${vary === 0 ? '' : `, ${vary} vary`}`,
    '',
  ]
  return [
    ...heading,
    ...(explained.length === 0
      ? []
      : [
          '| test | | why |',
          '|---|---|---|',
          ...explained.map(
            ({ test, outcome, reason }) => `| \`${test}\` | ${outcome} | ${reason.replaceAll('|', '\\|')} |`,
          ),
          '',
        ]),
    ...(others.length === 0 ? [] : ['Not explained yet:', '', ...others.map(({ test }) => `- \`${test}\``), '']),
  ]
}

function tallyOf({ tests, expected }: Fared, service: string) {
  const all = tests.filter((each) => each.service === service).length
  const of = (outcome: Expected['outcome']) =>
    expected.filter((each) => each.service === service && each.outcome === outcome).length
  const [failed, skipped, vary] = [of('failed'), of('skipped'), of('varies')]
  return { tests: all, passed: all - failed - skipped - vary, failed, skipped, vary }
}
