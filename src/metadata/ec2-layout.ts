/**
 * The EC2 layout, `/<version>/meta-data/…`: a tree that is walked by path. Pure.
 * Source: nova/api/metadata/base.py, get_ec2_metadata and ec2_md_print.
 */
import type { GuestFacts } from './index.ts'

export const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const
type Version = (typeof EC2_VERSIONS)[number]

/** A leaf is a text, a number, a list of texts or bytes; `_name` is what a listing calls a branch. */
export type Leaf = string | number | readonly string[] | Uint8Array
export interface Branch {
  readonly [name: string]: Leaf | Branch
}

/** The tree of one version: `meta-data` and, where there is any, `user-data`. Undefined for a version that is none. */
export function ec2Tree(facts: GuestFacts, asked: string): Branch | undefined {
  const version = asked === 'latest' ? EC2_VERSIONS.at(-1)! : asked
  if (!isVersion(version)) return undefined
  const since = (first: Version) => EC2_VERSIONS.indexOf(version) >= EC2_VERSIONS.indexOf(first)
  const address = facts.ports.flatMap((port) => port.fixedIps).find(({ ipVersion }) => ipVersion === 4)?.ipAddress
  const ec2Id = facts.number.toString(16).padStart(8, '0')
  const key = facts.publicKeys[0]
  return {
    'meta-data': {
      // Images have UUIDs here; EC2's form takes its first half.
      'ami-id': facts.imageId === undefined ? 'None' : `ami-${facts.imageId.slice(0, 8)}`,
      'ami-launch-index': facts.launchIndex,
      // The very word that upstream answers: there are no manifests. Source: nova/api/metadata/base.py
      'ami-manifest-path': 'FIXME',
      'instance-id': `i-${ec2Id}`,
      hostname: facts.hostname,
      'local-ipv4': address ?? '',
      'reservation-id': facts.reservationId,
      'security-groups': facts.securityGroups,
      ...(key !== undefined && { 'public-keys': { 0: { _name: `0=${key.name}`, 'openssh-key': key.data } } }),
      ...(since('2007-01-19') && {
        'local-hostname': facts.hostname,
        'public-hostname': facts.hostname,
        'public-ipv4': '',
      }),
      ...(since('2007-08-29') && { 'instance-type': facts.flavorName }),
      ...(since('2007-12-15') && { 'block-device-mapping': facts.blockDevices }),
      ...(since('2008-02-01') && { placement: { 'availability-zone': facts.availabilityZone } }),
      ...(since('2008-09-01') && { 'instance-action': 'none' }),
    },
    ...(facts.userDataBase64 !== undefined && { 'user-data': Buffer.from(facts.userDataBase64, 'base64') }),
  }
}

/** As a guest reads it: names of a branch one a line, sorted, those below ending in a slash. */
export function printEc2(value: Leaf | Branch): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (isList(value)) return Buffer.from(value.join('\n'))
  if (typeof value !== 'object') return Buffer.from(String(value))
  const lines = Object.keys(value)
    .filter((name) => name !== '_name')
    .sort()
    .map((name) => {
      const below = value[name]!
      if (!isBranch(below)) return name
      return typeof below._name === 'string' ? below._name : `${name}/`
    })
  return Buffer.from(lines.join('\n'))
}

export function isBranch(value: Leaf | Branch): value is Branch {
  return typeof value === 'object' && !isList(value) && !(value instanceof Uint8Array)
}

function isList(value: Leaf | Branch): value is readonly string[] {
  return Array.isArray(value)
}

function isVersion(text: string): text is Version {
  return (EC2_VERSIONS as readonly string[]).includes(text)
}
