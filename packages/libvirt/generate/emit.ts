/**
 * Turns a parsed definition into TypeScript: interfaces, straight-line codecs, and the tables of calls and events.
 *
 * Codecs with equal bodies are written once, since several hundred argument structs are "a domain and flags".
 * The client's half (arguments out, results and events in) is what the package loads; the daemon's half is written
 * apart, for tests.
 */
import type { Definition, Field, FieldType } from './parse.ts'

/** Constants of libvirt's own headers that the definition names without declaring them. */
const outside: Record<string, number> = {
  VIR_UUID_BUFLEN: 16,
  VIR_SECURITY_MODEL_BUFLEN: 257,
  VIR_SECURITY_LABEL_BUFLEN: 4097,
  VIR_SECURITY_DOI_BUFLEN: 257,
  VIR_TYPED_PARAM_INT: 1,
  VIR_TYPED_PARAM_UINT: 2,
  VIR_TYPED_PARAM_LLONG: 3,
  VIR_TYPED_PARAM_ULLONG: 4,
  VIR_TYPED_PARAM_DOUBLE: 5,
  VIR_TYPED_PARAM_BOOLEAN: 6,
  VIR_TYPED_PARAM_STRING: 7,
}

/** Calls that pass file descriptors in either direction; the definition does not mark them. */
const passesDescriptors = new Set([
  'REMOTE_PROC_DOMAIN_OPEN_GRAPHICS',
  'REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD',
  'REMOTE_PROC_DOMAIN_CREATE_XML_WITH_FILES',
  'REMOTE_PROC_DOMAIN_CREATE_WITH_FILES',
  'REMOTE_PROC_DOMAIN_FD_ASSOCIATE',
  'QEMU_PROC_DOMAIN_MONITOR_COMMAND_WITH_FILES',
])

/** Streams whose annotation is missing or tells one direction of two. */
const streams: Record<string, 'read' | 'write' | 'both'> = {
  REMOTE_PROC_DOMAIN_OPEN_CONSOLE: 'both',
  REMOTE_PROC_DOMAIN_OPEN_CHANNEL: 'both',
  REMOTE_PROC_DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS: 'write',
}

export interface Program {
  name: 'remote' | 'qemu'
  definition: Definition
}

const camel = (snake: string) => snake.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())
const pascal = (snake: string) => {
  const name = camel(snake.replace(/^remote_/, ''))
  return name[0]?.toUpperCase() + name.slice(1)
}

interface Codec {
  /** TypeScript type. */
  type: string
  /** Decoding expression reading from `r`. */
  decode: string
  /** Encoding statement for the value expression. */
  encode: (value: string) => string
  /** Function names for use as array elements. */
  elementDecode: string
  elementEncode: string
}

const basics: Record<string, { type: string; letter: string }> = {
  int: { type: 'number', letter: 'i' },
  'unsigned int': { type: 'number', letter: 'u' },
  char: { type: 'number', letter: 'i' },
  short: { type: 'number', letter: 'i' },
  'unsigned char': { type: 'number', letter: 'u' },
  'unsigned short': { type: 'number', letter: 'u' },
  hyper: { type: 'bigint', letter: 'h' },
  'unsigned hyper': { type: 'bigint', letter: 'q' },
  double: { type: 'number', letter: 'd' },
}

export interface Emitted {
  types: string
  client: string
  daemon: string
  counts: { calls: number; events: number; structs: number }
}

export function emit(programs: readonly Program[]): Emitted {
  const constants = new Map<string, string>()
  const typedefs = new Map<string, FieldType>()
  const enums = new Set<string>()
  const structs = new Map<string, Field[]>()
  const unions = new Map<string, { label: string; field: Field }[]>()
  for (const { definition } of programs) {
    for (const [key, value] of definition.constants) constants.set(key, value)
    for (const [key, value] of definition.typedefs) typedefs.set(key, value)
    for (const key of definition.enums.keys()) enums.add(key)
    for (const [key, value] of definition.structs) structs.set(key, value)
    for (const [key, value] of definition.unions) unions.set(key, value)
  }

  const number = (text: string): number => {
    if (text === '') return 0xffffffff
    const value = Number(text)
    if (!Number.isNaN(value)) return value
    const known = outside[text] ?? (constants.has(text) ? number(constants.get(text) as string) : undefined)
    if (known === undefined) throw new Error(`unknown constant ${text}`)
    return known
  }

  // ---- Which codec a field has -------------------------------------------------------------------------------

  const used = { decode: new Set<string>(), encode: new Set<string>() }

  function plain(name: string): Codec {
    const basic = basics[name] ?? (enums.has(name) ? basics.int : undefined)
    if (basic !== undefined) {
      return {
        type: basic.type,
        decode: `r.${basic.letter}()`,
        encode: (value) => `w.${basic.letter}(${value})`,
        elementDecode: `read.${basic.letter}`,
        elementEncode: `write.${basic.letter}`,
      }
    }
    const typedef = typedefs.get(name)
    if (typedef !== undefined) return codec(typedef)
    if (!structs.has(name) && !unions.has(name)) throw new Error(`unknown type ${name}`)
    const type = pascal(name)
    return {
      type: `T.${type}`,
      decode: `d${type}(r)`,
      encode: (value) => `e${type}(w, ${value})`,
      elementDecode: `d${type}`,
      elementEncode: `e${type}`,
    }
  }

  function codec({ name, shape, size }: FieldType): Codec {
    const max = () => number(size)
    const simple = (type: string, letter: string, argument?: number): Codec => ({
      type,
      decode: `r.${letter}(${argument ?? ''})`,
      encode: (value) => `w.${letter}(${value}${argument === undefined ? '' : `, ${argument}`})`,
      elementDecode: argument === undefined ? `read.${letter}` : `read.${letter}${argument}`,
      elementEncode: argument === undefined ? `write.${letter}` : `write.${letter}${argument}`,
    })
    if (name === 'string') return simple('string', 's', max())
    if (name === 'opaque') return simple('Uint8Array', shape === 'fixed' ? 'f' : 'o', max())
    // An array of char is not opaque: each element takes four bytes.
    if (name === 'char' && shape === 'fixed') return simple('Uint8Array', 'cf', max())
    if (name === 'char' && shape === 'variable') return simple('Uint8Array', 'c', max())
    const inner = plain(name)
    const paren = inner.type.includes('|') ? `(${inner.type})` : inner.type
    switch (shape) {
      case 'plain':
        return inner
      case 'optional':
        return {
          type: `${inner.type} | null`,
          decode: `r.p(${inner.elementDecode})`,
          encode: (value) => `w.p(${value}, ${inner.elementEncode})`,
          elementDecode: '',
          elementEncode: '',
        }
      case 'variable':
        return {
          type: `${paren}[]`,
          decode: `r.a(${max()}, ${inner.elementDecode})`,
          encode: (value) => `w.a(${value}, ${max()}, ${inner.elementEncode})`,
          elementDecode: '',
          elementEncode: '',
        }
      case 'fixed':
        return {
          type: `${paren}[]`,
          decode: `r.n(${max()}, ${inner.elementDecode})`,
          encode: (value) => `w.n(${value}, ${max()}, ${inner.elementEncode})`,
          elementDecode: '',
          elementEncode: '',
        }
    }
  }

  // ---- Bodies ------------------------------------------------------------------------------------------------

  function bodies(name: string): { decode: string; encode: string } {
    const union = unions.get(name)
    if (union !== undefined) {
      const arms = union.map(({ label, field }) => ({ tag: number(label), codec: codec(field.type) }))
      return {
        decode: `const type = r.t()\n  switch (type) {\n${arms
          .map(({ tag, codec: c }) => `    case ${tag}:\n      return { type, value: ${c.decode} }\n`)
          .join('')}    default:\n      return r.bad('typed parameter of an unknown type')\n  }`,
        encode: `w.t(v.type)\n  switch (v.type) {\n${arms
          .map(({ tag, codec: c }) => `    case ${tag}:\n      return ${c.encode('v.value')}\n`)
          .join('')}    default:\n      w.bad('typed parameter of an unknown type')\n  }`,
      }
    }
    const fields = (structs.get(name) as Field[]).map((field) => ({
      name: camel(field.name),
      codec: codec(field.type),
    }))
    if (new Set(fields.map((field) => field.name)).size !== fields.length) throw new Error(`fields of ${name} collide`)
    return {
      decode: `({ ${fields.map((field) => `${field.name}: ${field.codec.decode}`).join(', ')} })`,
      encode: `{ ${fields.map((field) => field.codec.encode(`v.${field.name}`)).join('; ')} }`,
    }
  }

  /** Everything a struct's codec calls, itself included. */
  function reach(name: string, into: Set<string>): void {
    if (into.has(name)) return
    const visit = (type: FieldType): void => {
      const typedef = typedefs.get(type.name)
      if (typedef !== undefined) visit(typedef)
      else if (structs.has(type.name) || unions.has(type.name)) reach(type.name, into)
    }
    into.add(name)
    for (const field of structs.get(name) ?? []) visit(field.type)
    for (const arm of unions.get(name) ?? []) visit(arm.field.type)
  }

  // ---- Procedures --------------------------------------------------------------------------------------------

  interface Procedure {
    program: string
    number: number
    constant: string
    method: string
    args?: string
    ret?: string
    msg?: string
    flags: number
    stream: '' | 'read' | 'write' | 'both'
  }
  const procedures: Procedure[] = []
  for (const { name: program, definition } of programs) {
    const members = definition.enums.get(`${program}_procedure`)
    if (members === undefined) throw new Error(`no procedures in ${program}`)
    for (const { name, value, notes } of members) {
      const short = name.replace(`${program.toUpperCase()}_PROC_`, '').toLowerCase()
      const base = `${program}_${short}`
      const has = (kind: string) => (definition.structs.has(`${base}_${kind}`) ? `${base}_${kind}` : undefined)
      const note = (key: string) => notes.find((line) => line.startsWith(`${key}: `))?.slice(key.length + 2)
      const stream = streams[name] ?? (note('readstream') ? 'read' : note('writestream') ? 'write' : '')
      const flags =
        (note('priority') === 'high' ? 1 : 0) |
        (stream === 'read' || stream === 'both' ? 2 : 0) |
        (stream === 'write' || stream === 'both' ? 4 : 0) |
        (note('sparseflag') ? 8 : 0) |
        (passesDescriptors.has(name) ? 16 : 0)
      procedures.push({
        program,
        number: number(value),
        constant: name,
        method: camel(program === 'remote' ? short : base),
        args: has('args'),
        ret: has('ret'),
        msg: has('msg'),
        flags,
        stream,
      })
    }
  }
  // The QEMU program's one event is named like a call; its message tells.
  const events = procedures.filter((procedure) => procedure.msg !== undefined)
  const calls = procedures.filter((procedure) => procedure.msg === undefined)

  // ---- Types -------------------------------------------------------------------------------------------------

  /** What each struct is for, where it belongs to one procedure. */
  const roles = new Map<string, string>()
  for (const { method, args, ret } of calls) {
    if (args !== undefined) roles.set(args, `Arguments of {@link RawApi.${method}}: `)
    if (ret !== undefined) roles.set(ret, `Result of {@link RawApi.${method}}: `)
  }
  for (const { method, msg } of events) roles.set(msg as string, `Payload of {@link RawEvents.${method}}: `)
  const described = (kind: 'struct' | 'union', name: string) => `/** ${roles.get(name) ?? ''}${kind} \`${name}\`. */`

  const typeLines: string[] = []
  for (const [name, fields] of structs) {
    const lines = fields.map((field) => `  ${camel(field.name)}: ${codec(field.type).type.replaceAll('T.', '')}`)
    typeLines.push(`${described('struct', name)}\nexport interface ${pascal(name)} {\n${lines.join('\n')}\n}`)
  }
  for (const [name, arms] of unions) {
    const lines = arms.map(({ label, field }) => `  | { type: ${number(label)}; value: ${codec(field.type).type} }`)
    typeLines.push(`${described('union', name)}\nexport type ${pascal(name)} =\n${lines.join('\n')}`)
  }
  const methods = calls.map(({ constant, method, args, ret, stream, flags }) => {
    const parameters = args === undefined ? 'args?: undefined' : `args: ${pascal(args)}`
    const result = ret === undefined ? 'void' : pascal(ret)
    const returns = flags & 16 ? 'never' : stream === '' ? result : `Opened<${result}>`
    return `  /** ${constant} */\n  ${method}(${parameters}, options?: CallOptions): Promise<${returns}>`
  })
  const eventTypes = events.map(
    ({ constant, method, msg }) => `  /** ${constant} */\n  ${method}: ${pascal(msg as string)}`,
  )
  const types = [
    "import type { CallOptions, Opened } from '../rpc/call.ts'",
    ...typeLines,
    `/** One method per procedure. 64-bit fields are bigint, a uuid is 16 bytes. */\nexport interface RawApi {\n${methods.join('\n')}\n}`,
    `/** The payload of each event message, by its name. */\nexport interface RawEvents {\n${eventTypes.join('\n')}\n}`,
  ].join('\n\n')

  // ---- Codecs ------------------------------------------------------------------------------------------------

  /** The functions for these structs, equal bodies shared, and the name under which each struct's function is known. */
  function functions(wanted: Iterable<string>, direction: 'decode' | 'encode', top: Set<string>) {
    const lines: string[] = []
    const known = new Map<string, string>()
    const byBody = new Map<string, string>()
    for (const name of wanted) {
      const type = pascal(name)
      const body = bodies(name)[direction]
      const own = `${direction === 'decode' ? 'd' : 'e'}${type}`
      // A nested struct keeps its own name, since other bodies call it; only outermost ones are shared.
      const shared = byBody.get(body)
      if (shared !== undefined && top.has(name)) {
        known.set(name, shared)
        continue
      }
      if (!byBody.has(body)) byBody.set(body, own)
      known.set(name, own)
      // Functions shared between structs of one shape take the type of the first.
      if (unions.has(name)) {
        lines.push(
          direction === 'decode'
            ? `function ${own}(r: Reader): T.${type} {\n  ${body}\n}`
            : `function ${own}(w: Writer, v: T.${type}): void {\n  ${body}\n}`,
        )
      } else {
        lines.push(
          direction === 'decode'
            ? `const ${own} = (r: Reader): T.${type} => ${body}`
            : `const ${own} = (w: Writer, v: T.${type}): void => ${body}`,
        )
      }
      used[direction].add(name)
    }
    return { lines, known }
  }

  function half(direction: 'client' | 'daemon'): string {
    const outgoing = new Set(
      direction === 'client' ? calls.flatMap((p) => p.args ?? []) : procedures.flatMap((p) => p.ret ?? p.msg ?? []),
    )
    const incoming = new Set(
      direction === 'client' ? procedures.flatMap((p) => p.ret ?? p.msg ?? []) : calls.flatMap((p) => p.args ?? []),
    )
    if (direction === 'client') incoming.add('remote_error')
    else outgoing.add('remote_error')
    const nestedIn = (roots: Set<string>) => {
      const all = new Set<string>()
      for (const name of roots) reach(name, all)
      // A root that another struct contains has to keep its name.
      const contained = new Set<string>()
      for (const name of all) {
        const below = new Set<string>()
        reach(name, below)
        below.delete(name)
        for (const inner of below) contained.add(inner)
      }
      return { all, top: new Set([...roots].filter((name) => !contained.has(name) && name !== 'remote_error')) }
    }
    const write = nestedIn(outgoing)
    const read = nestedIn(incoming)
    // Nested ones first, so that a shared body is named after the plainest struct.
    const order = ({ all, top }: { all: Set<string>; top: Set<string> }) =>
      [...all].sort((a, b) => Number(top.has(a)) - Number(top.has(b)))
    const encoders = functions(order(write), 'encode', write.top)
    const decoders = functions(order(read), 'decode', read.top)
    const out = (name: string | undefined) => (name === undefined ? '0' : (encoders.known.get(name) as string))
    const in_ = (name: string | undefined) => (name === undefined ? '0' : (decoders.known.get(name) as string))
    const table = (program: string) =>
      calls
        .filter((p) => p.program === program)
        .map((p) => {
          const [first, second] = direction === 'client' ? [out(p.args), in_(p.ret)] : [in_(p.args), out(p.ret)]
          return `  [${p.number}, '${p.method}', ${first}, ${second}, ${p.flags}],`
        })
        .join('\n')
    const eventTable = (program: string) =>
      events
        .filter((p) => p.program === program)
        .map((p) => `  [${p.number}, '${p.method}', ${direction === 'client' ? in_(p.msg) : out(p.msg)}],`)
        .join('\n')
    const [callType, eventType] =
      direction === 'client' ? ['CallEntry', 'EventEntry'] : ['DaemonCallEntry', 'DaemonEventEntry']
    const code = [...encoders.lines, ...decoders.lines].join('\n')
    const elements = (prefix: string) =>
      [
        ...new Set(
          [...code.matchAll(new RegExp(`\\b${prefix}\\.([a-z]+)(\\d*)`, 'g'))].map(
            ([, letter, size]) => `${letter} ${size}`,
          ),
        ),
      ]
        .sort()
        .map((pair) => {
          const [letter, size] = pair.split(' ') as [string, string]
          return prefix === 'read'
            ? `  ${letter}${size}: (r: Reader) => r.${letter}(${size}),`
            : `  ${letter}${size}: (w: Writer, v: ${{ s: 'string', f: 'Uint8Array', o: 'Uint8Array', h: 'bigint', q: 'bigint' }[letter] ?? 'number'}): void => w.${letter}(v${size ? `, ${size}` : ''}),`
        })
        .join('\n')
    const base = direction === 'client' ? '..' : '../../src'
    return [
      `import type { ${[callType, eventType].sort().join(', ')} } from '${direction === 'client' ? '../rpc/call.ts' : '../daemon-entry.ts'}'`,
      `import type { Reader, Writer } from '${base}/rpc/xdr.ts'`,
      `import type * as T from '${direction === 'client' ? './types.ts' : '../../src/generated/types.ts'}'`,
      '',
      `const read = {\n${elements('read')}\n}`,
      `const write = {\n${elements('write')}\n}`,
      '',
      code,
      '',
      direction === 'client' ? `export { dError as decodeError }` : `export { eError as encodeError }`,
      '',
      ...programs.flatMap(({ name }) => [
        `export const ${name}Calls: readonly ${callType}[] = [\n${table(name)}\n]`,
        `export const ${name}Events: readonly ${eventType}[] = [\n${eventTable(name)}\n]`,
      ]),
    ].join('\n')
  }

  return {
    types,
    client: half('client'),
    daemon: half('daemon'),
    counts: { calls: calls.length, events: events.length, structs: structs.size + unions.size },
  }
}
