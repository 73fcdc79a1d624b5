/** A program whose standard input and output are the way to the daemon. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { connectionError } from '../errors.ts'

/** What a program says on its standard error that fits into a message. */
const LAST_WORDS_CHARS = 2000
/** From the end of a program's output until it counts as ended, for its status and its last words. */
const LAST_WORDS_MS = 500
/** From asking a program to end until it is made to. */
const KILL_AFTER_MS = 2000

/** Runs the program without a shell. It ends with the stream. */
export function runProgram(command: string, args: readonly string[], signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const child = spawn(command, args, { stdio: 'pipe' })
    const stream = new ProgramStream(child, command)
    child.once('spawn', () => resolve(stream))
    child.once('error', (error) => {
      stream.destroy()
      reject(connectionError(`cannot run ${command}: ${error.message}`, error))
    })
  })
}

class ProgramStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #command: string
  #lastWords = ''
  #spoke = false
  #ending: NodeJS.Timeout | undefined

  constructor(child: ChildProcessWithoutNullStreams, command: string) {
    super()
    this.#child = child
    this.#command = command
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARS)
    })
    child.stdout.on('data', (chunk: Buffer) => {
      this.#spoke = true
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stdout.once('end', () => this.#expectEnd())
    // Its reader has gone; why, the program tells.
    child.stdin.on('error', () => this.#expectEnd())
    child.stdout.on('error', (error) => this.destroy(error))
    child.stderr.on('error', (error) => this.destroy(error))
    child.once('close', () => this.#end())
  }

  /** Its output ends a little before it does, or long before where something it started keeps its standard error. */
  #expectEnd(): void {
    this.#ending ??= setTimeout(() => this.#end(), LAST_WORDS_MS)
  }

  #end(): void {
    clearTimeout(this.#ending)
    if (this.destroyed) return
    const { exitCode, signalCode, stdout } = this.#child
    if (exitCode === 0 && this.#spoke && stdout.readableEnded) {
      this.push(null)
      return
    }
    const how =
      signalCode !== null ? `was ended by ${signalCode}` : exitCode !== null ? `ended with ${exitCode}` : 'fell silent'
    const words = this.#lastWords.trim()
    this.destroy(connectionError(`${this.#command} ${how}${words === '' ? '' : `: ${words}`}`))
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // Without an answer when it fails: the end of the program is the error.
    this.#child.stdin.write(chunk, (error) => {
      if (error == null) callback()
    })
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#child.stdin.end(callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#ending)
    const child = this.#child
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy()
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill()
      const last = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
      last.unref()
      child.once('exit', () => clearTimeout(last))
      child.unref()
    }
    callback(error)
  }
}
