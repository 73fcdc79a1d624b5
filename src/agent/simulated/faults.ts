/**
 * Trouble on request: tests make a simulated driver's calls slow or failing, by name. A call that fails `afterwards` has
 * done its deed and reports an error nevertheless, as happens when a connection breaks before the answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Failing {
  /** How many calls fail; 1 if absent. */
  readonly times?: number
  readonly afterwards?: boolean
}

export class Faults<Call extends string> {
  readonly #failing = new Map<Call, { error: Error; times: number; afterwards: boolean }[]>()
  readonly #delays = new Map<Call | '*', number>()

  failNext(call: Call, error: Error, { times = 1, afterwards = false }: Failing = {}): void {
    const queue = this.#failing.get(call) ?? []
    queue.push({ error, times, afterwards })
    this.#failing.set(call, queue)
  }

  /** Every call of this name takes so long from now on; `*` is every call without a delay of its own. 0 takes it back. */
  delay(call: Call | '*', ms: number): void {
    if (ms === 0) this.#delays.delete(call)
    else this.#delays.set(call, ms)
  }

  /** The driver with its asynchronous calls under these faults; `untouched` ones answer at once and stay as they are. */
  over<Driver extends object>(prefix: string, driver: Driver, untouched: readonly (keyof Driver)[] = []): Driver {
    const guarded: Record<PropertyKey, unknown> = {}
    for (const [name, member] of Object.entries(driver)) {
      guarded[name] =
        typeof member !== 'function' || untouched.includes(name as keyof Driver)
          ? member
          : async (...args: unknown[]) => this.#run(`${prefix}.${name}` as Call, () => member(...args))
    }
    return guarded as Driver
  }

  async #run<T>(call: Call, deed: () => T | Promise<T>): Promise<T> {
    const ms = this.#delays.get(call) ?? this.#delays.get('*')
    if (ms !== undefined) await sleep(ms)
    const failure = this.#take(call)
    if (failure !== undefined && !failure.afterwards) throw failure.error
    const answer = await deed()
    if (failure !== undefined) throw failure.error
    return answer
  }

  #take(call: Call): { error: Error; afterwards: boolean } | undefined {
    const queue = this.#failing.get(call)
    const next = queue?.[0]
    if (queue === undefined || next === undefined) return undefined
    next.times--
    if (next.times === 0) queue.shift()
    return next
  }
}
