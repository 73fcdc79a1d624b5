/**
 * Every setting: name, type, default, meaning. A flag beats the environment (`STRATOLITH_*`), which beats the file
 * (`--config FILE`, or `stratolith.yaml` in the state directory), which beats the default. `--help` is made from this
 * table.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism, homedir, hostname, userInfo } from 'node:os'
import { isAbsolute, join, normalize, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import ipaddr from 'ipaddr.js'
import { parse } from 'yaml'

/** A mistake in a setting: shown without a stack, with exit status 2. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}

interface Setting<T> {
  /** As commander writes it: `--state <dir>`; absent argument means a switch. */
  readonly flag: string
  readonly meaning: string
  /** How `--help` shows the default, where the value alone says too little. */
  readonly shownDefault?: string
  readonly fallback: (soFar: { emulator: boolean }) => T
  readonly read: (text: string) => T
}

const text = (value: string) => value
const path = (value: string) => {
  if (value === '') throw new SettingError('an empty path')
  return isAbsolute(value) ? normalize(value) : resolve(value)
}
const flag = (value: string) => {
  if (['1', 'true', 'yes', 'on', ''].includes(value.toLowerCase())) return true
  if (['0', 'false', 'no', 'off'].includes(value.toLowerCase())) return false
  throw new SettingError(`${value} is neither true nor false`)
}
const oneOf =
  <const T extends readonly string[]>(...allowed: T) =>
  (value: string): T[number] => {
    if (allowed.includes(value)) return value
    throw new SettingError(`${value} is none of ${allowed.join(', ')}`)
  }
const wholeNumber = (least: number, most: number) => (value: string) => {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new SettingError(`${value} is not a whole number from ${least} to ${most}`)
}
const ipv4Cidr = (value: string) => {
  if (ipaddr.IPv4.isValidCIDR(value)) return value
  throw new SettingError(`${value} is not an IPv4 network such as 172.24.4.0/24`)
}

const hostPort = (value: string) => {
  const found = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(value)
  if (found === null || Number(found[2]) > 65535) throw new SettingError(`${value} is not HOST:PORT`)
  return { host: found[1]!.replace(/^\[|\]$/g, ''), port: Number(found[2]) }
}

/** `one,two`; nothing for nothing. */
const listOf =
  <T>(read: (part: string) => T) =>
  (value: string): readonly T[] =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(read)
const cidr = (value: string) => {
  if (ipaddr.isValidCIDR(value)) return value
  throw new SettingError(`${value} is not a network such as 10.1.0.0/16 or fd00::/8`)
}
const lowerCase = (value: string) => value.toLowerCase()
const imageStore = (value: string) => {
  const found = /^([A-Za-z0-9_-]{1,64})=(\/.*)$/.exec(value)
  if (found === null) throw new SettingError(`${value} is not NAME=/DIR`)
  const [, id, dir] = found as unknown as [string, string, string]
  // Upstream keeps such names to itself.
  if (id === 'file' || id.startsWith('os_glance_')) throw new SettingError(`a store cannot be named ${id}`)
  return { id, dir }
}

function setting<T>(declared: Setting<T>): Setting<T> {
  return declared
}

/** Also where $HOME is empty. */
function home(): string {
  return homedir() || userInfo().homedir
}

function defaultState(emulator: boolean): string {
  if (process.getuid?.() === 0) return emulator ? '/var/lib/stratolith-emulator' : '/var/lib/stratolith'
  const base = process.env.XDG_STATE_HOME || join(home(), '.local/state')
  return join(base, emulator ? 'stratolith-emulator' : 'stratolith')
}

export const settings = {
  emulator: setting<boolean>({
    flag: '--emulator',
    meaning: 'the whole cloud on a simulated host: no root, no libvirt, no guests',
    fallback: () => false,
    read: flag,
  }),
  state: setting<string>({
    flag: '--state <dir>',
    meaning: 'where everything of this cloud lies: database, images, volumes, keys, logs',
    shownDefault: '/var/lib/stratolith (emulator: …-emulator); not root: below ~/.local/state',
    fallback: ({ emulator }) => defaultState(emulator),
    read: path,
  }),
  listen: setting<{ host: string; port: number }>({
    flag: '--listen <host:port>',
    meaning: 'where all APIs answer; plain HTTP on loopback only',
    shownDefault: '127.0.0.1:5000',
    fallback: () => ({ host: '127.0.0.1', port: 5000 }),
    read: hostPort,
  }),
  publicUrl: setting<string>({
    flag: '--public-url <url>',
    meaning: 'how clients reach us, for the catalog and links',
    shownDefault: 'made from --listen',
    fallback: () => '',
    read: (value) => {
      if (!/^https?:\/\/[^/\s]+(\/[^\s]*)?$/.test(value)) throw new SettingError(`${value} is not an http(s) URL`)
      return value.replace(/\/+$/, '')
    },
  }),
  tlsCert: setting<string>({
    flag: '--tls-cert <file>',
    meaning: 'certificate chain in PEM; needed, with --tls-key, to listen beyond loopback',
    fallback: () => '',
    read: path,
  }),
  tlsKey: setting<string>({
    flag: '--tls-key <file>',
    meaning: 'private key in PEM for --tls-cert',
    fallback: () => '',
    read: path,
  }),
  servicePorts: setting<boolean>({
    flag: '--service-ports',
    meaning: 'also answer at the ports that each service has in OpenStack: 8774, 8776, 8778, 9292, 9696',
    fallback: () => false,
    read: flag,
  }),
  databaseUrl: setting<string>({
    flag: '--database-url <url>',
    meaning: 'a PostgreSQL database of yours in place of the embedded server',
    shownDefault: '$DATABASE_URL, else embedded',
    fallback: () => process.env.DATABASE_URL ?? '',
    read: (value) => {
      if (value === '' || (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value))) return value
      throw new SettingError(`${value} is not a URL such as postgres://user:password@host:5432/database`)
    },
  }),
  region: setting<string>({
    flag: '--region <name>',
    meaning: 'name of the one region',
    fallback: () => 'RegionOne',
    read: text,
  }),
  hostName: setting<string>({
    flag: '--host-name <name>',
    meaning: 'name of this hypervisor host',
    shownDefault: 'what the machine calls itself',
    fallback: () => hostname(),
    read: (value) => {
      if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,253})$/.test(value)) throw new SettingError(`${value} is not a host name`)
      return value
    },
  }),
  publicCidr: setting<string>({
    flag: '--public-cidr <cidr>',
    meaning: 'addresses of the first public network; the host is its gateway',
    shownDefault: 'the first of 172.24.4.0/24, 172.24.5.0/24, … that is free on this machine',
    fallback: () => '',
    read: ipv4Cidr,
  }),
  privateCidr: setting<string>({
    flag: '--private-cidr <cidr>',
    meaning: 'addresses of the first private network',
    fallback: () => '10.0.0.0/24',
    read: ipv4Cidr,
  }),
  guestHostPorts: setting<string>({
    flag: '--guest-host-ports <ports>',
    meaning:
      'ports of this host that guests on networks whose gateway it is may reach, such as 53,tcp/8080,udp/6000-6010; or none, or all',
    fallback: () => 'none',
    read: (value) => {
      if (!/^(none|all|(((tcp|udp)\/)?\d{1,5}(-\d{1,5})?)(, *((tcp|udp)\/)?\d{1,5}(-\d{1,5})?)*)$/.test(value))
        throw new SettingError(`${value} is neither none, all nor a list of ports such as 53,tcp/8080`)
      return value
    },
  }),
  guestOutbound: setting<boolean>({
    flag: '--guest-outbound <yes|no>',
    meaning:
      "guests on networks whose gateway is this host reach what it reaches by its default route, with its address, and ask its nameservers; the host's own forwarding stays as it is",
    fallback: () => true,
    read: flag,
  }),
  virt: setting<'auto' | 'kvm' | 'tcg'>({
    flag: '--virt <kind>',
    meaning: 'auto, kvm or tcg; auto tries whether KVM really works',
    fallback: () => 'auto',
    read: oneOf('auto', 'kvm', 'tcg'),
  }),
  libvirtUri: setting<string>({
    flag: '--libvirt-uri <uri>',
    meaning: 'which libvirt to drive',
    fallback: () => 'qemu:///system',
    read: text,
  }),
  simulatedHosts: setting<number>({
    flag: '--simulated-hosts <n>',
    meaning: 'hosts that the emulator pretends to have',
    fallback: () => 1,
    read: wholeNumber(1, 10_000),
  }),
  keepUnusedImagesHours: setting<number>({
    flag: '--keep-unused-images-hours <n>',
    meaning: 'how long a host keeps its copy of an image that no disk of its servers lies on',
    fallback: () => 24,
    read: wholeNumber(0, 1_000_000),
  }),
  hello: setting<boolean>({
    flag: '--hello <yes|no>',
    meaning: 'boot a first server `hello` with a volume on the first run',
    fallback: () => true,
    read: flag,
  }),
  cloudsYaml: setting<string>({
    flag: '--clouds-yaml <file>',
    meaning: "the client's file to merge `stratolith` and `stratolith-demo` into; `none` leaves it alone",
    shownDefault: '~/.config/openstack/clouds.yaml',
    fallback: () => join(process.env.XDG_CONFIG_HOME || join(home(), '.config'), 'openstack/clouds.yaml'),
    read: (value) => (value === 'none' ? '' : path(value)),
  }),
  cloudName: setting<string>({
    flag: '--cloud-name <name>',
    meaning: 'name of the entries in clouds.yaml: NAME and NAME-demo',
    fallback: () => 'stratolith',
    read: (value) => {
      if (!/^[A-Za-z0-9_.-]{1,64}$/.test(value))
        throw new SettingError(`${value} is not a name of letters, digits, - _ .`)
      return value
    },
  }),
  imageStores: setting<readonly { id: string; dir: string }[]>({
    flag: '--image-stores <name=dir,…>',
    meaning: 'folders beside the default store `file` in which images may lie, too',
    fallback: () => [],
    read: listOf(imageStore),
  }),
  imageStorageQuota: setting<number>({
    flag: '--image-storage-quota <MiB>',
    meaning: 'how much all images of one project may take together, each store counted; 0 for no bound',
    fallback: () => 0,
    read: wholeNumber(0, 2 ** 32),
  }),
  imageUnifiedLimits: setting<boolean>({
    flag: '--image-unified-limits',
    meaning: "enforce identity's limits for images; one that is not registered is zero then",
    fallback: () => false,
    read: flag,
  }),
  imageImportSchemes: setting<readonly string[]>({
    flag: '--image-import-schemes <list>',
    meaning: 'schemes that `web-download` may fetch by: http, https or both',
    shownDefault: 'http,https',
    fallback: () => ['http', 'https'],
    read: listOf(oneOf('http', 'https')),
  }),
  imageImportHosts: setting<readonly string[]>({
    flag: '--image-import-hosts <list>',
    meaning: 'the only hosts that `web-download` may fetch from',
    shownDefault: 'all',
    fallback: () => [],
    read: listOf(lowerCase),
  }),
  imageImportBlockedHosts: setting<readonly string[]>({
    flag: '--image-import-blocked-hosts <list>',
    meaning: 'hosts that `web-download` may not fetch from; counts for nothing beside --image-import-hosts',
    fallback: () => [],
    read: listOf(lowerCase),
  }),
  imageImportPorts: setting<readonly number[]>({
    flag: '--image-import-ports <list>',
    meaning: 'the only ports that `web-download` may fetch from; `all` for no such list',
    shownDefault: '80,443',
    fallback: () => [80, 443],
    read: (value) => (value === 'all' ? [] : listOf(wholeNumber(1, 65535))(value)),
  }),
  imageImportBlockedPorts: setting<readonly number[]>({
    flag: '--image-import-blocked-ports <list>',
    meaning: 'ports that `web-download` may not fetch from; counts for nothing beside --image-import-ports',
    fallback: () => [],
    read: listOf(wholeNumber(1, 65535)),
  }),
  imageImportNetworks: setting<readonly string[]>({
    flag: '--image-import-networks <cidr,…>',
    meaning: 'networks that `web-download` may fetch from though they are not of the public internet',
    fallback: () => [],
    read: listOf(cidr),
  }),
  tokenLifetime: setting<number>({
    flag: '--token-lifetime <seconds>',
    meaning: 'how long a token is good',
    fallback: () => 3_600,
    read: wholeNumber(1, 31_536_000),
  }),
  tokenExpiredWindow: setting<number>({
    flag: '--token-expired-window <seconds>',
    meaning: 'how long after its end a token may still be validated with `allow_expired`, for work that takes long',
    fallback: () => 172_800,
    read: wholeNumber(0, 31_536_000),
  }),
  receiptLifetime: setting<number>({
    flag: '--receipt-lifetime <seconds>',
    meaning: 'how long a login may wait for its second method',
    fallback: () => 300,
    read: wholeNumber(1, 86_400),
  }),
  totpLateBy: setting<number>({
    flag: '--totp-late-by <n>',
    meaning: 'how many half minutes a one-time passcode may be late',
    fallback: () => 1,
    read: wholeNumber(0, 10),
  }),
  trustDepth: setting<number>({
    flag: '--trust-depth <n>',
    meaning: 'how many times a trust may be passed on',
    fallback: () => 3,
    read: wholeNumber(0, 100),
  }),
  projectDepth: setting<number>({
    flag: '--project-depth <n>',
    meaning: 'levels of projects below a domain',
    fallback: () => 5,
    read: wholeNumber(1, 100),
  }),
  lockoutFailures: setting<number>({
    flag: '--lockout-failures <n>',
    meaning: 'failed logins in a row after which a user is locked out; 0 locks nobody out',
    fallback: () => 0,
    read: wholeNumber(0, 1_000_000),
  }),
  lockoutDuration: setting<number>({
    flag: '--lockout-duration <seconds>',
    meaning: 'how long a user stays locked out; 0 until an administrator enables him',
    fallback: () => 1_800,
    read: wholeNumber(0, 31_536_000),
  }),
  passwordLifetime: setting<number>({
    flag: '--password-lifetime <days>',
    meaning: 'days after which a password must be changed; 0 never',
    fallback: () => 0,
    read: wholeNumber(0, 36_500),
  }),
  passwordHistory: setting<number>({
    flag: '--password-history <n>',
    meaning: 'how many of his last passwords a user may not choose again',
    fallback: () => 0,
    read: wholeNumber(0, 24),
  }),
  passwordMinimumAge: setting<number>({
    flag: '--password-minimum-age <days>',
    meaning: 'days for which a user keeps a password that he chose',
    fallback: () => 0,
    read: wholeNumber(0, 36_500),
  }),
  disableInactive: setting<number>({
    flag: '--disable-inactive <days>',
    meaning: 'days without a login after which a user counts as disabled; 0 never',
    fallback: () => 0,
    read: wholeNumber(0, 36_500),
  }),
  passwordMaxLength: setting<number>({
    flag: '--password-max-length <n>',
    meaning: 'characters that a password may have',
    fallback: () => 4_096,
    read: wholeNumber(8, 4_096),
  }),
  passwordHashMemory: setting<number>({
    flag: '--password-hash-memory <KiB>',
    meaning: 'memory that one argon2id hash takes',
    fallback: () => 12_288,
    read: wholeNumber(1_024, 4_194_304),
  }),
  passwordHashPasses: setting<number>({
    flag: '--password-hash-passes <n>',
    meaning: 'passes of one argon2id hash',
    fallback: () => 3,
    read: wholeNumber(1, 100),
  }),
  passwordHashLanes: setting<number>({
    flag: '--password-hash-lanes <n>',
    meaning: 'lanes of one argon2id hash',
    fallback: () => 1,
    read: wholeNumber(1, 64),
  }),
  passwordHashesAtOnce: setting<number>({
    flag: '--password-hashes-at-once <n>',
    meaning: 'passwords that are hashed at one time',
    shownDefault: 'one less than cores',
    fallback: () => Math.max(1, availableParallelism() - 1),
    read: wholeNumber(1, 64),
  }),
  passwordHashesWaiting: setting<number>({
    flag: '--password-hashes-waiting <n>',
    meaning: 'passwords that wait for it; beyond that a login is told to come back',
    fallback: () => 256,
    read: wholeNumber(0, 100_000),
  }),
  rescopeScopedTokens: setting<boolean>({
    flag: '--rescope-scoped-tokens <yes|no>',
    meaning: 'whether a scoped token may be exchanged for one of another scope',
    fallback: () => true,
    read: flag,
  }),
  passwordChangeUponFirstUse: setting<boolean>({
    flag: '--password-change-upon-first-use',
    meaning: 'a password that an administrator chose must be changed before it opens anything',
    fallback: () => false,
    read: flag,
  }),
  passwordPattern: setting<RegExp | undefined>({
    flag: '--password-pattern <regex>',
    meaning: 'what a password must match from its beginning on, such as (?=.*\\d)(?=.*[a-z]).{7,}',
    shownDefault: 'any password will do',
    fallback: () => undefined,
    read: (value) => {
      try {
        return value === '' ? undefined : new RegExp(value)
      } catch {
        throw new SettingError(`${value} is not a regular expression`)
      }
    },
  }),
  passwordPatternMeaning: setting<string>({
    flag: '--password-pattern-meaning <text>',
    meaning: 'the pattern in words, for whoever chose a password that does not match',
    fallback: () => '',
    read: text,
  }),
  logLevel: setting<'trace' | 'debug' | 'info' | 'warn' | 'error'>({
    flag: '--log-level <level>',
    meaning: 'trace, debug, info, warn or error; the log is DIR/log/stratolith.log',
    fallback: () => 'info',
    read: oneOf('trace', 'debug', 'info', 'warn', 'error'),
  }),
  crashAt: setting<string>({
    flag: '--crash-at <step>',
    meaning:
      'kill ourselves with SIGKILL around one step, `PHASE:STEP` with phase before or after: for tests of recovery',
    fallback: () => '',
    read: (value) => {
      if (!/^(before|after):.+$/.test(value)) throw new SettingError(`${value} is not before:STEP or after:STEP`)
      return value
    },
  }),
} as const

export type Config = { readonly [Name in keyof typeof settings]: ReturnType<(typeof settings)[Name]['read']> }

/** `listen` → `STRATOLITH_LISTEN`, `publicUrl` → `STRATOLITH_PUBLIC_URL`. */
function environmentName(name: string): string {
  return `STRATOLITH_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** Adds every setting, and `--config`, to a command of the CLI. */
export function withSettings(command: Command): Command {
  command.option('--config <file>', 'a YAML file of settings, keys as the long flags (env: STRATOLITH_CONFIG)')
  for (const [name, declared] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const fallback = declared.shownDefault ?? String(declared.fallback({ emulator: false }))
    const type = /<([^>]+)>/.exec(declared.flag)?.[1] ?? 'yes|no'
    const shown = fallback === '' ? 'none' : fallback
    command.addOption(
      new Option(
        declared.flag.includes('<') ? declared.flag : `${declared.flag} [yes|no]`,
        `${declared.meaning} (${type}; default: ${shown}; env: ${environmentName(name)})`,
      ),
    )
  }
  return command
}

/**
 * @param flags what commander parsed: text, or true for a switch
 * @throws SettingError naming the setting and where its value came from
 */
export function loadConfig(
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv = process.env,
): Config {
  // A file that was named may say where the state is; one in the state directory has been found by that.
  const named = (flags.config as string | undefined) ?? environment.STRATOLITH_CONFIG
  const fromNamed = named === undefined ? {} : readFile(named, true)
  const asked = one('emulator', flags, environment, fromNamed, { emulator: false })
  const state = one('state', flags, environment, fromNamed, { emulator: asked })
  const usual = join(state, 'stratolith.yaml')
  const fromFile = named === undefined ? readFile(usual, false) : fromNamed
  if (named === undefined && 'state' in fromFile)
    throw new SettingError(`state in ${usual}: that file is found by it, so it must be said elsewhere`)
  const emulator = one('emulator', flags, environment, fromFile, { emulator: asked })
  const result: Record<string, unknown> = {}
  for (const name of Object.keys(settings) as (keyof Config)[]) {
    result[name] = name === 'state' ? state : one(name, flags, environment, fromFile, { emulator })
  }
  const config = result as Config
  const loopback =
    ['127.0.0.1', '::1', 'localhost'].includes(config.listen.host) || config.listen.host.startsWith('127.')
  if (!loopback && (config.tlsCert === '' || config.tlsKey === '')) {
    throw new SettingError(
      `listening on ${config.listen.host} needs --tls-cert and --tls-key: plain HTTP is for loopback only`,
    )
  }
  return config
}

function one<Name extends keyof Config>(
  name: Name,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
  file: Readonly<Record<string, unknown>>,
  soFar: { emulator: boolean },
): Config[Name] {
  const declared = settings[name] as unknown as Setting<Config[Name]>
  const long = /^--([a-z-]+)/.exec(declared.flag)![1]!
  const sources: [unknown, string][] = [
    [flags[name] === true ? 'true' : flags[name], `--${long}`],
    [environment[environmentName(name)], environmentName(name)],
    [file[long], `${long} in the settings file`],
  ]
  for (const [value, where] of sources) {
    if (value === undefined) continue
    try {
      return declared.read(String(value))
    } catch (error) {
      if (error instanceof SettingError) throw new SettingError(`${where}: ${error.message}`)
      throw error
    }
  }
  return declared.fallback(soFar)
}

function readFile(file: string, mustExist: boolean): Record<string, unknown> {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const absent = code === 'ENOENT' || code === 'ENOTDIR'
    if (absent && !mustExist) return {}
    throw new SettingError(
      absent ? `the settings file ${file} is not there` : `the settings file: ${(error as Error).message}`,
    )
  }
  let parsed: unknown
  try {
    parsed = parse(content) ?? {}
  } catch (error) {
    throw new SettingError(`${file} is not valid YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new SettingError(`${file} is not a list of "name: value"`)
  const known = new Set(Object.values(settings).map((declared) => /^--([a-z-]+)/.exec(declared.flag)![1]!))
  const unknown = Object.keys(parsed as object).filter((key) => !known.has(key))
  if (unknown.length > 0) throw new SettingError(`${file} names unknown settings: ${unknown.join(', ')}`)
  return parsed as Record<string, unknown>
}

/** The URL under which clients reach the cloud. */
export function baseUrl(config: Config, port = config.listen.port): string {
  if (config.publicUrl !== '') return config.publicUrl
  const scheme = config.tlsCert === '' ? 'http' : 'https'
  const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host
  return `${scheme}://${host}:${port}`
}
