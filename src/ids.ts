/**
 * Each kind of id is its own type, so that a mix-up does not compile. At run time they are plain strings: UUIDs for
 * most, 32 hex digits for identity's, a name for hosts.
 */
import { randomUUID } from 'node:crypto'

declare const kind: unique symbol
type Id<Kind extends string> = string & { readonly [kind]: Kind }

export type ServerId = Id<'server'>
export type FlavorId = Id<'flavor'>
export type ImageId = Id<'image'>
export type NetworkId = Id<'network'>
export type SubnetId = Id<'subnet'>
export type PortId = Id<'port'>
export type SecurityGroupId = Id<'security-group'>
export type SecurityGroupRuleId = Id<'security-group-rule'>
export type VolumeId = Id<'volume'>
export type VolumeTypeId = Id<'volume-type'>
export type AttachmentId = Id<'attachment'>
export type SnapshotId = Id<'snapshot'>
export type ProviderId = Id<'resource-provider'>
export type ConsumerId = Id<'consumer'>
export type UserId = Id<'user'>
export type ProjectId = Id<'project'>
export type DomainId = Id<'domain'>
export type RoleId = Id<'role'>
/** One run of one story. */
export type StoryId = Id<'story'>
/** The name of a hypervisor host, as `hypervisor_hostname` shows it. */
export type HostName = Id<'host'>

/** A fresh random UUID of the kind that the caller's type asks for. */
export function newId<T extends string>(): T {
  return randomUUID() as string as T
}

/** A fresh id in identity's form: 32 hex digits, no dashes. */
export function newHexId<T extends string>(): T {
  return randomUUID().replaceAll('-', '') as T
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** Whether a text is a UUID, with or without dashes. Ask before a text from outside meets a `uuid` column. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
