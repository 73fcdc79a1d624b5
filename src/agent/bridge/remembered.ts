/**
 * What the plane was last told, as files named after resource ids: written before the deed, removed after it. With them
 * it can rebuild a host after a reboot, before anybody tells it again, and keeps the numbers that running guests have.
 *
 *     plane.json                    the cloud's metadata range
 *     networks/<id>/network.json    beside its dnsmasq's folders
 *     ports/<id>.json
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { NetworkSpec, PortSpec } from '../contract.ts'
import { checkedId } from './names.ts'

export interface NetworkRow {
  readonly spec: NetworkSpec
  /** Of connection tracking. */
  readonly zone: number
  /** Of metadata addresses, and the number given last. */
  readonly blocks: readonly number[]
  readonly last: number
}

export interface PortRow {
  readonly spec: PortSpec
  /** The mark of its frames. */
  readonly number: number
  /** Its number in the metadata range. */
  readonly metadata?: number
}

export class Remembered {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  networkDir = (id: string) => join(this.#dir, 'networks', checkedId(id))

  networks(): NetworkRow[] {
    return list(join(this.#dir, 'networks')).flatMap((id) => {
      const row = read<NetworkRow>(join(this.#dir, 'networks', id, 'network.json'))
      return row === undefined ? [] : [row]
    })
  }

  /** Also those of which only the folder is left. */
  networkIds(): string[] {
    return list(join(this.#dir, 'networks'))
  }

  ports(): PortRow[] {
    return list(join(this.#dir, 'ports')).flatMap((file) => {
      const row = file.endsWith('.json') ? read<PortRow>(join(this.#dir, 'ports', file)) : undefined
      return row === undefined ? [] : [row]
    })
  }

  keepNetwork(row: NetworkRow): void {
    write(join(this.networkDir(row.spec.id), 'network.json'), row)
  }

  /** dnsmasq, which is no root, gets through to its folders; what else lies beside them is closed. */
  letThrough(): void {
    chmodSync(this.#dir, 0o711)
    for (const id of ['', ...this.networkIds()]) {
      const folder = join(this.#dir, 'networks', id)
      if (existsSync(folder)) chmodSync(folder, 0o711)
    }
  }

  keepPort(row: PortRow): void {
    write(join(this.#dir, 'ports', `${checkedId(row.spec.id)}.json`), row)
  }

  forgetNetwork(id: string): void {
    rmSync(this.networkDir(id), { recursive: true, force: true })
  }

  forgetPort(id: string): void {
    rmSync(join(this.#dir, 'ports', `${checkedId(id)}.json`), { force: true })
  }

  /** The CIDR. */
  metadataRange(): string | undefined {
    return read<{ metadataRange: string }>(join(this.#dir, 'plane.json'))?.metadataRange
  }

  keepMetadataRange(metadataRange: string): void {
    write(join(this.#dir, 'plane.json'), { metadataRange })
  }

  forgetEverything(): void {
    for (const name of ['networks', 'ports', 'plane.json'])
      rmSync(join(this.#dir, name), { recursive: true, force: true })
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function read<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    // A power cut may leave a file empty; the gardener tells its content again.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function write(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
  writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
