/** What a person does to a command that takes its time. */
import { CommandError } from './command.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Ctrl-C, and whoever asks the program to end, abort the signal for as long as this is not disposed of. The second time
 * ends the program at once, since a daemon may not answer.
 */
export function interruptible(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const ignore = () => {
    for (const name of signals) process.off(name, stop)
  }
  const stop = () => {
    ignore()
    controller.abort(new CommandError('interrupted'))
  }
  for (const name of signals) process.on(name, stop)
  return { signal: controller.signal, [Symbol.dispose]: ignore }
}
