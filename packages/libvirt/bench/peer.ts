/** The C program beside which ours is measured: compiled on the spot, one connection for as long as it is wanted. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Spent } from './pairs.ts'

/** A line of text when it cannot be compiled here. folder: gets the program. */
export function compilePeer(folder: string): { program: string } | string {
  const program = join(folder, 'peer')
  const source = join(import.meta.dirname, 'peer.c')
  const { status, error, stderr } = spawnSync('gcc', ['-O2', '-pthread', '-o', program, source, '-lvirt'], {
    encoding: 'utf8',
  })
  if (error !== undefined) return `there is no C compiler: ${error.message}`
  if (status !== 0) return /libvirt\/libvirt\.h|-lvirt/.test(stderr) ? 'there is no libvirt-dev' : stderr
  return { program }
}

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #answers: AsyncIterator<string>

  constructor(program: string, uri: string, guest?: string) {
    this.#child = spawn(program, [uri, ...(guest === undefined ? [] : [guest])], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.#child.stdout!)
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  /** See peer.c for the orders. */
  async order(...words: (string | number)[]): Promise<Spent> {
    this.#child.stdin!.write(`${words.join(' ')}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`the C program ended at: ${words.join(' ')}`)
    const [wallS, cpuS] = String(value).split(' ').map(Number) as [number, number]
    return { wallS, cpuS }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines.close()
    this.#child.stdin!.end()
  }
}
