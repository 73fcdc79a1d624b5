/** First in, first out, at a constant cost however many wait: an array's own `shift` moves all that remain. */
export class Fifo<T extends object> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }
  push(item: T): void {
    this.#items.push(item)
  }
  /** The next one, which stays. */
  get first(): T | undefined {
    return this.#items[this.#head]
  }
  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.clear()
    else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
  /** Only those that are still wanted. */
  keep(wanted: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => item !== undefined && wanted(item))
    this.#head = 0
  }
  clear(): void {
    this.#items = []
    this.#head = 0
  }
}
