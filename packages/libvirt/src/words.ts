/** libvirt's numbered states, reasons and details as words. Upstream: the enums of include/libvirt/libvirt-domain.h. */

export const domainStates = [
  'nostate',
  'running',
  'blocked',
  'paused',
  'shutdown',
  'shutoff',
  'crashed',
  'pmsuspended',
] as const
/** virDomainState. `nostate`: the hypervisor does not tell; `shutdown`: on its way to `shutoff`. */
export type DomainState = (typeof domainStates)[number]

const reasons: Partial<Record<DomainState, readonly string[]>> = {
  running: [
    'unknown',
    'booted',
    'migrated',
    'restored',
    'from-snapshot',
    'unpaused',
    'migration-canceled',
    'save-canceled',
    'wakeup',
    'crashed',
    'postcopy',
    'postcopy-failed',
  ],
  paused: [
    'unknown',
    'user',
    'migration',
    'save',
    'dump',
    'ioerror',
    'watchdog',
    'from-snapshot',
    'shutting-down',
    'snapshot',
    'crashed',
    'starting-up',
    'postcopy',
    'postcopy-failed',
  ],
  shutdown: ['unknown', 'user'],
  shutoff: ['unknown', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from-snapshot', 'daemon'],
  crashed: ['unknown', 'panicked'],
}

/** `nostate` for what a newer daemon may say, too. */
export function domainState(state: number): DomainState {
  return domainStates[state] ?? 'nostate'
}
/** `unknown` for what a newer daemon may say, too. */
export function stateReason(state: number, reason: number): string {
  return reasons[domainState(state)]?.[reason] ?? 'unknown'
}

const lifecycle = {
  defined: ['added', 'updated', 'renamed', 'from-snapshot'],
  undefined: ['removed', 'renamed'],
  started: ['booted', 'migrated', 'restored', 'from-snapshot', 'wakeup'],
  suspended: [
    'paused',
    'migrated',
    'ioerror',
    'watchdog',
    'restored',
    'from-snapshot',
    'api-error',
    'postcopy',
    'postcopy-failed',
  ],
  resumed: ['unpaused', 'migrated', 'from-snapshot', 'postcopy', 'postcopy-failed'],
  stopped: ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from-snapshot'],
  /** `guest`: the guest turned itself off; `host`: somebody here asked QEMU to. */
  shutdown: ['finished', 'guest', 'host'],
  pmsuspended: ['memory', 'disk'],
  crashed: ['panicked', 'crashloaded'],
} as const
/** virDomainEventType. */
export type LifecycleEvent = keyof typeof lifecycle
const lifecycleEvents = Object.keys(lifecycle) as LifecycleEvent[]

/** Undefined for an event that a newer daemon has invented. */
export function lifecycleWords(event: number, detail: number): { event: LifecycleEvent; detail: string } | undefined {
  const word = lifecycleEvents[event]
  if (word === undefined) return undefined
  const details: readonly string[] = lifecycle[word]
  return { event: word, detail: details[detail] ?? 'unknown' }
}

export const ioErrorActions = ['none', 'pause', 'report'] as const
/** What the hypervisor did about a disk that failed: nothing, pause the guest, or tell the guest. */
export type IoErrorAction = (typeof ioErrorActions)[number]

export const watchdogActions = ['none', 'pause', 'reset', 'poweroff', 'shutdown', 'debug', 'inject-nmi'] as const
/** What the watchdog of a guest did when it was not heard of. */
export type WatchdogAction = (typeof watchdogActions)[number] | 'unknown'

/** virDomainBlockJobType */
export const blockJobTypes = ['unknown', 'pull', 'copy', 'commit', 'active-commit', 'backup'] as const
/** What a job on a disk does. */
export type BlockJobType = (typeof blockJobTypes)[number]
/** virConnectDomainEventBlockJobStatus. `ready`: a copy or an active commit now mirrors, and waits to be ended. */
export const blockJobStatuses = ['completed', 'failed', 'canceled', 'ready'] as const
/** How it stands. */
export type BlockJobStatus = (typeof blockJobStatuses)[number] | 'unknown'

/** Tags of virDomainMemoryStatTags, in order. */
export const memoryStatNames = [
  'swapIn',
  'swapOut',
  'majorFaults',
  'minorFaults',
  'unused',
  'available',
  'actualBalloon',
  'rss',
  'usable',
  'lastUpdate',
  'diskCaches',
  'hugetlbPgalloc',
  'hugetlbPgfail',
] as const
