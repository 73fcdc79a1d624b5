/** Reads a protocol definition (the rpcgen language, as far as libvirt uses it) into a small tree. */

/** A field's type with typedefs still unresolved. `name` is a basic type or another declaration. */
export interface FieldType {
  name: string
  shape: 'plain' | 'optional' | 'fixed' | 'variable'
  /** Length or maximum as written: a number or a constant's name; empty = none. */
  size: string
}
export interface Field {
  name: string
  type: FieldType
}
export interface EnumMember {
  name: string
  value: string
  /** Lines such as `generate: both`, without the at sign. */
  notes: string[]
}
export interface Definition {
  constants: Map<string, string>
  typedefs: Map<string, FieldType>
  enums: Map<string, EnumMember[]>
  structs: Map<string, Field[]>
  /** By name: the case labels with their fields. */
  unions: Map<string, { label: string; field: Field }[]>
}

interface Token {
  text: string
  /** The last documentation comment before this token. */
  comment: string
}

function tokens(text: string): Token[] {
  const pattern =
    /(\/\*[\s\S]*?\*\/)|(^%.*$)|([A-Za-z_][A-Za-z0-9_]*)|(-?(?:0x[0-9a-fA-F]+|\d+))|([{}()<>[\];:,=*])|(\S)/gm
  const found: Token[] = []
  let comment = ''
  for (const [whole, remark, directive, word, number, mark, other] of text.matchAll(pattern)) {
    if (remark !== undefined) {
      if (remark.startsWith('/**')) comment = remark
    } else if (directive !== undefined) {
    } else if (other !== undefined) throw new Error(`unexpected character ${other}`)
    else {
      found.push({ text: (word ?? number ?? mark ?? whole) as string, comment })
      comment = ''
    }
  }
  return found
}

export function parse(text: string): Definition {
  const definition: Definition = {
    constants: new Map(),
    typedefs: new Map(),
    enums: new Map(),
    structs: new Map(),
    unions: new Map(),
  }
  const all = tokens(text)
  let at = 0
  const peek = () => all[at]?.text ?? ''
  const next = () => all[at++]?.text ?? ''
  const expect = (wanted: string) => {
    const got = next()
    if (got !== wanted) throw new Error(`expected ${wanted}, got ${got} near token ${at}`)
  }

  function typeName(): string {
    let name = next()
    if (name === 'unsigned') {
      name = ['int', 'hyper', 'char', 'short'].includes(peek()) ? `unsigned ${next()}` : 'unsigned int'
    } else if (name === 'struct' || name === 'enum') name = next()
    return name
  }

  /** `type name`, `type *name`, `type name[N]`, `type name<N>`, up to and with the semicolon. */
  function field(): Field {
    const base = typeName()
    if (base === 'void') {
      expect(';')
      return { name: '', type: { name: 'void', shape: 'plain', size: '' } }
    }
    let shape: FieldType['shape'] = 'plain'
    let size = ''
    if (peek() === '*') {
      next()
      shape = 'optional'
    }
    const name = next()
    if (peek() === '[') {
      next()
      shape = 'fixed'
      size = next()
      expect(']')
    } else if (peek() === '<') {
      next()
      shape = 'variable'
      if (peek() !== '>') size = next()
      expect('>')
    }
    expect(';')
    return { name, type: { name: base, shape, size } }
  }

  while (at < all.length) {
    const word = next()
    if (word === 'const') {
      const name = next()
      expect('=')
      definition.constants.set(name, next())
      expect(';')
    } else if (word === 'typedef') {
      const { name, type } = field()
      definition.typedefs.set(name, type)
    } else if (word === 'enum') {
      const name = next()
      const members: EnumMember[] = []
      expect('{')
      while (peek() !== '}') {
        const comment = all[at]?.comment ?? ''
        const member = next()
        let value = ''
        if (peek() === '=') {
          next()
          value = next()
        }
        if (peek() === ',') next()
        const notes = [...comment.matchAll(/@(\w+):\s*(.*?)\s*$/gm)].map(([, key, rest]) => `${key}: ${rest}`)
        members.push({ name: member, value: value || String(members.length), notes })
      }
      expect('}')
      expect(';')
      definition.enums.set(name, members)
    } else if (word === 'struct') {
      const name = next()
      const fields: Field[] = []
      expect('{')
      while (peek() !== '}') fields.push(field())
      expect('}')
      expect(';')
      definition.structs.set(name, fields)
    } else if (word === 'union') {
      const name = next()
      expect('switch')
      expect('(')
      while (peek() !== ')') next()
      expect(')')
      expect('{')
      const arms: { label: string; field: Field }[] = []
      while (peek() !== '}') {
        const kind = next()
        if (kind !== 'case' && kind !== 'default') throw new Error(`expected a case, got ${kind}`)
        const label = kind === 'case' ? next() : ''
        expect(':')
        arms.push({ label, field: field() })
      }
      expect('}')
      expect(';')
      definition.unions.set(name, arms)
    } else throw new Error(`unexpected ${word}`)
  }
  return definition
}
