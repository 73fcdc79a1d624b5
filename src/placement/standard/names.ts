/** Upstream's names, read once. Sources: os-resource-classes and os-traits, the libraries that upstream takes them from. */
import { readFile } from 'node:fs/promises'

export interface StandardNames {
  /** In upstream's order. */
  readonly resourceClasses: ReadonlySet<string>
  readonly traits: ReadonlySet<string>
}

let reading: Promise<StandardNames> | undefined

export function standardNames(): Promise<StandardNames> {
  reading ??= Promise.all([namesIn('resource-classes.txt'), namesIn('traits.txt')]).then(
    ([resourceClasses, traits]) => ({ resourceClasses, traits }),
  )
  return reading
}

async function namesIn(file: string): Promise<ReadonlySet<string>> {
  const text = await readFile(new URL(`./${file}`, import.meta.url), 'utf8')
  return new Set(text.split('\n').filter((line) => line !== ''))
}
