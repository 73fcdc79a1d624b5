/** Moments of a guest that it can go back to. */
import type { Connection } from './connection.ts'
import type { Domain } from './domain.ts'
import { unlessMissing } from './errors.ts'
import type { NonnullDomainSnapshot } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'

/** REMOTE_DOMAIN_SNAPSHOT_LIST_NAMES_MAX */
const LIST_MAX = 1024

/** `domain.snapshots`. */
export class Snapshots {
  readonly domain: Domain

  constructor(domain: Domain) {
    this.domain = domain
  }
  /** Of the guest. */
  get connection(): Connection {
    return this.domain.connection
  }

  #of(snap: NonnullDomainSnapshot): Snapshot {
    return new Snapshot(this.domain, snap.name)
  }
  /** A handle without asking the daemon. */
  handle(name: string): Snapshot {
    return new Snapshot(this.domain, name)
  }
  /** flags: VIR_DOMAIN_SNAPSHOT_CREATE_*. @libvirt virDomainSnapshotCreateXML */
  async createXml(xml: string, flags = 0, options?: CallOptions): Promise<Snapshot> {
    const args = { dom: this.domain.handle, xmlDesc: xml, flags }
    return this.#of((await this.connection.raw.domainSnapshotCreateXml(args, options)).snap)
  }
  /** @libvirt virDomainSnapshotLookupByName */
  async lookupByName(name: string, options?: CallOptions): Promise<Snapshot> {
    const args = { dom: this.domain.handle, name, flags: 0 }
    return this.#of((await this.connection.raw.domainSnapshotLookupByName(args, options)).snap)
  }
  /** Undefined where there is none. */
  async findByName(name: string, options?: CallOptions): Promise<Snapshot | undefined> {
    return unlessMissing(this.lookupByName(name, options))
  }
  /** flags: VIR_DOMAIN_SNAPSHOT_LIST_*. @libvirt virDomainListAllSnapshots */
  async listAll(flags = 0, options?: CallOptions): Promise<Snapshot[]> {
    const args = { dom: this.domain.handle, needResults: 1, flags }
    return (await this.connection.raw.domainListAllSnapshots(args, options)).snapshots.map((snap) => this.#of(snap))
  }
  /** Names, 1024 at most: `listAll` has no such bound. @libvirt virDomainSnapshotListNames */
  async listNames(flags = 0, options?: CallOptions): Promise<string[]> {
    const args = { dom: this.domain.handle, maxnames: LIST_MAX, flags }
    return (await this.connection.raw.domainSnapshotListNames(args, options)).names
  }
  /** @libvirt virDomainSnapshotNum */
  async num(flags = 0, options?: CallOptions): Promise<number> {
    return (await this.connection.raw.domainSnapshotNum({ dom: this.domain.handle, flags }, options)).num
  }
  /** @libvirt virDomainHasCurrentSnapshot */
  async hasCurrent(options?: CallOptions): Promise<boolean> {
    const args = { dom: this.domain.handle, flags: 0 }
    return (await this.connection.raw.domainHasCurrentSnapshot(args, options)).result !== 0
  }
  /** @throws isNotFound() @libvirt virDomainSnapshotCurrent */
  async current(options?: CallOptions): Promise<Snapshot> {
    return this.#of(
      (await this.connection.raw.domainSnapshotCurrent({ dom: this.domain.handle, flags: 0 }, options)).snap,
    )
  }
}

/** One snapshot. A plain handle; the daemon finds it by guest and name. */
export class Snapshot {
  /** @libvirt virDomainSnapshotGetDomain */
  readonly domain: Domain
  /** @libvirt virDomainSnapshotGetName */
  readonly name: string

  constructor(domain: Domain, name: string) {
    this.domain = domain
    this.name = name
  }
  /** @libvirt virDomainSnapshotGetConnect */
  get connection(): Connection {
    return this.domain.connection
  }
  /** For calls of `connection.raw`. */
  get handle(): NonnullDomainSnapshot {
    return { name: this.name, dom: this.domain.handle }
  }

  /** flags: VIR_DOMAIN_SNAPSHOT_XML_SECURE. @libvirt virDomainSnapshotGetXMLDesc */
  async xml(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.connection.raw.domainSnapshotGetXmlDesc({ snap: this.handle, flags }, options)).xml
  }
  /** Whether the guest stands on it. @libvirt virDomainSnapshotIsCurrent */
  async isCurrent(options?: CallOptions): Promise<boolean> {
    return (await this.connection.raw.domainSnapshotIsCurrent({ snap: this.handle, flags: 0 }, options)).current !== 0
  }
  /** Whether libvirt would lose knowledge of it with the guest. @libvirt virDomainSnapshotHasMetadata */
  async hasMetadata(options?: CallOptions): Promise<boolean> {
    return (
      (await this.connection.raw.domainSnapshotHasMetadata({ snap: this.handle, flags: 0 }, options)).metadata !== 0
    )
  }
  /** The one that it was made on. @throws isNotFound() for a first one @libvirt virDomainSnapshotGetParent */
  async parent(options?: CallOptions): Promise<Snapshot> {
    const { snap } = await this.connection.raw.domainSnapshotGetParent({ snap: this.handle, flags: 0 }, options)
    return new Snapshot(this.domain, snap.name)
  }
  /** flags: VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS … @libvirt virDomainSnapshotListAllChildren */
  async listAllChildren(flags = 0, options?: CallOptions): Promise<Snapshot[]> {
    const args = { snapshot: this.handle, needResults: 1, flags }
    const { snapshots } = await this.connection.raw.domainSnapshotListAllChildren(args, options)
    return snapshots.map((snap) => new Snapshot(this.domain, snap.name))
  }
  /** Names, 1024 at most. @libvirt virDomainSnapshotListChildrenNames */
  async listChildrenNames(flags = 0, options?: CallOptions): Promise<string[]> {
    const args = { snap: this.handle, maxnames: LIST_MAX, flags }
    return (await this.connection.raw.domainSnapshotListChildrenNames(args, options)).names
  }
  /** @libvirt virDomainSnapshotNumChildren */
  async numChildren(flags = 0, options?: CallOptions): Promise<number> {
    return (await this.connection.raw.domainSnapshotNumChildren({ snap: this.handle, flags }, options)).num
  }
  /** Bring the guest back to it. flags: VIR_DOMAIN_SNAPSHOT_REVERT_*. @libvirt virDomainRevertToSnapshot */
  async revert(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainRevertToSnapshot({ snap: this.handle, flags }, options)
  }
  /** flags: VIR_DOMAIN_SNAPSHOT_DELETE_*. @libvirt virDomainSnapshotDelete */
  async delete(flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.domainSnapshotDelete({ snap: this.handle, flags }, options)
  }
}
