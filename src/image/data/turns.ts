/**
 * Takes turns at something of which only a few may go on at once. File work runs on Node's few pool threads, which
 * password hashing shares: many uploads that flush at once must not take them all.
 */
export interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>
}

export function openTurns(atOnce: number): Turns {
  let free = atOnce
  const queue: (() => void)[] = []
  return {
    async take(work) {
      if (free > 0) free--
      else await new Promise<void>((resolve) => queue.push(resolve))
      try {
        return await work()
      } finally {
        const next = queue.shift()
        if (next === undefined) free++
        else next()
      }
    },
  }
}
