/** `stratolith down`: ends the control plane, the guests and everything that the cloud made on this host. */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { type Config, SettingError } from '../config.ts'
import { endLeftServer, hasEnded } from '../database/embedded.ts'
import { removeFromHost } from '../drivers.ts'
import { findRunning, purgeState, readCloud, readPasswords } from '../state.ts'
import { firstUser } from './client.ts'
import { removeFromClouds } from './clouds-yaml.ts'
import { forgetOnMachine } from './machine.ts'
import { releasePublicCidrs } from './public-range.ts'
import { dim, say, timed, warn } from './terminal.ts'

export async function down(config: Config, { purge }: { purge: boolean }): Promise<number> {
  if (!existsSync(config.state)) {
    say(`There is nothing at ${config.state}.`)
    return 0
  }
  const cloud = readCloud(config.state)
  if (cloud === undefined)
    throw new SettingError(`--state: ${config.state} is no cloud's directory; nothing was touched`)
  const { cloudId, emulator = config.emulator } = cloud
  if (!emulator && process.getuid?.() !== 0)
    throw new SettingError('guests, bridges and rules are removed by root: try sudo')
  const running = findRunning(config.state)
  if (running !== undefined) {
    await timed(`control plane, process ${running.pid}`, () => stopProcess(running.pid))
  }
  // One that was killed leaves its database behind.
  await endLeftServer(`${config.state}/postgres`)
  if (!emulator) {
    await timed('guests, networks and exports of this host', () =>
      removeFromHost(config, cloudId, pino({ level: 'silent' })),
    )
    forgetOnMachine(cloudId)
  }
  if (!purge) {
    say(dim(`  Data stays at ${config.state}; \`npm run up\` brings the cloud back, \`down --purge\` removes it.`))
    return 0
  }
  if (!emulator) releasePublicCidrs(cloudId)
  await takeOutOfClouds(config.state)
  await timed(`data at ${config.state}`, async () => {
    const others = purgeState(config.state).filter((name) => name !== 'lost+found')
    if (others.length > 0) warn(`not the cloud's, and left in ${config.state}: ${others.join(', ')}`)
  })
  return 0
}

/** The data goes in any case; entries that stay are told. */
async function takeOutOfClouds(dir: string): Promise<void> {
  try {
    const passwords = readPasswords(dir)
    const file = removeFromClouds(dir, { admin: firstUser('admin', passwords), demo: firstUser('demo', passwords) })
    if (file !== undefined) say(dim(`  Its entries are taken out of ${file}.`))
  } catch (error) {
    if (!(error instanceof SettingError) && (error as NodeJS.ErrnoException).code === undefined) throw error
    warn(`its entries in clouds.yaml stay: ${(error as Error).message}`)
  }
}

const ENDS_WITHIN_MS = 30_000

/** Asks it to end, and waits: the database is closed properly. */
async function stopProcess(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
  for (let waited = 0; waited < ENDS_WITHIN_MS; waited += 50) {
    if (hasEnded(pid)) return
    await sleep(50)
  }
  throw new SettingError(`process ${pid} does not end; \`kill -9 ${pid}\` and run down again`)
}
