/**
 * Lets many plug at once but nobody while a host is put in order as a whole: what must be is read from the tables and
 * then made so, and a port that was plugged in between would be taken for a leftover.
 */
export class Gate {
  #inside = 0
  #closed = false
  readonly #waiting: { readonly alone: boolean; readonly enter: () => void }[] = []

  /** Together with others. */
  async shared<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed || this.#waiting.length > 0) await this.#wait(false)
    else this.#inside++
    try {
      return await work()
    } finally {
      this.#inside--
      this.#next()
    }
  }

  /** Alone: once all that are inside have left, and before those that came later. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed || this.#inside > 0 || this.#waiting.length > 0) await this.#wait(true)
    else this.#closed = true
    try {
      return await work()
    } finally {
      this.#closed = false
      this.#next()
    }
  }

  #wait(alone: boolean): Promise<void> {
    return new Promise((enter) => this.#waiting.push({ alone, enter }))
  }

  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#closed || (first.alone && this.#inside > 0)) return
      this.#waiting.shift()
      if (first.alone) this.#closed = true
      else this.#inside++
      first.enter()
    }
  }
}
