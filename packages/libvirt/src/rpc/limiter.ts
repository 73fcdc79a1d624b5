/**
 * Holds back calls so that the daemon keeps reading from us.
 *
 * A daemon runs at most `max_client_requests` (5) calls of one connection; while that many run it does not even read
 * the socket, and the answers to its own pings stay unread until it drops us. So there is one call less than that, and
 * slow calls leave one place more, for the "destroy" that would otherwise wait behind three migrations.
 */
export interface Ticket {
  slow: boolean
  order: number
  start: () => void
  state: 'waiting' | 'running' | 'gone'
}

export class Limiter {
  readonly #max: number
  readonly #maxSlow: number
  #running = 0
  #runningSlow = 0
  #orders = 0
  // In order of arrival; taking one out of the middle costs nothing either.
  readonly #quick = new Set<Ticket>()
  readonly #slow = new Set<Ticket>()

  constructor(max: number, maxSlow: number) {
    this.#max = max
    this.#maxSlow = Math.min(maxSlow, max)
  }

  get running(): number {
    return this.#running
  }
  get saturated(): boolean {
    return this.#running >= this.#max
  }

  /** Calls `start` at once, or when there is room, in order of arrival. */
  enter(slow: boolean, start: () => void): Ticket {
    const ticket: Ticket = { slow, order: this.#orders++, start, state: 'waiting' }
    ;(slow ? this.#slow : this.#quick).add(ticket)
    this.#admit()
    return ticket
  }

  /** The call was answered (a call that its caller gave up still runs until then), or never started. */
  leave(ticket: Ticket): void {
    if (ticket.state === 'waiting') {
      ;(ticket.slow ? this.#slow : this.#quick).delete(ticket)
    } else if (ticket.state === 'running') {
      this.#running--
      if (ticket.slow) this.#runningSlow--
    }
    ticket.state = 'gone'
    this.#admit()
  }

  #admit(): void {
    while (this.#running < this.#max) {
      const quick = first(this.#quick)
      const slow = this.#runningSlow < this.#maxSlow ? first(this.#slow) : undefined
      const ticket = quick === undefined || (slow !== undefined && slow.order < quick.order) ? slow : quick
      if (ticket === undefined) return
      ;(ticket.slow ? this.#slow : this.#quick).delete(ticket)
      ticket.state = 'running'
      this.#running++
      if (ticket.slow) this.#runningSlow++
      ticket.start()
    }
  }
}

function first(queue: ReadonlySet<Ticket>): Ticket | undefined {
  for (const ticket of queue) return ticket
  return undefined
}
