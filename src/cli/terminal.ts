/** What commands say to people: ticked steps with durations, one line of what is being waited for, bars for what is long. */
import { SingleBar } from 'cli-progress'

const tty = process.stdout.isTTY === true && process.env.TERM !== 'dumb'
const colour = tty && process.env.NO_COLOR === undefined

const paint = (code: number) => (text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)

/** `840 ms`, `3.2 s`, `1 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${String(Math.round((ms % 60_000) / 1000)).padStart(2, '0')} s`
}

/** `1 server`, `2 servers`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** What went wrong, and why where that is not in it already. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Many say what is in their cause already; an AbortError has nothing else to say.
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? error.cause : undefined
  return cause === undefined ? error.message : `${error.message} (${cause.message})`
}

/** Columns of the terminal; some that are made by programs say 0. */
const width = () => process.stdout.columns || 80

export function say(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** Something that is not as it should be, though things go on. */
export function warn(text: string): void {
  clearWaiting()
  say(`  ${yellow('!')} ${text}`)
}

/** One finished step on a line of its own. */
export function ticked(what: string, ms: number, failure?: string): void {
  clearWaiting()
  const mark = failure === undefined ? green('✔') : red('✘')
  const room = Math.max(20, Math.min(44, width() - 16))
  say(
    `  ${mark} ${what.padEnd(room)} ${dim(duration(ms).padStart(9))}${failure === undefined ? '' : `  ${red(failure)}`}`,
  )
}

let waitingTimer: NodeJS.Timeout | undefined

/** Shows what is being waited for, with a clock, until something else is said. Silent where no person looks on. */
export function waitingFor(what: string): void {
  clearWaiting()
  if (!tty) return
  const since = Date.now()
  const draw = () => {
    const clock = duration(Date.now() - since)
    // A line that wraps could not be drawn over.
    const shown = what.slice(0, Math.max(0, width() - clock.length - 6))
    process.stdout.write(`\r\x1b[K  ${yellow('…')} ${shown} ${dim(clock)}`)
  }
  waitingTimer = setInterval(draw, 200)
  draw()
}

export function clearWaiting(): void {
  if (waitingTimer === undefined) return
  clearInterval(waitingTimer)
  waitingTimer = undefined
  process.stdout.write('\r\x1b[K')
}

/** Runs `work`, showing what is waited for, then ticks it. */
export async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const since = Date.now()
  waitingFor(what)
  try {
    const result = await work()
    ticked(what, Date.now() - since)
    return result
  } catch (error) {
    ticked(what, Date.now() - since, error instanceof Error ? error.message.split('\n')[0] : String(error))
    throw error
  }
}

/** A bar for a wait of known length; a plain line where no person looks on. */
export function progressBar(what: string, total: number): { set(done: number): void; stop(): void } {
  if (!tty) return { set: () => {}, stop: () => {} }
  const bar = new SingleBar({
    format: `  {bar} {percentage}%  ${what}`,
    barsize: Math.max(5, Math.min(30, width() - what.length - 12)),
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  })
  bar.start(total, 0)
  return { set: (done) => bar.update(Math.min(done, total)), stop: () => bar.stop() }
}
