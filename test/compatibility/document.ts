/** The pages of docs/compatibility: one a service, one line an operation, and the table of counts. */
import { basename } from 'node:path'
import type { Operation } from './operations.ts'
import { type Judged, range, type Verdict } from './verdicts.ts'

export interface Tally {
  readonly operations: number
  /** Operations that upstream itself answers with more than a refusal. */
  readonly answering: number
  readonly offered: number
  readonly core: number
  readonly coreOffered: number
  readonly unshown: number
  readonly refused: number
  readonly absent: number
}

export function tally(judged: readonly Judged[]): Tally {
  const count = (matches: (each: Judged) => boolean) => judged.filter(matches).length
  const verdict = (wanted: Verdict) => count((each) => each.verdict === wanted)
  return {
    operations: judged.length,
    answering: count(({ operation }) => operation.max !== 'gone'),
    offered: verdict('offered'),
    core: count(({ operation }) => operation.core),
    coreOffered: count((each) => each.operation.core && each.verdict === 'offered'),
    unshown: verdict('unshown'),
    refused: verdict('refused'),
    absent: verdict('absent'),
  }
}

export interface Page {
  readonly service: string
  readonly judged: readonly Judged[]
  /** Routes that upstream has not. */
  readonly beyond: readonly string[]
}

export function page({ service, judged, beyond }: Page): string {
  const { operations, offered, core, coreOffered, unshown, refused, absent } = tally(judged)
  const groups = Map.groupBy(judged, ({ operation }) => operation.group)
  return [
    `# ${title(service)}`,
    '',
    'Written by `test/compatibility/write.ts`; what the columns mean is in the [README](README.md).',
    '',
    `${offered} of ${operations} operations are offered (${coreOffered} of ${core} core ones), ${refused} refused by name, ${absent} absent` +
      `${unshown === 0 ? '' : `; ${unshown} are mounted and not yet shown`}.`,
    '',
    ...[...groups].flatMap(([group, lines]) => [
      `## ${group}: ${tally(lines).offered} of ${lines.length}`,
      '',
      '| operation | core | versions | here | shown by | differences |',
      '|---|---|---|---|---|---|',
      ...lines.map(line),
      '',
    ]),
    ...(beyond.length === 0 ? [] : ['## Beyond upstream', '', ...beyond.map((name) => `- \`${name}\``), '']),
  ].join('\n')
}

export interface Counted extends Page {
  /** `2.1 – 2.104`, or the version that the service says it speaks. */
  readonly versions: string
}

export function counts(pages: readonly Counted[]): string {
  const row = (name: string, versions: string, t: Tally) =>
    `| ${name} | ${versions} | ${t.operations} | ${t.answering} | ${t.offered} | ${t.coreOffered} / ${t.core} | ${t.unshown} | ${t.refused} | ${t.absent} |`
  return [
    '| service | versions | operations | answering upstream | offered | core | not yet shown | refused | absent |',
    '|---|---|---|---|---|---|---|---|---|',
    ...pages.map(({ service, versions, judged }) => row(`[${title(service)}](${service}.md)`, versions, tally(judged))),
    row('all', '', tally(pages.flatMap(({ judged }) => judged))),
  ].join('\n')
}

/** Groups of the API reference of which nothing is here, leaving out what upstream has dropped itself. */
export function leftOut(pages: readonly Page[]): string {
  return pages
    .map(({ service, judged }) => {
      const still = judged.filter(({ operation }) => operation.max === undefined)
      const groups = [...Map.groupBy(still, ({ operation }) => operation.group)]
        .filter(([, lines]) => lines.every(({ verdict }) => verdict === 'absent'))
        .map(([group, lines]) => `${group} (${lines.length})`)
      return `- [${title(service)}](../../src/${service}/README.md): ${groups.length === 0 ? 'no whole group' : groups.join(', ')}`
    })
    .join('\n')
}

/** Puts `text` between `<!-- name -->` and `<!-- /name -->`. @throws Error when the marks are not there */
export function replaceBetweenMarks(document: string, name: string, text: string): string {
  const [before, after] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [document.indexOf(before), document.indexOf(after)]
  if (from < 0 || to < from) throw new Error(`no ${before} … ${after} in the document`)
  return `${document.slice(0, from + before.length)}\n${text}\n${document.slice(to)}`
}

function line({ operation, verdict, test, differences }: Judged): string {
  const cells = [
    what(operation),
    operation.core ? 'core' : '',
    versions(operation),
    verdict === 'unshown' ? 'not yet shown' : verdict,
    test === undefined ? '' : `[${basename(test)}](../../${test})`,
    differences.join('; '),
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function what({ method, path, action, variant }: Operation): string {
  return `\`${method} ${path}\`${action === undefined ? '' : ` \`${action}\``}${variant === undefined ? '' : ` ${variant}`}`
}

function versions({ min, max }: Operation): string {
  if (max === 'gone') return 'gone'
  return min === undefined ? '' : range(min, max)
}

export function title(service: string): string {
  return service === 'volume' ? 'Block storage' : `${service[0]!.toUpperCase()}${service.slice(1)}`
}
