/** What may happen to a guest: each kind of event that libvirt tells of, in words. */
import type { EventsLost, Topic, WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type * as T from './generated/types.ts'
import { type Params, paramsOf } from './typed-params.ts'
import { uuidBytes, uuidText } from './uuid.ts'
import {
  type BlockJobStatus,
  type BlockJobType,
  blockJobStatuses,
  blockJobTypes,
  type IoErrorAction,
  ioErrorActions,
  type LifecycleEvent,
  lifecycleWords,
  type WatchdogAction,
  watchdogActions,
} from './words.ts'

/** The guest of an event. `connection.domains.handle(uuid)` gives the guest itself. */
export interface DomainRef {
  uuid: string
  name: string
  /** At the moment of the event; -1 once it has stopped. */
  id: number
}
/** One end of a connection to a display. */
export interface GraphicsAddress {
  family: 'ipv4' | 'ipv6' | 'unix'
  /** Address, or path. */
  node: string
  /** Port, or empty. */
  service: string
}

/** Fields of each kind, beside `kind` and `domain`. */
export interface DomainEventFields {
  lifecycle: { event: LifecycleEvent; detail: string }
  reboot: object
  'device-added': { alias: string }
  'device-removed': { alias: string }
  'device-removal-failed': { alias: string }
  'io-error': { path: string; alias: string; action: IoErrorAction; reason: string }
  'agent-lifecycle': { state: 'connected' | 'disconnected'; reason: 'unknown' | 'domain-started' | 'channel' }
  watchdog: { action: WatchdogAction }
  /** By the disk's target, such as `vda`. */
  'block-job': { disk: string; type: BlockJobType; status: BlockJobStatus }
  /** The guest set its clock: seconds from UTC. */
  'rtc-change': { offsetSeconds: number }
  /** Somebody came to or left a VNC or SPICE display. */
  graphics: {
    phase: 'connect' | 'initialize' | 'disconnect'
    local: GraphicsAddress
    remote: GraphicsAddress
    authScheme: string
    identities: { type: string; name: string }[]
  }
  /** The hypervisor's monitor no longer answers as it should. */
  'control-error': object
  'disk-change': {
    oldPath: string | undefined
    newPath: string | undefined
    alias: string
    reason: 'changed-missing-on-start' | 'dropped-missing-on-start' | 'unknown'
  }
  'tray-change': { alias: string; state: 'opened' | 'closed' | 'unknown' }
  'pm-wakeup': object
  'pm-suspend': object
  'pm-suspend-disk': object
  'balloon-change': { memoryKiB: number }
  /** By libvirt's names, such as `cputune.vcpupin0` or `blkdeviotune.disk`. */
  tunable: { values: Params }
  /** One round of copying memory to the other host begins. */
  'migration-iteration': { iteration: number }
  /** By libvirt's names, such as `time_elapsed`. */
  'job-completed': { values: Params }
  'metadata-change': { type: 'description' | 'title' | 'element' | 'unknown'; uri: string | undefined }
  /** See `domain.setBlockThreshold`. */
  'block-threshold': { device: string; path: string | undefined; thresholdBytes: bigint; excessBytes: bigint }
  'memory-failure': {
    recipient: 'hypervisor' | 'guest' | 'unknown'
    action: 'ignore' | 'inject' | 'fatal' | 'reset' | 'unknown'
    actionRequired: boolean
    recursive: boolean
  }
  'memory-device-size-change': { alias: string; sizeKiB: number }
  /** By the path of the disk's file, as older programs know it. Not among the default kinds. */
  'block-job-by-path': { path: string; type: BlockJobType; status: BlockJobStatus }
}
/** Names of all kinds of events of guests. */
export type DomainEventKind = keyof DomainEventFields
/** An event of one of these kinds. */
export type DomainEventOf<Kind extends DomainEventKind> = {
  [K in Kind]: { kind: K; domain: DomainRef } & DomainEventFields[K]
}[Kind]
/** What a watch of guests gives. */
export type DomainEvent = DomainEventOf<DomainEventKind> | EventsLost

/** An event of QEMU's own monitor, as it came. */
export interface MonitorEvent {
  kind: 'monitor'
  domain: DomainRef
  /** Such as `SHUTDOWN`. */
  event: string
  /** QEMU's clock: microseconds since 1970. */
  timeMicros: number
  /** JSON. */
  details: string | undefined
}

/** What to watch, and for how long. */
export interface WatchOptions<Kind extends DomainEventKind = DomainEventKind> extends WatchLimits {
  /** Default: every kind but `block-job-by-path`. */
  kinds?: readonly Kind[] | undefined
  /** Only of this guest; the daemon filters. */
  domain?: { readonly uuid: string; readonly name: string; readonly id: number } | undefined
}
/** Which of QEMU's own events to watch, and for how long. */
export interface MonitorWatchOptions extends WatchLimits {
  domain?: WatchOptions['domain']
  /** Name of the event, such as `SHUTDOWN`; or a pattern, by `flags`. Default: all. */
  event?: string | undefined
  /** VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_* */
  flags?: number | undefined
}

interface Kind<K extends DomainEventKind> {
  id: number
  /** Name of the event message in the protocol. */
  message: string
  /** Undefined for what a newer daemon has invented. */
  convert: (message: never) => ({ dom: T.NonnullDomain } & DomainEventFields[K]) | undefined
}

/** Some messages stand in an inner struct, for reasons of history. */
type Inner<Message> = { msg: Message }
const addressFamilies = ['ipv4', 'ipv6', 'unix'] as const
const graphicsAddress = ({ family, node, service }: T.DomainEventGraphicsAddress): GraphicsAddress => ({
  family: addressFamilies[family] ?? 'unix',
  node,
  service,
})

const kinds: { [K in DomainEventKind]: Kind<K> } = {
  lifecycle: {
    id: C.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    message: 'domainEventCallbackLifecycle',
    convert: ({ msg: { dom, event, detail } }: Inner<T.DomainEventLifecycleMsg>) => {
      const words = lifecycleWords(event, detail)
      return words && { dom, ...words }
    },
  },
  reboot: {
    id: C.VIR_DOMAIN_EVENT_ID_REBOOT,
    message: 'domainEventCallbackReboot',
    convert: ({ msg: { dom } }: Inner<T.DomainEventRebootMsg>) => ({ dom }),
  },
  'device-added': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    message: 'domainEventCallbackDeviceAdded',
    convert: ({ dom, devAlias }: T.DomainEventCallbackDeviceAddedMsg) => ({ dom, alias: devAlias }),
  },
  'device-removed': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    message: 'domainEventCallbackDeviceRemoved',
    convert: ({ msg: { dom, devAlias } }: Inner<T.DomainEventDeviceRemovedMsg>) => ({ dom, alias: devAlias }),
  },
  'device-removal-failed': {
    id: C.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
    message: 'domainEventCallbackDeviceRemovalFailed',
    convert: ({ dom, devAlias }: T.DomainEventCallbackDeviceRemovalFailedMsg) => ({ dom, alias: devAlias }),
  },
  'io-error': {
    // The variant that also carries the reason.
    id: C.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
    message: 'domainEventCallbackIoErrorReason',
    convert: ({ msg: { dom, srcPath, devAlias, action, reason } }: Inner<T.DomainEventIoErrorReasonMsg>) => ({
      dom,
      path: srcPath,
      alias: devAlias,
      action: ioErrorActions[action] ?? 'none',
      reason,
    }),
  },
  'agent-lifecycle': {
    id: C.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
    message: 'domainEventCallbackAgentLifecycle',
    convert: ({ dom, state, reason }: T.DomainEventCallbackAgentLifecycleMsg) => ({
      dom,
      state: state === C.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED ? 'connected' : 'disconnected',
      reason: (['unknown', 'domain-started', 'channel'] as const)[reason] ?? 'unknown',
    }),
  },
  watchdog: {
    id: C.VIR_DOMAIN_EVENT_ID_WATCHDOG,
    message: 'domainEventCallbackWatchdog',
    convert: ({ msg: { dom, action } }: Inner<T.DomainEventWatchdogMsg>) => ({
      dom,
      action: watchdogActions[action] ?? 'unknown',
    }),
  },
  'block-job': {
    // The variant that names the disk by its target.
    id: C.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
    message: 'domainEventBlockJob2',
    convert: ({ dom, dst, type, status }: T.DomainEventBlockJob2Msg) => ({
      dom,
      disk: dst,
      type: blockJobTypes[type] ?? 'unknown',
      status: blockJobStatuses[status] ?? 'unknown',
    }),
  },
  'rtc-change': {
    id: C.VIR_DOMAIN_EVENT_ID_RTC_CHANGE,
    message: 'domainEventCallbackRtcChange',
    convert: ({ msg: { dom, offset } }: Inner<T.DomainEventRtcChangeMsg>) => ({ dom, offsetSeconds: Number(offset) }),
  },
  graphics: {
    id: C.VIR_DOMAIN_EVENT_ID_GRAPHICS,
    message: 'domainEventCallbackGraphics',
    convert: ({ msg: { dom, phase, local, remote, authScheme, subject } }: Inner<T.DomainEventGraphicsMsg>) => {
      const word = (['connect', 'initialize', 'disconnect'] as const)[phase]
      return (
        word && {
          dom,
          phase: word,
          local: graphicsAddress(local),
          remote: graphicsAddress(remote),
          authScheme,
          identities: subject.map(({ type, name }) => ({ type, name })),
        }
      )
    },
  },
  'control-error': {
    id: C.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR,
    message: 'domainEventCallbackControlError',
    convert: ({ msg: { dom } }: Inner<T.DomainEventControlErrorMsg>) => ({ dom }),
  },
  'disk-change': {
    id: C.VIR_DOMAIN_EVENT_ID_DISK_CHANGE,
    message: 'domainEventCallbackDiskChange',
    convert: ({ msg: { dom, oldSrcPath, newSrcPath, devAlias, reason } }: Inner<T.DomainEventDiskChangeMsg>) => ({
      dom,
      oldPath: oldSrcPath ?? undefined,
      newPath: newSrcPath ?? undefined,
      alias: devAlias,
      reason: (['changed-missing-on-start', 'dropped-missing-on-start'] as const)[reason] ?? 'unknown',
    }),
  },
  'tray-change': {
    id: C.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE,
    message: 'domainEventCallbackTrayChange',
    convert: ({ msg: { dom, devAlias, reason } }: Inner<T.DomainEventTrayChangeMsg>) => ({
      dom,
      alias: devAlias,
      state: (['opened', 'closed'] as const)[reason] ?? 'unknown',
    }),
  },
  'pm-wakeup': {
    id: C.VIR_DOMAIN_EVENT_ID_PMWAKEUP,
    message: 'domainEventCallbackPmwakeup',
    convert: ({ msg: { dom } }: Inner<T.DomainEventPmwakeupMsg>) => ({ dom }),
  },
  'pm-suspend': {
    id: C.VIR_DOMAIN_EVENT_ID_PMSUSPEND,
    message: 'domainEventCallbackPmsuspend',
    convert: ({ msg: { dom } }: Inner<T.DomainEventPmsuspendMsg>) => ({ dom }),
  },
  'pm-suspend-disk': {
    id: C.VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK,
    message: 'domainEventCallbackPmsuspendDisk',
    convert: ({ msg: { dom } }: Inner<T.DomainEventPmsuspendDiskMsg>) => ({ dom }),
  },
  'balloon-change': {
    id: C.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE,
    message: 'domainEventCallbackBalloonChange',
    convert: ({ msg: { dom, actual } }: Inner<T.DomainEventBalloonChangeMsg>) => ({ dom, memoryKiB: Number(actual) }),
  },
  tunable: {
    id: C.VIR_DOMAIN_EVENT_ID_TUNABLE,
    message: 'domainEventCallbackTunable',
    convert: ({ dom, params }: T.DomainEventCallbackTunableMsg) => ({ dom, values: paramsOf(params) }),
  },
  'migration-iteration': {
    id: C.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
    message: 'domainEventCallbackMigrationIteration',
    convert: ({ dom, iteration }: T.DomainEventCallbackMigrationIterationMsg) => ({ dom, iteration }),
  },
  'job-completed': {
    id: C.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    message: 'domainEventCallbackJobCompleted',
    convert: ({ dom, params }: T.DomainEventCallbackJobCompletedMsg) => ({ dom, values: paramsOf(params) }),
  },
  'metadata-change': {
    id: C.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
    message: 'domainEventCallbackMetadataChange',
    convert: ({ dom, type, nsuri }: T.DomainEventCallbackMetadataChangeMsg) => ({
      dom,
      type: (['description', 'title', 'element'] as const)[type] ?? 'unknown',
      uri: nsuri ?? undefined,
    }),
  },
  'block-threshold': {
    id: C.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD,
    message: 'domainEventBlockThreshold',
    convert: ({ dom, dev, path, threshold, excess }: T.DomainEventBlockThresholdMsg) => ({
      dom,
      device: dev,
      path: path ?? undefined,
      thresholdBytes: threshold,
      excessBytes: excess,
    }),
  },
  'memory-failure': {
    id: C.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE,
    message: 'domainEventMemoryFailure',
    convert: ({ dom, recipient, action, flags }: T.DomainEventMemoryFailureMsg) => ({
      dom,
      recipient: (['hypervisor', 'guest'] as const)[recipient] ?? 'unknown',
      action: (['ignore', 'inject', 'fatal', 'reset'] as const)[action] ?? 'unknown',
      actionRequired: (flags & C.VIR_DOMAIN_MEMORY_FAILURE_ACTION_REQUIRED) !== 0,
      recursive: (flags & C.VIR_DOMAIN_MEMORY_FAILURE_RECURSIVE) !== 0,
    }),
  },
  'memory-device-size-change': {
    id: C.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
    message: 'domainEventMemoryDeviceSizeChange',
    convert: ({ dom, alias, size }: T.DomainEventMemoryDeviceSizeChangeMsg) => ({ dom, alias, sizeKiB: Number(size) }),
  },
  'block-job-by-path': {
    id: C.VIR_DOMAIN_EVENT_ID_BLOCK_JOB,
    message: 'domainEventCallbackBlockJob',
    convert: ({ msg: { dom, path, type, status } }: Inner<T.DomainEventBlockJobMsg>) => ({
      dom,
      path,
      type: blockJobTypes[type] ?? 'unknown',
      status: blockJobStatuses[status] ?? 'unknown',
    }),
  },
}

export const defaultDomainEventKinds = (Object.keys(kinds) as DomainEventKind[]).filter(
  (kind) => kind !== 'block-job-by-path',
)

const ref = (dom: T.NonnullDomain): DomainRef => ({ uuid: uuidText(dom.uuid), name: dom.name, id: dom.id })
const handleOf = (domain: WatchOptions['domain']): T.NonnullDomain | null =>
  domain === undefined ? null : { name: domain.name, uuid: uuidBytes(domain.uuid), id: domain.id }

export function domainTopic<K extends DomainEventKind>(
  kind: K,
  domain: WatchOptions['domain'],
): Topic<DomainEventOf<K>> {
  const { id, message, convert } = kinds[kind]
  return {
    key: `domain ${kind} ${domain?.uuid ?? ''}`,
    program: 'remote',
    register: 'connectDomainEventCallbackRegisterAny',
    deregister: 'connectDomainEventCallbackDeregisterAny',
    message,
    args: { eventID: id, dom: handleOf(domain) },
    convert: (told) => {
      const event = convert(told)
      if (event === undefined) return undefined
      const { dom, ...fields } = event
      return { kind, domain: ref(dom), ...fields } as unknown as DomainEventOf<K>
    },
  }
}

export function monitorTopic({ domain, event, flags = 0 }: MonitorWatchOptions): Topic<MonitorEvent> {
  return {
    key: `monitor ${domain?.uuid ?? ''} ${flags} ${event ?? ''}`,
    program: 'qemu',
    register: 'qemuConnectDomainMonitorEventRegister',
    deregister: 'qemuConnectDomainMonitorEventDeregister',
    message: 'qemuDomainMonitorEvent',
    args: { dom: handleOf(domain), event: event ?? null, flags },
    convert: ({ dom, event: name, seconds, micros, details }: T.QemuDomainMonitorEventMsg) => ({
      kind: 'monitor',
      domain: ref(dom),
      event: name,
      timeMicros: Number(seconds) * 1_000_000 + micros,
      details: details ?? undefined,
    }),
  }
}
