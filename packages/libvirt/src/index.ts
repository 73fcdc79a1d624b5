/** A libvirt client. Start at `connect`; the README shows the rest. */
export { type ConnectOptions, connect } from './connect.ts'
export {
  Connection,
  type DomainCapabilitiesWanted,
  type NodeInfo,
  type TransferOptions,
  type Version,
} from './connection.ts'
export {
  type BlockInfo,
  type BlockStats,
  Domain,
  type DomainInfo,
  type InterfaceAddresses,
  type InterfaceStats,
  type MemoryStats,
} from './domain.ts'
export type {
  DomainEvent,
  DomainEventFields,
  DomainEventKind,
  DomainEventOf,
  DomainRef,
  MonitorEvent,
  MonitorWatchOptions,
  WatchOptions,
} from './domain-events.ts'
export { type DomainEvents, type DomainStats, Domains, type DomainWithState } from './domains.ts'
export { LibvirtError, type LibvirtErrorOrigin } from './errors.ts'
export type { EventsLost, StopListening, Watch, WatchLimits } from './events.ts'
export type * as protocol from './generated/types.ts'
export type { RawApi } from './generated/types.ts'
export type { CallOptions, Opened } from './rpc/call.ts'
export type { ConnectionState } from './rpc/link.ts'
export type { KeepAlive } from './rpc/session.ts'
export { type Hole, RpcStream } from './rpc/stream.ts'
export { Secret, type SecretUsage } from './secret.ts'
export type { Transport } from './transport/transport.ts'
export { socketPath, unixTransport } from './transport/unix.ts'
export { type LibvirtUri, parseUri } from './uri.ts'
export type { Params, ParamsToSend, ParamType, ParamTypes, ParamValue } from './typed-params.ts'
export { uuidBytes, uuidText } from './uuid.ts'
export type {
  BlockJobStatus,
  BlockJobType,
  DomainState,
  IoErrorAction,
  LifecycleEvent,
  WatchdogAction,
} from './words.ts'
