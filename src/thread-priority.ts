/** For threads whose work can wait: on a machine whose cores are busy, a request still gets its turn at once. */
import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/** As `nice` counts: a tenth of the time of the others, where they want it. */
const STEPS_DOWN = 10
const LOWEST = 19

/** The calling thread lets all others go first, its own process's among them. */
export function letOthersGoFirst(): void {
  // On Linux a thread has a priority of its own, under its own id; elsewhere that id would be another process's.
  if (process.platform !== 'linux') return
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  setPriority(thread, Math.min(getPriority() + STEPS_DOWN, LOWEST))
}
