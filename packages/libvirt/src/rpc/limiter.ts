/**
 * Holds back calls so that the daemon keeps reading from us.
 *
 * A daemon runs at most `max_client_requests` (5) calls of one connection; while that many run it does not even read
 * the socket, and the answers to its own pings stay unread until it drops us. So there is one call less than that, and
 * slow calls leave one place more, for the "destroy" that would otherwise wait behind three migrations.
 */
import { Fifo } from './fifo.ts'

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
  readonly #quick = new Fifo<Ticket>()
  readonly #slow = new Fifo<Ticket>()
  /** Tickets that left while they waited and still stand in a queue. */
  #gone = 0

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
    ;(slow ? this.#slow : this.#quick).push(ticket)
    this.#admit()
    return ticket
  }

  /** The call was answered (a call that its caller gave up still runs until then), or never started. */
  leave(ticket: Ticket): void {
    if (ticket.state === 'waiting') this.#gone++
    else if (ticket.state === 'running') {
      this.#running--
      if (ticket.slow) this.#runningSlow--
    }
    ticket.state = 'gone'
    if (this.#gone > 64 && this.#gone * 2 > this.#quick.length + this.#slow.length) {
      for (const queue of [this.#quick, this.#slow]) queue.keep(({ state }) => state !== 'gone')
      this.#gone = 0
    }
    this.#admit()
  }

  #first(queue: Fifo<Ticket>): Ticket | undefined {
    while (queue.first?.state === 'gone') {
      queue.shift()
      this.#gone--
    }
    return queue.first
  }

  #admit(): void {
    while (this.#running < this.#max) {
      const quick = this.#first(this.#quick)
      const slow = this.#runningSlow < this.#maxSlow ? this.#first(this.#slow) : undefined
      const ticket = quick === undefined || (slow !== undefined && slow.order < quick.order) ? slow : quick
      if (ticket === undefined) return
      ;(ticket.slow ? this.#slow : this.#quick).shift()
      ticket.state = 'running'
      this.#running++
      if (ticket.slow) this.#runningSlow++
      ticket.start()
    }
  }
}
