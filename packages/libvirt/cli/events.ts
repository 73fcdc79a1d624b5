/** Waiting for what happens to guests. */
import type { DomainEvent, DomainEventKind, DomainEventOf, LifecycleEvent } from '@stratolith/libvirt'
import { CommandError, command, type Group, ownOf, wholeNumber } from './command.ts'
import { findDomain } from './find.ts'
import { interruptible } from './interrupt.ts'

/** `virsh` numbers its names by libvirt's registrations: of the two that tell of one thing, the fuller is `…-2` there. */
const kindOf: Record<string, DomainEventKind> = {
  lifecycle: 'lifecycle',
  reboot: 'reboot',
  'rtc-change': 'rtc-change',
  watchdog: 'watchdog',
  graphics: 'graphics',
  'io-error-reason': 'io-error',
  'control-error': 'control-error',
  'block-job': 'block-job-by-path',
  'disk-change': 'disk-change',
  'tray-change': 'tray-change',
  'pm-wakeup': 'pm-wakeup',
  'pm-suspend': 'pm-suspend',
  'balloon-change': 'balloon-change',
  'pm-suspend-disk': 'pm-suspend-disk',
  'device-removed': 'device-removed',
  'block-job-2': 'block-job',
  tunable: 'tunable',
  'agent-lifecycle': 'agent-lifecycle',
  'device-added': 'device-added',
  'migration-iteration': 'migration-iteration',
  'job-completed': 'job-completed',
  'device-removal-failed': 'device-removal-failed',
  'metadata-change': 'metadata-change',
  'block-threshold': 'block-threshold',
  'memory-failure': 'memory-failure',
  'memory-device-size-change': 'memory-device-size-change',
}
const nameOf = new Map(Object.entries(kindOf).map(([name, kind]) => [kind, name]))

const lifecycleWords: Record<LifecycleEvent, string> = {
  defined: 'Defined',
  undefined: 'Undefined',
  started: 'Started',
  suspended: 'Suspended',
  resumed: 'Resumed',
  stopped: 'Stopped',
  shutdown: 'Shutdown',
  pmsuspended: 'PMSuspended',
  crashed: 'Crashed',
}
/** Where `virsh` says more than the detail with a capital. */
const detailWords: Record<string, string> = {
  'from-snapshot': 'Snapshot',
  wakeup: 'Event wakeup',
  ioerror: 'I/O Error',
  'api-error': 'API error',
  postcopy: 'Post-copy',
  'postcopy-failed': 'Post-copy Error',
  guest: 'Finished after guest request',
  host: 'Finished after host request',
}
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
const family = { ipv4: 'IPv4', ipv6: 'IPv6', unix: 'unix' } as const
const jobs: Record<string, string> = {
  unknown: 'Unknown job',
  pull: 'Block Pull',
  copy: 'Block Copy',
  commit: 'Block Commit',
  'active-commit': 'Active Block Commit',
  backup: 'Backup',
}
const lines = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).map(([name, value]) => `\n\t${name}: ${value}`)

/** What stands behind the name of the guest. */
const details: { [Kind in DomainEventKind]?: (event: DomainEventOf<Kind>) => string } = {
  lifecycle: ({ event, detail }) => `: ${lifecycleWords[event]} ${detailWords[detail] ?? capital(detail)}`,
  'rtc-change': ({ offsetSeconds }) => `: ${offsetSeconds}`,
  watchdog: ({ action }) => `: ${action}`,
  graphics: ({ phase, local, remote, authScheme, identities }) => {
    const end = (address: typeof local) => `[${family[address.family]} ${address.node} ${address.service}]`
    const who = identities.map(({ type, name }) => `\n\t${type}=${name}`)
    return `: ${phase} local${end(local)} remote${end(remote)} ${authScheme}${who.join('')}`
  },
  'io-error': ({ path, alias, action, reason }) => `: ${path} (${alias}) ${action} due to ${reason}`,
  'block-job-by-path': ({ path, type, status }) => `: ${jobs[type]} for ${path} ${status}`,
  'block-job': ({ disk, type, status }) => `: ${jobs[type]} for ${disk} ${status}`,
  'disk-change': ({ alias, oldPath, newPath, reason }) =>
    ` disk ${alias}: ${oldPath ?? '<null>'} -> ${newPath ?? '<null>'}: ${reason.replace(/-missing-on-start$/, '')}`,
  'tray-change': ({ alias, state }) => ` disk ${alias}: ${state}`,
  'balloon-change': ({ memoryKiB }) => `: ${memoryKiB}KiB`,
  'device-added': ({ alias }) => `: ${alias}`,
  'device-removed': ({ alias }) => `: ${alias}`,
  'device-removal-failed': ({ alias }) => `: ${alias}`,
  tunable: ({ values }) => `:${lines(values).join('')}`,
  'job-completed': ({ values }) => `:${lines(values).join('')}`,
  'agent-lifecycle': ({ state, reason }) => {
    const why = { unknown: 'unknown', 'domain-started': 'domain started', channel: 'channel event' }[reason]
    return `: state: '${state}' reason: '${why}'`
  },
  'migration-iteration': ({ iteration }) => `: iteration: '${iteration}'`,
  'metadata-change': ({ type, uri }) => `: type ${type}, uri ${uri ?? '<null>'}`,
  'block-threshold': ({ device, path, thresholdBytes, excessBytes }) =>
    `: dev: ${device}(${path ?? '<null>'}) ${thresholdBytes} ${excessBytes}`,
  'memory-failure': ({ recipient, action, actionRequired, recursive }) =>
    `:\nrecipient: ${recipient}\naction: ${action}\nflags:` +
    `\n\taction required: ${Number(actionRequired)}\n\trecursive: ${Number(recursive)}`,
  'memory-device-size-change': ({ alias, sizeKiB }) => `:\nalias: ${alias}\nsize: ${sizeKiB}`,
}
/** One event as `virsh` tells it. */
export function eventLine(event: Exclude<DomainEvent, { kind: 'events-lost' }>): string {
  const detail = details[event.kind] as ((event: DomainEvent) => string) | undefined
  return `event '${nameOf.get(event.kind)}' for domain '${event.domain.name}'${detail?.(event) ?? ''}\n`
}

const event = command('event', 'wait for what happens to domains', {
  options: {
    domain: { value: 'string', about: 'only of this one: its name, number or uuid' },
    event: { value: 'string', about: 'one kind, of those that --list names' },
    all: { about: 'every kind' },
    loop: { about: 'do not stop after the first' },
    timeout: { value: 'number', about: 'for so many seconds at most' },
    list: { about: 'the kinds that there are' },
    timestamp: { about: 'with the moment of each' },
  },
  example: 'event --all --loop --timestamp',
  async run(given, { connection, terminal }) {
    if (given.list) {
      for (const name of Object.keys(kindOf)) terminal.print(`${name}\n`)
      return
    }
    const kinds = kindsOf(given)
    const timeoutMs = given.timeout === undefined ? undefined : wholeNumber(given.timeout, 'timeout') * 1000
    const domain = given.domain === undefined ? undefined : await findDomain(connection, given.domain)

    using interrupt = interruptible()
    const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
    const signal = timeout === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, timeout])
    let received = 0
    await using events = await connection.domains.watch({ kinds, domain, signal })
    for await (const told of events) {
      if (told.kind === 'events-lost') {
        terminal.warn('events came faster than they could be written; some are missing')
        continue
      }
      const when = given.timestamp ? `${new Date().toISOString().replace('T', ' ').replace('Z', '+0000')}: ` : ''
      terminal.print(when + eventLine(told))
      received++
      if (!given.loop) break
    }
    if (interrupt.signal.aborted) terminal.print('event loop interrupted\n')
    else if (timeout?.aborted) terminal.print('event loop timed out\n')
    terminal.print(`events received: ${received}\n`)
    return received > 0
  },
})

function kindsOf({ all, event: name }: { all: boolean; event: string | undefined }): DomainEventKind[] {
  if (all && name !== undefined) throw new CommandError('Options --all and --event are mutually exclusive')
  if (all) return Object.values(kindOf)
  if (name === undefined) throw new CommandError('one of --list, --all, or --event <type> is required')
  const kind = ownOf(kindOf, name)
  if (kind === undefined) throw new CommandError(`unknown event type ${name}`)
  return [kind]
}

export const eventCommands: Group = { keyword: 'event', title: 'Domain Events', commands: [event] }
