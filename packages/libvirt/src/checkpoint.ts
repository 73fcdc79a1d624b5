/** Moments from which the disks of a guest note what changes, for incremental backups. */
import type { Connection } from './connection.ts'
import type { Domain } from './domain.ts'
import { unlessMissing } from './errors.ts'
import type { NonnullDomainCheckpoint } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'

/** `domain.checkpoints`. */
export class Checkpoints {
  readonly domain: Domain

  constructor(domain: Domain) {
    this.domain = domain
  }
  /** Of the guest. */
  get connection(): Connection {
    return this.domain.connection
  }

  /** A handle without asking the daemon. */
  handle(name: string): Checkpoint {
    return new Checkpoint(this.domain, name)
  }
  /** flags: VIR_DOMAIN_CHECKPOINT_CREATE_*. @libvirt virDomainCheckpointCreateXML */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<Checkpoint> {
    const args = { dom: this.domain.handle, xmlDesc: xml, flags }
    const { checkpoint } = await this.connection.raw.domainCheckpointCreateXml(args, options)
    return new Checkpoint(this.domain, checkpoint.name)
  }
  /** @libvirt virDomainCheckpointLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<Checkpoint> {
    const args = { dom: this.domain.handle, name, flags: 0 }
    const { checkpoint } = await this.connection.raw.domainCheckpointLookupByName(args, options)
    return new Checkpoint(this.domain, checkpoint.name)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<Checkpoint | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** flags: VIR_DOMAIN_CHECKPOINT_LIST_*. @libvirt virDomainListAllCheckpoints */
  async listAll(flags = 0, options?: CallOptions): Promise<Checkpoint[]> {
    const args = { dom: this.domain.handle, needResults: 1, flags }
    const { checkpoints } = await this.connection.raw.domainListAllCheckpoints(args, options)
    return checkpoints.map(({ name }) => new Checkpoint(this.domain, name))
  }
}

/** One checkpoint. A plain handle; the daemon finds it by guest and name. */
export class Checkpoint {
  /** @libvirt virDomainCheckpointGetDomain */
  readonly domain: Domain
  /** @libvirt virDomainCheckpointGetName */
  readonly name: string

  constructor(domain: Domain, name: string) {
    this.domain = domain
    this.name = name
  }
  /** @libvirt virDomainCheckpointGetConnect */
  get connection(): Connection {
    return this.domain.connection
  }
  /** For calls of `connection.raw`. */
  get handle(): NonnullDomainCheckpoint {
    return { name: this.name, dom: this.domain.handle }
  }

  /** flags: VIR_DOMAIN_CHECKPOINT_XML_*. @libvirt virDomainCheckpointGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainCheckpointGetXmlDesc({ checkpoint: this.handle, flags }, options)).xml
  }
  /** The one before it. @throws isNotFound() for a first one @libvirt virDomainCheckpointGetParent */
  async parent(options?: CallOptions): Promise<Checkpoint> {
    const args = { checkpoint: this.handle, flags: 0 }
    return new Checkpoint(this.domain, (await this.connection.raw.domainCheckpointGetParent(args, options)).parent.name)
  }
  /** flags: VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS … @libvirt virDomainCheckpointListAllChildren */
  async listAllChildren(flags = 0, options?: CallOptions): Promise<Checkpoint[]> {
    const args = { checkpoint: this.handle, needResults: 1, flags }
    const { checkpoints } = await this.connection.raw.domainCheckpointListAllChildren(args, options)
    return checkpoints.map(({ name }) => new Checkpoint(this.domain, name))
  }
  /** flags: VIR_DOMAIN_CHECKPOINT_DELETE_*. @libvirt virDomainCheckpointDelete */
  async delete(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainCheckpointDelete({ checkpoint: this.handle, flags }, options)
  }
}
