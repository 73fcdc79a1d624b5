/** `--crash-at before:STEP` or `after:STEP`: kills this process around one step, for tests of recovery. */
import { probeSagas } from '../durable/saga.ts'

export function crashAt(where: string): void {
  const [, moment, name] = /^(before|after):(.+)$/.exec(where)!
  const die = () => process.kill(process.pid, 'SIGKILL')
  probeSagas({
    around: async (step, run) => {
      const here = step.phase === 'do' && step.name === name
      if (here && moment === 'before') die()
      const result = await run()
      if (here && moment === 'after') die()
      return result
    },
  })
}
