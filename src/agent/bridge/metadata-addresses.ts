/**
 * The addresses that stand for ports towards the metadata listener: a /16 out of 100.64.0.0/10 for a cloud on a host,
 * given to networks in blocks of 64. They are handed out in turn, so that one which was given back is not another
 * guest's while connection tracking may still remember it.
 */
import { DomainError } from '../../domain-error.ts'
import { formatAddress, type IpNetwork, overlaps, parseNetwork } from './ip-address.ts'

const BLOCK = 64
const BLOCKS = 65_536 / BLOCK
const RANGES = 64

/** The n-th /16 of 100.64.0.0/10. */
const rangeOf = (n: number): IpNetwork => parseNetwork(`100.${64 + n}.0.0/16`)

/**
 * A range that nobody on this host uses, looking first where the cloud's id points, so that clouds that start at the
 * same time do not meet. @throws DomainError no-capacity `agent.network.no-metadata-range`
 */
export function freeRange(cloudId: string, taken: readonly IpNetwork[]): IpNetwork {
  const first = Number.parseInt(cloudId, 16) % RANGES
  for (let step = 0; step < RANGES; step++) {
    const range = rangeOf((first + step) % RANGES)
    // A route to everything, or to all of 100.64.0.0/10, says nothing of a part of it.
    if (!taken.some((network) => network.prefix > 10 && overlaps(range, network))) return range
  }
  throw new DomainError(
    'no-capacity',
    'agent.network.no-metadata-range',
    'Every range of 100.64.0.0/10 is in use on this host; none is left for metadata.',
  )
}

/** Numbers within the range; block 0 is the host's. */
export class MetadataAddresses {
  #nextBlock = 1
  readonly #blocks = new Set<number>([0])

  /** Says that a network has this block, as was remembered. */
  keepBlock(block: number): void {
    this.#blocks.add(block)
    this.#nextBlock = (block + 1) % BLOCKS
  }

  freeBlock(block: number): void {
    this.#blocks.delete(block)
  }

  /** @throws DomainError no-capacity `agent.network.no-metadata-address` */
  takeBlock(): number {
    for (let step = 0; step < BLOCKS; step++) {
      const block = (this.#nextBlock + step) % BLOCKS
      if (this.#blocks.has(block)) continue
      this.keepBlock(block)
      return block
    }
    throw new DomainError('no-capacity', 'agent.network.no-metadata-address', 'This host has no metadata address left.')
  }
}

/**
 * The next free number of a network's blocks after the one given last, in turn; undefined when all are taken and the
 * network needs a further block.
 */
export function nextNumber(blocks: readonly number[], last: number, taken: ReadonlySet<number>): number | undefined {
  const numbers = blocks.flatMap((block) => Array.from({ length: BLOCK }, (_, index) => block * BLOCK + index))
  const start = numbers.indexOf(last) + 1
  for (let step = 0; step < numbers.length; step++) {
    const number = numbers[(start + step) % numbers.length]
    if (number !== undefined && !taken.has(number)) return number
  }
  return undefined
}

export const addressIn = (range: IpNetwork, number: number) =>
  formatAddress({ version: 4, value: range.value + BigInt(number) })

export const blockIn = (range: IpNetwork, block: number) =>
  `${addressIn(range, block * BLOCK)}/${32 - Math.log2(BLOCK)}`

export const hostAddressIn = (range: IpNetwork) => addressIn(range, 1)
