/**
 * Work that several ask for at once and that is done once. It is called off only when nobody waits for it any more.
 */
export interface Joined {
  run<T>(key: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

export function openJoined(): Joined {
  const underWay = new Map<string, { result: Promise<unknown>; calledOff: AbortController; waiting: number }>()
  return {
    async run<T>(key: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
      signal?.throwIfAborted()
      let entry = underWay.get(key)
      if (entry === undefined) {
        const calledOff = new AbortController()
        const result = work(calledOff.signal).finally(() => {
          if (underWay.get(key)?.calledOff === calledOff) underWay.delete(key)
        })
        entry = { result, calledOff, waiting: 0 }
        underWay.set(key, entry)
      }
      const joined = entry
      joined.waiting++
      const leave = Promise.withResolvers<never>()
      const left = () => leave.reject(signal!.reason)
      signal?.addEventListener('abort', left, { once: true })
      try {
        return (await Promise.race([joined.result, leave.promise])) as T
      } finally {
        signal?.removeEventListener('abort', left)
        if (--joined.waiting === 0) {
          // Whoever asks from now on begins anew, rather than join what is being called off.
          if (underWay.get(key) === joined) underWay.delete(key)
          joined.calledOff.abort(signal?.reason)
          joined.result.catch(() => {}) // Nobody is left to be told.
        }
      }
    },
  }
}
