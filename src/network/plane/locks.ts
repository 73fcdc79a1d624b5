/** One at a time for each key: who holds a port's key reads what the port should be and makes it so. */
export class Locks {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Waits for all that asked for one of `keys` before, then runs. Keys are asked for at once, so nobody deadlocks. */
  async holding<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.map((key) => this.#last.get(key))
    const mine = Promise.all(before).then(work)
    const settled = mine.then(
      () => {},
      () => {},
    )
    for (const key of keys) this.#last.set(key, settled)
    try {
      return await mine
    } finally {
      for (const key of keys) if (this.#last.get(key) === settled) this.#last.delete(key)
    }
  }
}
