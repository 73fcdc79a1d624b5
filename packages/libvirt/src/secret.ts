/** Values that libvirt keeps for the disks of guests, such as a CHAP password. */
import type { Connection } from './connection.ts'
import { unlessMissing } from './errors.ts'
import type { EventHub, StopListening, Topic, Watch, WatchLimits } from './events.ts'
import * as C from './generated/constants.ts'
import type { NonnullSecret, SecretEventLifecycleMsg, SecretEventValueChangedMsg } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { uuidBytes, uuidText } from './uuid.ts'

/** By the number of virSecretUsageType. */
export const secretUsages = ['none', 'volume', 'ceph', 'iscsi', 'tls', 'vtpm'] as const
/** What a secret is for. */
export type SecretUsage = (typeof secretUsages)[number]

/** The secret of an event. */
export interface SecretRef {
  uuid: string
  usageType: SecretUsage
  usageId: string
}
const lifecycleEvents = ['defined', 'undefined'] as const
/** What happened to a secret. */
export type SecretEvent =
  | { kind: 'lifecycle'; secret: SecretRef; event: (typeof lifecycleEvents)[number] }
  | { kind: 'value-changed'; secret: SecretRef }
/** Names of the kinds of events of secrets. */
export type SecretEventKind = SecretEvent['kind']
/** A watch of secrets. */
export type SecretEvents = Watch<SecretEvent>
/** What to watch, and for how long. */
export interface SecretWatchOptions extends WatchLimits {
  /** Default: both. */
  kinds?: readonly SecretEventKind[] | undefined
  /** Only of this secret; the daemon filters. */
  secret?: SecretRef | undefined
}

/** REMOTE_SECRET_LIST_MAX: the most that the daemon may send. */
const LIST_MAX = 16_384

/** `connection.secrets`. */
export class Secrets {
  readonly connection: Connection
  readonly #events: EventHub

  constructor(connection: Connection, events: EventHub) {
    this.connection = connection
    this.#events = events
  }

  /** For results of `connection.raw`. */
  of(secret: NonnullSecret): Secret {
    return new Secret(this.connection, secret)
  }

  /** @libvirt virSecretLookupByUUID, virSecretLookupByUUIDString */
  async lookupByUuid(uuid: string, options?: CallOptions): Promise<Secret> {
    return this.of((await this.connection.raw.secretLookupByUuid({ uuid: uuidBytes(uuid) }, options)).secret)
  }
  /** @libvirt virSecretLookupByUsage */
  async lookupByUsage(usage: SecretUsage, usageId: string, options?: CallOptions): Promise<Secret> {
    const args = { usageType: secretUsages.indexOf(usage), usageID: usageId }
    return this.of((await this.connection.raw.secretLookupByUsage(args, options)).secret)
  }
  /** Undefined where there is none. */
  async findByUuid(uuid: string, options?: CallOptions): Promise<Secret | undefined> {
    return unlessMissing(this.lookupByUuid(uuid, options))
  }
  /** Undefined where there is none. */
  async findByUsage(usage: SecretUsage, usageId: string, options?: CallOptions): Promise<Secret | undefined> {
    return unlessMissing(this.lookupByUsage(usage, usageId, options))
  }

  /** flags: VIR_CONNECT_LIST_SECRETS_*; 0 = all. @libvirt virConnectListAllSecrets */
  async listAll(flags = 0, options?: CallOptions): Promise<Secret[]> {
    const { secrets } = await this.connection.raw.connectListAllSecrets({ needResults: 1, flags }, options)
    return secrets.map((secret) => this.of(secret))
  }
  /** @libvirt virConnectNumOfSecrets */
  async numOf(options?: CallOptions): Promise<number> {
    return (await this.connection.raw.connectNumOfSecrets(undefined, options)).num
  }
  /** Uuids. @libvirt virConnectListSecrets */
  async list(options?: CallOptions): Promise<string[]> {
    return (await this.connection.raw.connectListSecrets({ maxuuids: LIST_MAX }, options)).uuids
  }

  /**
   * Make the definition so; a secret of the same uuid keeps its value. flags: VIR_SECRET_DEFINE_VALIDATE.
   *
   * @libvirt virSecretDefineXML
   */
  async defineXml(xml: string, flags = 0, options?: CallOptions): Promise<Secret> {
    return this.of((await this.connection.raw.secretDefineXml({ xml, flags }, options)).secret)
  }

  /**
   * When it resolves, the daemon has the registration: what happens from then on is told.
   *
   * @libvirt virConnectSecretEventRegisterAny
   */
  watch({ kinds = ['lifecycle', 'value-changed'], secret, ...limits }: SecretWatchOptions = {}): Promise<SecretEvents> {
    return this.#events.watch(
      kinds.map((kind) => topics[kind](secret)),
      limits,
    )
  }
  /** @libvirt virConnectSecretEventRegisterAny, virConnectSecretEventDeregisterAny */
  on<Kind extends SecretEventKind>(
    kind: Kind,
    listener: (event: Extract<SecretEvent, { kind: Kind }>) => void,
    { secret }: Pick<SecretWatchOptions, 'secret'> = {},
  ): Promise<StopListening> {
    return this.#events.on(topics[kind](secret) as Topic<Extract<SecretEvent, { kind: Kind }>>, listener)
  }
}

const ref = ({ uuid, usageType, usageID }: NonnullSecret): SecretRef => ({
  uuid: uuidText(uuid),
  usageType: secretUsages[usageType] ?? 'none',
  usageId: usageID,
})
const topics: Record<SecretEventKind, (secret: SecretRef | undefined) => Topic<SecretEvent>> = {
  lifecycle: (secret) => ({
    ...shared('lifecycle', C.VIR_SECRET_EVENT_ID_LIFECYCLE, secret),
    message: 'secretEventLifecycle',
    convert: ({ secret: told, event: number }: SecretEventLifecycleMsg) => {
      const event = lifecycleEvents[number]
      return event && { kind: 'lifecycle', secret: ref(told), event }
    },
  }),
  'value-changed': (secret) => ({
    ...shared('value-changed', C.VIR_SECRET_EVENT_ID_VALUE_CHANGED, secret),
    message: 'secretEventValueChanged',
    convert: ({ secret: told }: SecretEventValueChangedMsg) => ({ kind: 'value-changed', secret: ref(told) }),
  }),
}
const shared = (kind: SecretEventKind, eventID: number, secret: SecretRef | undefined) => ({
  key: `secret ${kind} ${secret?.uuid ?? ''}`,
  program: 'remote' as const,
  register: 'connectSecretEventRegisterAny',
  deregister: 'connectSecretEventDeregisterAny',
  args: {
    eventID,
    secret:
      secret === undefined
        ? null
        : { uuid: uuidBytes(secret.uuid), usageType: secretUsages.indexOf(secret.usageType), usageID: secret.usageId },
  },
})

/** One secret. A plain handle; the daemon finds it by uuid. */
export class Secret {
  /** @libvirt virSecretGetConnect */
  readonly connection: Connection
  /** @libvirt virSecretGetUUID, virSecretGetUUIDString */
  readonly uuid: string
  /** @libvirt virSecretGetUsageType */
  readonly usageType: SecretUsage
  /** What the definition's usage element names: a target, a name or a path. @libvirt virSecretGetUsageID */
  readonly usageId: string
  readonly #secret: NonnullSecret

  constructor(connection: Connection, secret: NonnullSecret) {
    this.connection = connection
    this.#secret = secret
    const { uuid, usageType, usageId } = ref(secret)
    this.uuid = uuid
    this.usageType = usageType
    this.usageId = usageId
  }

  /** For calls of `connection.raw`. */
  get handle(): NonnullSecret {
    return this.#secret
  }

  /** Bytes, or text as UTF-8; 64 KiB at most. Replaces an older value. @libvirt virSecretSetValue */
  async setValue(value: Uint8Array | string, flags = 0, options?: CallOptions): Promise<void> {
    const bytes = typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value
    await this.connection.raw.secretSetValue({ secret: this.#secret, value: bytes, flags }, options)
  }
  /**
   * @throws code VIR_ERR_INVALID_SECRET when the definition says private, isNotFound() when there is no value
   * @libvirt virSecretGetValue
   */
  async value(flags = 0, options?: CallOptions): Promise<Uint8Array> {
    return (await this.connection.raw.secretGetValue({ secret: this.#secret, flags }, options)).value
  }
  /** @libvirt virSecretGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.secretGetXmlDesc({ secret: this.#secret, flags }, options)).xml
  }
  /** @libvirt virSecretUndefine */
  async undefine(options?: CallOptions): Promise<void> {
    await this.connection.raw.secretUndefine({ secret: this.#secret }, options)
  }

  /** Events of this secret only. @libvirt virConnectSecretEventRegisterAny */
  watch(wanted: Omit<SecretWatchOptions, 'secret'> = {}): Promise<SecretEvents> {
    return this.connection.secrets.watch({ ...wanted, secret: this })
  }

  /** For messages. */
  toString(): string {
    return this.uuid
  }
}
