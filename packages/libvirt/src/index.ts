/** A libvirt client. Start at `connect`; the README shows the rest. */
export type { AskCredentials, Credentials, CredentialsQuestion } from './auth/credentials.ts'
export { type ConnectOptions, connect } from './connect.ts'
export {
  type CloseEvent,
  Connection,
  type CpuComparison,
  type DomainCapabilitiesWanted,
  type GuestKind,
  type Version,
} from './connection.ts'
export { Checkpoint, Checkpoints } from './checkpoint.ts'
export {
  type BlockInfo,
  type BlockJobInfo,
  type BlockStats,
  type ControlInfo,
  type DiskError,
  Domain,
  type DomainInfo,
  type FileSystem,
  type GuestTime,
  type InterfaceAddresses,
  type InterfaceStats,
  type IoThread,
  type JobInfo,
  type JobOperation,
  type JobStats,
  type JobType,
  type MemoryStats,
  type SecurityLabel,
  type Vcpu,
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
export { type CloseReason, LibvirtError, type LibvirtErrorOrigin } from './errors.ts'
export type { EventsLost, StopListening, Watch, WatchLimits } from './events.ts'
export type * as protocol from './generated/types.ts'
export type { RawApi } from './generated/types.ts'
export { Interface, Interfaces } from './interface.ts'
export {
  type DhcpLease,
  Network,
  type NetworkEvent,
  type NetworkEvents,
  NetworkPort,
  Networks,
  type NetworkSection,
  type NetworkUpdate,
  type NetworkUpdateCommand,
  type NetworkWatchOptions,
} from './network.ts'
export {
  type FreePages,
  Node,
  type NodeCpuMap,
  type NodeCpuStats,
  type NodeInfo,
  type NodeMemoryStats,
  type SuspendTarget,
} from './node.ts'
export {
  NodeDevice,
  type NodeDeviceEvent,
  type NodeDeviceEventKind,
  type NodeDeviceEvents,
  NodeDevices,
  type NodeDeviceWatchOptions,
} from './node-device.ts'
export { NwFilter, NwFilterBinding, NwFilterBindings, NwFilters } from './nw-filter.ts'
export type { MigrateOptions, MigrateParams } from './migration.ts'
export { Snapshot, Snapshots } from './snapshot.ts'
export type { CallOptions, Opened } from './rpc/call.ts'
export type { ConnectionState } from './rpc/link.ts'
export type { KeepAlive } from './rpc/session.ts'
export { type Hole, RpcStream } from './rpc/stream.ts'
export {
  Secret,
  type SecretEvent,
  type SecretEventKind,
  type SecretEvents,
  type SecretRef,
  Secrets,
  type SecretUsage,
  type SecretWatchOptions,
} from './secret.ts'
export type { Transferred } from './sparse-file.ts'
export {
  StoragePool,
  type StoragePoolEvent,
  type StoragePoolEventKind,
  type StoragePoolEvents,
  type StoragePoolInfo,
  type StoragePoolRef,
  StoragePools,
  type StoragePoolState,
  type StoragePoolWatchOptions,
} from './storage-pool.ts'
export {
  type FileTransferOptions,
  StorageVolume,
  type StorageVolumeInfo,
  StorageVolumes,
  type StorageVolumeType,
  type StreamTransferOptions,
  type TransferOptions,
  type UploadFileOptions,
  type WipeAlgorithm,
} from './storage-volume.ts'
export type { Transport } from './transport/transport.ts'
export { socketPath, unixTransport } from './transport/unix.ts'
export { type LibvirtUri, parseUri } from './uri.ts'
export type { Params, ParamsToSend, ParamType, ParamTypes, ParamValue, SendParams } from './typed-params.ts'
export { uuidBytes, uuidText } from './uuid.ts'
export type {
  BlockJobStatus,
  BlockJobType,
  DomainState,
  IoErrorAction,
  LifecycleEvent,
  WatchdogAction,
} from './words.ts'
