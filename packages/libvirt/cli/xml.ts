/**
 * As much of XML as libvirt writes: enough to find a disk in a guest's definition. A program with a dependency to spare
 * would take a parser from a library.
 */
export interface Element {
  name: string
  attributes: Readonly<Record<string, string>>
  children: readonly Element[]
  /** Of this element itself, without its children's. */
  text: string
}
interface Building extends Element {
  children: Building[]
}

const piece =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[(?<cdata>[\s\S]*?)\]\]>|<\/(?<end>[^\s>]+)\s*>|<(?<start>[^\s/>!?]+)(?<attributes>(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(?<empty>\/?)>|(?<text>[^<]+)/y

/** @throws Error for what is not well-formed */
export function parseXml(xml: string): Element {
  const root: Building = { name: '', attributes: {}, children: [], text: '' }
  const open: Building[] = [root]
  const matcher = new RegExp(piece)
  while (matcher.lastIndex < xml.length) {
    const at = matcher.lastIndex
    const found = matcher.exec(xml)?.groups
    const parent = open.at(-1)
    if (found === undefined || parent === undefined) throw new Error(`no XML at character ${at}`)
    if (found.text !== undefined) parent.text += decode(found.text)
    else if (found.cdata !== undefined) parent.text += found.cdata
    else if (found.start !== undefined) {
      const child = { name: found.start, attributes: attributesOf(found.attributes ?? ''), children: [], text: '' }
      parent.children.push(child)
      if (found.empty === '') open.push(child)
    } else if (found.end !== undefined && open.pop()?.name !== found.end) {
      throw new Error(`</${found.end}> ends nothing at character ${at}`)
    }
  }
  const [first] = root.children
  if (first === undefined || open.length !== 1) throw new Error('the XML ends too early')
  return first
}

/** Every element on the path of names below this one, such as `devices/disk`. */
export function elementsAt(element: Element, path: string): Element[] {
  return path
    .split('/')
    .reduce<Element[]>(
      (found, name) => found.flatMap(({ children }) => children.filter((child) => child.name === name)),
      [element],
    )
}
/** The first such attribute that is there: `attributeAt(disk, 'source', 'file', 'dev')`. */
export function attributeAt(element: Element, path: string, ...names: readonly string[]): string | undefined {
  const found = path === '' ? [element] : elementsAt(element, path)
  return found.flatMap(({ attributes }) => names.map((name) => attributes[name])).find((value) => value !== undefined)
}

function attributesOf(text: string): Record<string, string> {
  const pairs = text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)
  return Object.fromEntries(pairs.map(([, name, double, single]) => [name, decode(double ?? single ?? '')]))
}

const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|([a-z]+));/gi, (all, hex?: string, decimal?: string, name = '') => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return entities[name] ?? all
  })
}
/** Text that may stand in an element or an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (mark) => `&${Object.keys(entities).find((name) => entities[name] === mark)};`)
}
