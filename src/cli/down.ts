/** `stratolith down`: ends the control plane, the guests and everything that the cloud made on this host. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Config } from '../config.ts'
import { removeFromHost } from '../drivers.ts'
import { findRunning, openState } from '../state.ts'
import { dim, say, timed } from './terminal.ts'

export async function down(config: Config, { purge }: { purge: boolean }): Promise<number> {
  if (!existsSync(config.state)) {
    say(`There is nothing at ${config.state}.`)
    return 0
  }
  const running = findRunning(config.state)
  const { cloudId } = openState(config.state)
  if (running !== undefined) {
    await timed(`control plane, process ${running.pid}`, () => stopProcess(running.pid))
  }
  if (!config.emulator) {
    await timed('guests, networks and exports of this host', () =>
      removeFromHost(config, cloudId, pino({ level: 'silent' })),
    )
  }
  if (purge) {
    await timed(`data at ${config.state}`, () => rm(config.state, { recursive: true, force: true }))
  } else {
    say(dim(`  Data stays at ${config.state}; \`npm run up\` brings the cloud back, \`down --purge\` removes it.`))
  }
  return 0
}

/** Asks it to end, and waits: the database is closed properly. */
async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM')
  for (let waited = 0; waited < 30_000; waited += 50) {
    if (!existsSync(`/proc/${pid}`)) return
    await sleep(50)
  }
  throw new Error(`process ${pid} does not end; \`kill -9 ${pid}\` and run down again`)
}
