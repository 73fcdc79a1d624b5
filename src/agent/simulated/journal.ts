/**
 * What a simulated host remembers: tables of rows by id, in memory, and in one file of JSON lines if it is given one, so
 * that an emulator that was killed finds its guests running. Each change is one appended line, written before the call
 * returns; a line cut short by a crash ends the reading. The file is rewritten, atomically, when it is opened and when
 * most of it is history.
 */
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** `[table, id, row]`; a line without a row says that the row has gone. */
type Line = [table: string, id: string, row?: unknown]

const HISTORY_LINES_KEPT = 1000

export class Journal {
  readonly #path: string | undefined
  readonly #tables = new Map<string, Map<string, unknown>>()
  #lines = 0

  /** Without a path, everything is forgotten at the end. */
  constructor(path: string | undefined) {
    this.#path = path
    if (path === undefined) return
    mkdirSync(dirname(path), { recursive: true })
    for (const line of readLines(path)) this.#apply(line)
    this.#rewrite()
  }

  table<Row>(name: string): Table<Row> {
    const rows = this.#rows(name) as Map<string, Row>
    return {
      get: (id) => rows.get(id),
      has: (id) => rows.has(id),
      values: () => [...rows.values()],
      keys: () => [...rows.keys()],
      set: (id, row) => {
        rows.set(id, row)
        this.#append([name, id, row])
      },
      delete: (id) => {
        if (rows.delete(id)) this.#append([name, id])
      },
    }
  }

  #rows(name: string): Map<string, unknown> {
    let rows = this.#tables.get(name)
    if (rows === undefined) {
      rows = new Map()
      this.#tables.set(name, rows)
    }
    return rows
  }

  #apply([table, id, row]: Line): void {
    if (row === undefined) this.#rows(table).delete(id)
    else this.#rows(table).set(id, row)
  }

  #append(line: Line): void {
    if (this.#path === undefined) return
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
    this.#lines++
    if (this.#lines > HISTORY_LINES_KEPT + 4 * this.#size()) this.#rewrite()
  }

  #size(): number {
    let size = 0
    for (const rows of this.#tables.values()) size += rows.size
    return size
  }

  #rewrite(): void {
    if (this.#path === undefined) return
    const lines: string[] = []
    for (const [table, rows] of this.#tables)
      for (const [id, row] of rows) lines.push(`${JSON.stringify([table, id, row])}\n`)
    writeFileSync(`${this.#path}.new`, lines.join(''), { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
    this.#lines = lines.length
  }
}

export interface Table<Row> {
  get(id: string): Row | undefined
  has(id: string): boolean
  values(): Row[]
  keys(): string[]
  set(id: string, row: Row): void
  delete(id: string): void
}

function* readLines(path: string): Generator<Line> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const lines = text.split('\n')
  // What stands after the last newline was being written when the process died.
  lines.pop()
  for (const line of lines) yield JSON.parse(line) as Line
}
