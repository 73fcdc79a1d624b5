/** For threads whose work can wait: on a machine whose cores are busy, a request still gets its turn at once. */
import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

const LOWEST = 19

/**
 * The calling thread lets others go first, its own process's among them.
 * @param steps as `nice` counts: where the others want all the time there is, five leave a third of theirs, ten a tenth
 */
export function letOthersGoFirst(steps: number): void {
  // On Linux a thread has a priority of its own, under its own id; elsewhere that id would be another process's.
  if (process.platform !== 'linux') return
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  setPriority(thread, Math.min(getPriority() + steps, LOWEST))
}
