/**
 * `stratolith up`: opens the cloud, makes what a first cloud has, shows the first server's boot as it happens, and
 * serves until Ctrl-C. Running it again finds everything as it was.
 */
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { ensureLibvirtd } from '../agent/libvirt/daemon.ts'
import { type Cloud, openCloud } from '../cloud.ts'
import { baseUrl, type Config, SettingError, settings } from '../config.ts'
import { driversFor } from '../drivers.ts'
import { isDomainError } from '../domain-error.ts'
import { type CloudState, findRunning, markRunning, openState, passwordsFile } from '../state.ts'
import { liftAdminQuotas } from './admin-quotas.ts'
import { mergeClouds } from './clouds-yaml.ts'
import { crashAt } from './crash-at.ts'
import { greet } from './hello.ts'
import { choosePublicCidr } from './public-range.ts'
import { bold, clearWaiting, dim, red, say, ticked, timed, waitingFor, yellow } from './terminal.ts'
import { ensureTinyImage } from './tiny-image.ts'

export async function up(config: Config): Promise<number> {
  const began = Date.now()
  const running = findRunning(config.state)
  if (running !== undefined) {
    say(
      `A cloud runs on ${config.state} already: ${running.url}, process ${running.pid}. \`npx stratolith status\` shows it.`,
    )
    return 1
  }
  const state = openState(config.state)
  const log: Logger = pino(
    { level: config.logLevel, base: undefined },
    pino.destination({ dest: join(config.state, 'log/stratolith.log'), mkdir: true, sync: false, mode: 0o600 }),
  )
  if (config.crashAt !== '') crashAt(config.crashAt)
  say(bold(config.emulator ? 'Stratolith, the emulator' : 'Stratolith') + dim(`  ${config.state}`))

  let cloud: Cloud | undefined
  try {
    if (!config.emulator) await timed('libvirtd', ensureLibvirtd)
    cloud = await openUp(config, state, log)
    const first = await firstCloud(cloud, config, state)
    await cloud.start()
    clearWaiting()
    ticked('every API answers', Date.now() - began)
    const unmark = markRunning(config.state, {
      pid: process.pid,
      url: cloud.url,
      startedAt: new Date().toISOString(),
      emulator: config.emulator,
    })
    process.once('exit', unmark)
    if (state.firstRun) await liftAdminQuotas(cloud.url, state)
    await ensureTinyImage(cloud, config, first.adminProjectId)
    tellClouds(config, state, cloud.url)
    if (config.hello) await greet(cloud.url, config, state)
    tellWhatNext(config, cloud.url, state)
    await untilAskedToStop()
    say()
    await timed('stopping; guests go on running', () => cloud!.close())
    unmark()
    return 0
  } catch (error) {
    clearWaiting()
    log.error({ err: error }, 'up failed')
    say(`\n${red('It did not come up:')} ${explained(error, config)}`)
    say(dim(`The log is ${join(config.state, 'log/stratolith.log')}; \`npx stratolith doctor\` checks this host.`))
    await cloud?.close().catch((second: unknown) => log.error({ err: second }, 'closing failed'))
    return 1
  } finally {
    log.flush()
  }
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

function tellClouds(config: Config, state: CloudState, url: string): void {
  if (config.cloudsYaml === '') return
  const entry = (username: string, password: string) => ({
    auth_url: `${url}/identity/v3`,
    username,
    password,
    project_name: username,
    region: config.region,
  })
  const merged = mergeClouds(config.cloudsYaml, {
    [config.cloudName]: entry('admin', state.passwords.admin),
    [`${config.cloudName}-demo`]: entry('demo', state.passwords.demo),
  })
  for (const [name, what] of Object.entries(merged)) {
    if (what === 'added') ticked(`${name} in ${config.cloudsYaml}`, 0)
    if (what === 'taken') {
      say(
        `  ${yellow('!')} ${config.cloudsYaml} has another cloud called ${name}; it was left alone. \`--cloud-name NAME\` adds ours under another name.`,
      )
    }
  }
}

/** One of our commands for this very cloud. */
function commandFor(config: Config, command: string): string {
  const usual = settings.state.fallback({ emulator: config.emulator })
  const where = config.state === usual ? (config.emulator ? ' --emulator' : '') : ` --state ${config.state}`
  return `npx stratolith ${command}${where}`
}

function tellWhatNext(config: Config, url: string, state: CloudState): void {
  const cloud = `--os-cloud ${config.cloudName}`
  say()
  say(`  APIs        ${bold(url)}  ${dim('(identity at /identity/v3)')}`)
  say(`  Passwords   ${passwordsFile(state.dir)}`)
  say(`  Log         ${join(state.dir, 'log/stratolith.log')}`)
  say()
  say('  Try next, in another terminal:')
  say(`    openstack ${cloud}-demo server list`)
  say(`    openstack ${cloud}-demo server create --flavor tiny --image tiny --network public second`)
  say(`    openstack ${cloud}-demo server event list hello`)
  say(`    ${commandFor(config, 'status')}`)
  say()
  say(
    dim(
      `  Ctrl-C stops the control plane and leaves guests running; \`${commandFor(config, 'down')}\` stops everything.`,
    ),
  )
}

async function untilAskedToStop(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}

function explained(error: unknown, config: Config): string {
  const code = (error as { code?: string }).code
  if (code === 'EADDRINUSE') {
    return `something else listens on ${baseUrl(config)}. Choose another place with --listen, such as --listen 127.0.0.1:5001.`
  }
  if (code === 'EACCES' && (error as { syscall?: string }).syscall === 'mkdir') {
    return `${(error as Error).message}. Choose a directory of yours with --state DIR.`
  }
  if (isDomainError(error) || error instanceof SettingError) return error.message
  return error instanceof Error ? error.message : String(error)
}
