/** Reads the public constants out of libvirt-dev's machine-readable API and writes them as TypeScript. */

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const plainText = (text: string) => text.replace(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole)

function attributes(tag: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [, name, value] of tag.matchAll(/(\w+)='([^']*)'/g)) found[name as string] = plainText(value as string)
  return found
}

/** Enum members and macros of the given API files, those that are numbers or texts, without the `…_LAST` markers. */
export function constantsOf(files: readonly string[]): { type: string; name: string; value: number | string }[] {
  const members: { type: string; name: string; value: string }[] = []
  const strings: { type: string; name: string; value: string }[] = []
  for (const text of files) {
    for (const [tag] of text.matchAll(/<enum [^>]*>/g)) {
      const { name, value, type } = attributes(tag)
      if (name === undefined || value === undefined || type === undefined) throw new Error(`odd enum: ${tag}`)
      members.push({ type, name, value })
    }
    for (const [tag] of text.matchAll(/<macro [^>]*>/g)) {
      const { name, string, raw = '' } = attributes(tag)
      const number = /^\(?(-?\d+)[UL]*\)?(?: \/\*.*)?$/.exec(raw)
      if (name !== undefined && string !== undefined)
        strings.push({ type: 'names of parameters and fields', name, value: string })
      else if (name?.startsWith('VIR_') && number !== null)
        members.push({ type: 'bounds and marks', name, value: number[1] as string })
    }
  }
  const byName = new Map(members.map((member) => [member.name, member.value]))
  const resolve = (value: string): number => {
    const number = Number(value)
    if (!Number.isNaN(number)) return number
    const target = byName.get(value)
    if (target === undefined) throw new Error(`unknown constant ${value}`)
    return resolve(target)
  }
  const seen = new Set<string>()
  return [...members.map((m) => ({ ...m, value: resolve(m.value) })), ...strings]
    .filter(({ name }) => !/_LAST$/.test(name) && !seen.has(name) && seen.add(name))
    .sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0))
}

export function emitConstants(files: readonly string[]): string {
  const lines: string[] = []
  let type = ''
  for (const constant of constantsOf(files)) {
    if (constant.type !== type) {
      type = constant.type
      lines.push('', `// ${type}`)
    }
    const value =
      typeof constant.value === 'number' ? String(constant.value) : `'${constant.value.replaceAll("'", "\\'")}'`
    lines.push(`export const ${constant.name} = ${value}`)
  }
  return `${lines.join('\n')}\n`
}
