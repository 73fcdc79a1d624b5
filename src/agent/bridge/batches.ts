/** Waiting in company: work that arrives while other work is under way is done together, and readers wait for writers. */

/**
 * Items that come while a batch runs are the next batch; those that come in the same turn of the event loop are one.
 * `run` answers which items failed, by their place; when it throws, all of them did.
 */
export class Batches<Item> {
  readonly #run: (items: readonly Item[]) => Promise<ReadonlyMap<number, unknown>>
  #waiting: { item: Item; resolve: () => void; reject: (error: unknown) => void }[] = []
  #running = false

  constructor(run: (items: readonly Item[]) => Promise<ReadonlyMap<number, unknown>>) {
    this.#run = run
  }

  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#running) return
      this.#running = true
      setImmediate(() => void this.#work())
    })
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        const failed = await this.#run(batch.map(({ item }) => item))
        for (const [index, { resolve, reject }] of batch.entries())
          if (failed.has(index)) reject(failed.get(index))
          else resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = false
  }
}

export const NONE_FAILED: ReadonlyMap<number, unknown> = new Map()

/** One at a time for each key, in the order of asking. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  async hold<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const mine = (async () => {
      await before?.catch(() => {})
      return work()
    })()
    this.#tails.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key)
    }
  }
}

/** Many may share it, or one may have it alone; who wants it alone is not overtaken. */
export class Gate {
  #sharers = 0
  /** Until the last who asked to be alone has left. */
  #alone: Promise<void> | undefined
  #lastLeft = () => {}

  async share<T>(work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone
    this.#sharers++
    try {
      return await work()
    } finally {
      this.#sharers--
      if (this.#sharers === 0) this.#lastLeft()
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#alone
    let leave = () => {}
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    this.#alone = mine
    try {
      await before
      if (this.#sharers > 0)
        await new Promise<void>((resolve) => {
          this.#lastLeft = resolve
        })
      return await work()
    } finally {
      if (this.#alone === mine) this.#alone = undefined
      leave()
    }
  }
}
