/**
 * A writer that cannot produce XML with somebody else's markup in it: elements are data, text and attributes are
 * escaped here and nowhere else, and what XML 1.0 cannot carry is refused.
 */

/** A value that cannot stand in a guest's description. `path` names the field, such as `disks[1].path`. */
export class InvalidGuest extends Error {
  readonly path: string
  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`)
    this.name = 'InvalidGuest'
    this.path = path
  }
}

/** Undefined leaves an attribute out; numbers and booleans (yes, no) are written as libvirt reads them. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
export type Node = Element | string | undefined
export interface Element {
  readonly name: string
  readonly attributes: Attributes
  readonly children: readonly Node[]
}

/** `el('model', { type: 'virtio' })`, `el('name', {}, guest.name)`. Undefined children are left out. */
export function el(name: string, attributes: Attributes = {}, ...children: readonly Node[]): Element {
  return { name, attributes, children }
}

/** Control characters other than tab and line ends, and the two that are no characters. */

const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

function check(text: string, path: string): string {
  if (unspeakable.test(text) || !text.isWellFormed()) throw new InvalidGuest(path, 'a character that XML cannot carry')
  return text
}

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // As written, a parser turns these into blanks or line ends of its own.
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}
const escaped = (text: string) => text.replace(/[&<>"'\t\n\r]/g, (character) => escapes[character] as string)

const named = /^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$/

/** Indented by two blanks a level. */
export function write(element: Element, indent = ''): string {
  const { name, attributes, children } = element
  if (!named.test(name)) throw new Error(`no element name: ${name}`)
  let text = `${indent}<${name}`
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    if (!named.test(key)) throw new Error(`no attribute name: ${key}`)
    const plain = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
    text += ` ${key}='${escaped(check(plain, `${name} ${key}`))}'`
  }
  const present = children.filter((child) => child !== undefined)
  if (present.length === 0) return `${text}/>\n`
  if (present.every((child) => typeof child === 'string')) {
    return `${text}>${escaped(check(present.join(''), name))}</${name}>\n`
  }
  text += '>\n'
  for (const child of present) {
    if (typeof child === 'string') throw new Error(`text beside elements in ${name}`)
    text += write(child, `${indent}  `)
  }
  return `${text}${indent}</${name}>\n`
}
