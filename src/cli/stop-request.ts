/** Ctrl-C and its kin, from the start on: whatever `up` is doing then ends in order. */
import { say } from './terminal.ts'

const AGAIN_AFTER_MS = 1_000

/**
 * Aborts when somebody asks the process to end. Asked again a second later, it ends at once: the next start puts right
 * what is left. (Sooner is the same wish: a terminal's Ctrl-C may come by way of npm as well.)
 */
export function stopRequest(): AbortSignal {
  const controller = new AbortController()
  let askedAt: number | undefined
  // A terminal that is closed sends SIGHUP.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (askedAt !== undefined && Date.now() - askedAt > AGAIN_AFTER_MS) {
        say('\nIt ends at once.')
        process.exit(1)
      }
      askedAt ??= Date.now()
      controller.abort()
    })
  }
  return controller.signal
}
