/**
 * `stratolith routes`: what may be asked and who may ask, from the routes themselves. Opens a throw-away emulator for
 * it, because only a mounted route is a true one.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openCloud } from '../cloud.ts'
import { loadConfig } from '../config.ts'
import { driversFor } from '../drivers.ts'
import { type ListedRoute, routeList } from '../http/route-list.ts'
import { say } from './terminal.ts'

export async function routes({ json }: { json: boolean }): Promise<number> {
  const list = await mountedRoutes()
  if (json) say(JSON.stringify(list, null, 1))
  else for (const route of list) say(line(route))
  return 0
}

/** Every route of every service, as mounted. */
export async function mountedRoutes(): Promise<readonly ListedRoute[]> {
  const state = await mkdtemp(join(tmpdir(), 'stratolith-routes-'))
  await chmod(state, 0o711)
  const config = loadConfig({ emulator: true, state }, {})
  const log = pino({ level: 'silent' })
  try {
    const cloud = await openCloud({ config, log, openDrivers: driversFor(config, '00000000', log) })
    await cloud.app.ready()
    await cloud.close()
  } finally {
    await rm(state, { recursive: true, force: true })
  }
  return routeList()
}

function line({ service, method, path, action, minMicroversion, maxMicroversion, policy, rule }: ListedRoute): string {
  const what = `${service.padEnd(10)} ${method.padEnd(6)} ${path}${action === undefined ? '' : ` ${action}`}`
  const versions = minMicroversion || maxMicroversion ? ` [${minMicroversion ?? ''}–${maxMicroversion ?? ''}]` : ''
  return `${what}${versions}  ${policy ?? 'NO POLICY'} (${rule ?? 'none'})`
}
