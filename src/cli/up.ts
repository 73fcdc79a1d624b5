/**
 * `stratolith up`: opens the cloud, makes what a first cloud has, shows the first server's boot as it happens, and
 * serves until Ctrl-C. Running it again finds everything as it was.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { ensureLibvirtd } from '../agent/libvirt/daemon.ts'
import { type Cloud, openCloud } from '../cloud.ts'
import { baseUrl, type Config, SettingError, settings } from '../config.ts'
import { expectDatabase } from '../database/database.ts'
import { driversFor } from '../drivers.ts'
import { isDomainError } from '../domain-error.ts'
import { type CloudState, findRunning, type Mark, markRunning, openState, passwordsFile, type Place } from '../state.ts'
import { liftAdminQuotas } from './admin-quotas.ts'
import { firstUser } from './client.ts'
import { mergeClouds } from './clouds-yaml.ts'
import { crashAt } from './crash-at.ts'
import { greet } from './hello.ts'
import { listenProblem } from './listen-problem.ts'
import { rememberOnMachine } from './machine.ts'
import { choosePublicCidr } from './public-range.ts'
import { stopRequest } from './stop-request.ts'
import { bold, clearWaiting, dim, green, messageOf, red, say, ticked, timed, waitingFor, warn } from './terminal.ts'
import { ensureTinyImage } from './tiny-image.ts'

export async function up(config: Config): Promise<number> {
  const began = Date.now()
  const stop = stopRequest()
  const running = findRunning(config.state)
  if (running !== undefined) return refuseSecond(config, running)
  const problem = await listenProblem(config.listen)
  if (problem !== undefined) throw new SettingError(`${problem.found}; ${problem.remedy}`)
  const state = openState(config.state, config)
  const mark = markRunning(config.state, { url: baseUrl(config), place: placeOf(config), emulator: config.emulator })
  if (mark === undefined) return refuseSecond(config, findRunning(config.state))
  process.once('exit', mark.remove)
  const log: Logger = pino(
    { level: config.logLevel, base: undefined },
    pino.destination({ dest: join(config.state, 'log/stratolith.log'), mkdir: true, sync: false, mode: 0o600 }),
  )
  if (config.crashAt !== '') crashAt(config.crashAt)
  say(bold(config.emulator ? 'Stratolith, the emulator' : 'Stratolith') + dim(`  ${config.state}`))

  let cloud: Cloud | undefined
  try {
    if (!config.emulator) {
      rememberOnMachine(state)
      await timed('libvirtd', ensureLibvirtd)
    }
    if (config.databaseUrl !== '') await timed('your database', () => expectDatabase(config.databaseUrl))
    stop.throwIfAborted()
    cloud = await openUp(config, state, log)
    stop.throwIfAborted()
    await firstCloudAnswers(cloud, config, state, mark, began, stop)
    await untilAborted(stop)
  } catch (error) {
    clearWaiting()
    if (!stop.aborted) {
      log.error({ err: error }, 'up failed')
      say(`\n${red('It did not come up:')} ${explained(error, config)}`)
      say(
        dim(
          `The log is ${join(config.state, 'log/stratolith.log')}; \`${commandFor(config, 'doctor')}\` checks this host.`,
        ),
      )
      await cloud?.close().catch((second: unknown) => log.error({ err: second }, 'closing failed'))
      mark.remove()
      log.flush()
      return 1
    }
    // What was under way when it was asked to stop fails for that reason: the log may keep it.
    log.info({ err: error }, 'asked to stop while coming up')
  }
  say()
  const opened = cloud
  if (opened !== undefined) await timed('stopping; guests go on running', () => opened.close())
  mark.remove()
  log.flush()
  return 0
}

function placeOf({ listen, tlsCert }: Config): Place {
  return { ...listen, ...(tlsCert !== '' && { tlsCert }) }
}

function refuseSecond(config: Config, running: ReturnType<typeof findRunning>): number {
  const which = running === undefined ? '' : `: ${running.url}, process ${running.pid}`
  say(`A cloud runs on ${config.state} already${which}. \`${commandFor(config, 'status')}\` shows it.`)
  return 1
}

/** Opens the cloud, ticking each stage. */
async function openUp(config: Config, state: CloudState, log: Logger): Promise<Cloud> {
  let stage: { name: string; since: number } | undefined
  const onStage = (name: string) => {
    if (stage !== undefined) ticked(stage.name, Date.now() - stage.since)
    stage = { name, since: Date.now() }
    waitingFor(name)
  }
  return await openCloud({ config, log, openDrivers: driversFor(config, state.cloudId, log), onStage })
}

/** From an open cloud to one that answers, with all that a first one has, and tells what to do with it. */
async function firstCloudAnswers(
  cloud: Cloud,
  config: Config,
  state: CloudState,
  mark: Mark,
  began: number,
  stop: AbortSignal,
): Promise<void> {
  const first = await firstCloud(cloud, config, state)
  await cloud.start()
  clearWaiting()
  ticked('every API answers', Date.now() - began)
  mark.answers()
  stop.throwIfAborted()
  await liftAdminQuotas(placeOf(config), state)
  const cloudName = tellClouds(config, state, cloud.url)
  await firstServer(cloud, config, state, first.adminProjectId, stop)
  tellWhatNext(config, cloud.url, state, cloudName)
}

/** Domain, projects, users, catalog, flavors, networks: what is missing of them. */
async function firstCloud(cloud: Cloud, config: Config, state: CloudState) {
  const url = cloud.url
  const who = await cloud.identity.bootstrap({
    adminPassword: state.passwords.admin,
    demoPassword: state.passwords.demo,
    endpoints: {
      identity: { name: 'keystone', url: `${url}/identity/v3` },
      compute: { name: 'nova', url: `${url}/compute/v2.1` },
      placement: { name: 'placement', url: `${url}/placement` },
      image: { name: 'glance', url: `${url}/image` },
      network: { name: 'neutron', url: `${url}/network` },
      volumev3: { name: 'cinderv3', url: `${url}/volume/v3/$(project_id)s` },
      'block-storage': { name: 'cinder', url: `${url}/volume/v3/$(project_id)s` },
    },
  })
  await cloud.compute.bootstrap()
  await cloud.network.bootstrap({
    publicCidr: () => config.publicCidr || choosePublicCidr(config.emulator ? undefined : state),
    privateCidr: config.privateCidr,
    adminProjectId: who.adminProjectId,
    demoProjectId: who.demoProjectId,
  })
  return who
}

/** The cloud is of use without them, so where they cannot be had it says why and serves. */
async function firstServer(
  cloud: Cloud,
  config: Config,
  state: CloudState,
  adminProjectId: string,
  stop: AbortSignal,
): Promise<void> {
  try {
    await ensureTinyImage(cloud, config, adminProjectId, stop)
  } catch (error) {
    stop.throwIfAborted()
    warn(`${messageOf(error)}. The next \`npm run up\` tries again`)
    return
  }
  if (!config.hello) return
  try {
    await greet(placeOf(config), config, state, stop)
  } catch (error) {
    stop.throwIfAborted()
    warn(`the first server did not come up: ${messageOf(error)}`)
  }
}

/** The name of our entry in clouds.yaml; undefined where there is none. */
function tellClouds(config: Config, state: CloudState, url: string): string | undefined {
  const { cloudsYaml: file, cloudName, region } = config
  if (file === '') return undefined
  const ours = {
    authUrl: `${url}/identity/v3`,
    region,
    ...(isSelfSigned(config.tlsCert) && { cacert: config.tlsCert }),
    admin: firstUser('admin', state.passwords),
    demo: firstUser('demo', state.passwords),
  }
  try {
    const { name, what } = mergeClouds(file, cloudName, ours, state.dir)
    if (what === 'added' && name !== cloudName) warn(`${file} has another cloud called ${cloudName}; it was left alone`)
    if (what === 'added') say(`  ${green('✔')} ${name} and ${name}-demo are in ${file}`)
    if (what === 'moved') say(`  ${green('✔')} ${name} and ${name}-demo in ${file} have the new address`)
    return name
  } catch (error) {
    if (!(error instanceof SettingError) && (error as NodeJS.ErrnoException).code === undefined) throw error
    warn(`clients are not told of this cloud: ${messageOf(error)}`)
    return undefined
  }
}

function isSelfSigned(tlsCert: string): boolean {
  if (tlsCert === '') return false
  const certificate = new X509Certificate(readFileSync(tlsCert))
  return certificate.checkIssued(certificate)
}

/** One of our commands for this very cloud. */
function commandFor(config: Config, command: string): string {
  const usual = settings.state.fallback({ emulator: config.emulator })
  const where = config.state === usual ? (config.emulator ? ' --emulator' : '') : ` --state ${quoted(config.state)}`
  return `npx stratolith ${command}${where}`
}

/** As a shell wants it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

function tellWhatNext(config: Config, url: string, state: CloudState, cloudName: string | undefined): void {
  const account = `--os-auth-url ${url}/identity/v3 --os-username demo --os-project-name demo --os-user-domain-id default --os-project-domain-id default`
  const openstack = `openstack ${cloudName === undefined ? account : `--os-cloud ${cloudName}-demo`}`
  say()
  say(`  APIs        ${bold(url)}  ${dim('(identity at /identity/v3)')}`)
  say(`  Passwords   ${passwordsFile(state.dir)}`)
  say(`  Log         ${join(state.dir, 'log/stratolith.log')}`)
  say()
  say('  Try next, in another terminal:')
  say(`    ${openstack} server list`)
  if (cloudName !== undefined) {
    say(`    ${openstack} server create --flavor tiny --image tiny --network public second`)
    say(`    ${openstack} console log show second`)
  }
  say(`    ${commandFor(config, 'status')}`)
  say()
  say(
    dim(
      `  Ctrl-C stops the control plane and leaves guests running; \`${commandFor(config, 'down')}\` stops everything.`,
    ),
  )
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function explained(error: unknown, config: Config): string {
  const { code, address, port } = error as { code?: string; address?: string; port?: number }
  if (code === 'EADDRINUSE') {
    const where = port === undefined ? baseUrl(config) : `${address}:${port}`
    return `something else listens on ${where}. Choose another place with --listen, such as --listen 127.0.0.1:5001.`
  }
  if (code === 'ENOSPC') return `no space is left on the disk of ${config.state}.`
  if (isDomainError(error) || error instanceof SettingError) return error.message
  return messageOf(error)
}
