/** What a person or a script sees: results on stdout, errors and progress on stderr. */
import { getSystemErrorMessage, styleText } from 'node:util'
import { LibvirtError } from '@stratolith/libvirt'
import { CommandError } from './command.ts'
import { prettySize } from './sizes.ts'

/** Between two lines of progress. */
const PROGRESS_MS = 100

export class Terminal {
  readonly #out: NodeJS.WriteStream
  readonly #err: NodeJS.WriteStream
  /** Results only: no table heads, no remarks, no progress. */
  readonly #quiet: boolean

  constructor({ out, err, quiet }: { out: NodeJS.WriteStream; err: NodeJS.WriteStream; quiet: boolean }) {
    this.#out = out
    this.#err = err
    this.#quiet = quiet
  }

  print(text: string): void {
    this.#out.write(text)
  }
  /** What a script has no use for. */
  remark(text: string): void {
    if (!this.#quiet) this.print(text)
  }
  warn(text: string): void {
    this.#err.write(`${styleText('yellow', 'warning:', { stream: this.#err })} ${text}\n`)
  }
  /** What failed and why, a line each. What is nobody's error but ours comes with its stack. */
  error(error: unknown): void {
    const head = styleText('red', 'error:', { stream: this.#err })
    for (let at = error; at !== undefined; at = at instanceof CommandError ? at.cause : undefined) {
      this.#err.write(`${head} ${wordsOf(at)}\n`)
    }
  }

  /** Rows under a head. Control characters show as their codes. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const shown = (this.#quiet ? rows : [head, ...rows]).map((row) => row.map(visible))
    const widths = head.map((_, column) => Math.max(0, ...shown.map((row) => widthOf(row[column] ?? ''))))
    const lines = shown.map((row) => {
      const cells = row.map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)),
      )
      return ` ${cells.join('   ')}\n`
    })
    const rule = `${'-'.repeat(widths.reduce((sum, width) => sum + width + 3, 0))}\n`
    if (!this.#quiet) lines.splice(1, 0, rule)
    this.print(lines.join(''))
  }
  /** A name and a value on each line. */
  fields(fields: readonly (readonly [name: string, value: string | number])[], width = 15): void {
    for (const [name, value] of fields) this.print(`${name.padEnd(width)} ${value}\n`)
  }

  /** Whether anybody sees progress: then it is worth asking how much there is to do. */
  get showsProgress(): boolean {
    return !this.#quiet && this.#err.isTTY === true
  }
  /** A line that is written again and again, and gone at the end. totalBytes: 0 where it is not known. */
  progress(label: string, totalBytes: number): { at(bytes: number): void } & Disposable {
    const begun = performance.now()
    let last = begun
    const shown = this.showsProgress
    const write = (bytes: number) => {
      const speed = prettySize(BigInt(Math.round((bytes / (performance.now() - begun)) * 1000)))
      const part = totalBytes ? `${String(Math.floor((bytes / totalBytes) * 100)).padStart(3)} %  ` : ''
      this.#err.write(`\r${visible(label)}  ${part}${prettySize(BigInt(bytes))}  ${speed}/s\x1b[K`)
    }
    return {
      at: (bytes) => {
        if (!shown || performance.now() - last < PROGRESS_MS) return
        last = performance.now()
        write(bytes)
      },
      [Symbol.dispose]: () => {
        if (shown && last !== begun) this.#err.write('\r\x1b[K')
      },
    }
  }
  /** Percents on stderr, for whoever asked for them. */
  percent(label: string, percent: number): void {
    this.#err.write(`\r${label}: [${String(percent).padStart(3)} %]`)
  }
  endPercent(): void {
    this.#err.write('\n')
  }
}

export const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

function wordsOf(error: unknown): string {
  if (error instanceof CommandError || error instanceof LibvirtError) return error.message
  // Node's own message tells of system calls.
  const { errno } = error as NodeJS.ErrnoException
  if (typeof errno === 'number') return getSystemErrorMessage(errno)
  return String((error as Error)?.stack ?? error)
}

function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) =>
    [...Buffer.from(control)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  )
}
const wide = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}]/u
/** In columns of a terminal. */
function widthOf(text: string): number {
  return [...text].reduce((sum, point) => sum + (/\p{M}/u.test(point) ? 0 : wide.test(point) ? 2 : 1), 0)
}
