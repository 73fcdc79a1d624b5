/** What a person does to a command that takes its time. */
import { CommandError } from './command.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ctrl-C, and whoever asks the program to end, abort the signal for as long as this is not disposed of. */
export function interruptible(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const stop = () => controller.abort(new CommandError('interrupted'))
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}
