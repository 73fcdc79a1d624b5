/** A value that libvirt keeps for a guest's disks, such as a CHAP password. */
import type { NonnullSecret, RawApi } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import { uuidText } from './uuid.ts'

export const secretUsages = ['none', 'volume', 'ceph', 'iscsi', 'tls', 'vtpm'] as const
export type SecretUsage = (typeof secretUsages)[number]

export class Secret {
  readonly uuid: string
  readonly usageType: SecretUsage
  /** What the definition's usage element names: a target, a name or a path. */
  readonly usageId: string
  readonly #raw: RawApi
  readonly #secret: NonnullSecret

  constructor(raw: RawApi, secret: NonnullSecret) {
    this.#raw = raw
    this.#secret = secret
    this.uuid = uuidText(secret.uuid)
    this.usageType = secretUsages[secret.usageType] ?? 'none'
    this.usageId = secret.usageID
  }

  /** Bytes, or text as UTF-8. Replaces an older value. */
  async setValue(value: Uint8Array | string, options?: CallOptions): Promise<void> {
    const bytes = typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value
    await this.#raw.secretSetValue({ secret: this.#secret, value: bytes, flags: 0 }, options)
  }
  /** @throws code VIR_ERR_INVALID_SECRET when the definition says private */
  async value(options?: CallOptions): Promise<Uint8Array> {
    return (await this.#raw.secretGetValue({ secret: this.#secret, flags: 0 }, options)).value
  }
  async undefine(options?: CallOptions): Promise<void> {
    await this.#raw.secretUndefine({ secret: this.#secret }, options)
  }
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#raw.secretGetXmlDesc({ secret: this.#secret, flags }, options)).xml
  }
}
