/** Events to any number of readers, each with a queue of its own from the moment it begins to read. */
export class EventFeed<Event> {
  readonly #readers = new Set<{ queue: Event[]; wake: () => void }>()

  publish(event: Event): void {
    for (const reader of this.#readers) {
      reader.queue.push(event)
      reader.wake()
    }
  }

  /** From this call, not from the first `next`, until `signal` aborts. */
  read(signal: AbortSignal): AsyncIterable<Event> {
    const reader = { queue: [] as Event[], wake: () => {} }
    this.#readers.add(reader)
    const leave = () => {
      this.#readers.delete(reader)
      reader.wake()
    }
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    async function* events() {
      try {
        for (;;) {
          const event = reader.queue.shift()
          if (event !== undefined) {
            yield event
            continue
          }
          if (signal.aborted) return
          await new Promise<void>((resolve) => {
            reader.wake = resolve
          })
        }
      } finally {
        signal.removeEventListener('abort', leave)
        leave()
      }
    }
    return events()
  }
}
