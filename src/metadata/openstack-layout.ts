/**
 * The OpenStack layout, `/openstack/<version>/…`: which files each dated version has, and what is in them. Pure.
 * Source: nova/api/metadata/base.py
 */
import type { GuestFacts } from './index.ts'
import { networkData } from './network-data.ts'

/** In order: a file or a key that one of them brought is in all later ones. */
export const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  '2025-04-04',
] as const
type Version = (typeof OPENSTACK_VERSIONS)[number]

export interface MetadataFile {
  readonly type: 'application/json' | 'text/plain'
  readonly body: Uint8Array
}

/** Injected files in the order of their numbers: `0000` and on. */
export function contentFiles(facts: GuestFacts): ReadonlyMap<string, Uint8Array> {
  return new Map(facts.files.map((file, index) => [contentName(index), Buffer.from(file.contentsBase64, 'base64')]))
}

const contentName = (index: number) => String(index).padStart(4, '0')

/**
 * The files of one version, or undefined for a version that is none.
 * @param drive what only the config drive shows: the password and the injected files
 */
export function openstackFiles(
  facts: GuestFacts,
  asked: string,
  drive = false,
): ReadonlyMap<string, MetadataFile> | undefined {
  const version = asked === 'latest' ? OPENSTACK_VERSIONS.at(-1)! : asked
  if (!isVersion(version)) return undefined
  const since = (first: Version) => OPENSTACK_VERSIONS.indexOf(version) >= OPENSTACK_VERSIONS.indexOf(first)
  const files = new Map<string, MetadataFile>()
  files.set('meta_data.json', json(metaData(facts, since, drive)))
  if (facts.userDataBase64 !== undefined) {
    files.set('user_data', { type: 'text/plain', body: Buffer.from(facts.userDataBase64, 'base64') })
  }
  if (since('2013-10-17')) files.set('vendor_data.json', json(facts.vendorData))
  if (since('2015-10-15')) files.set('network_data.json', json(networkData(facts.ports)))
  if (since('2016-10-06')) files.set('vendor_data2.json', json({ static: facts.vendorData }))
  return files
}

/** Keys that are absent are told apart from empty ones by guests: `meta`, `files` and keys only where there are any. */
function metaData(facts: GuestFacts, since: (first: Version) => boolean, drive: boolean): Record<string, unknown> {
  return {
    uuid: facts.serverId,
    ...(Object.keys(facts.meta).length > 0 && { meta: facts.meta }),
    ...(drive &&
      facts.files.length > 0 && {
        files: facts.files.map(({ path }, index) => ({ path, content_path: `/content/${contentName(index)}` })),
      }),
    ...(drive && facts.adminPassword !== undefined && { admin_pass: facts.adminPassword }),
    ...(facts.publicKeys.length > 0 && {
      public_keys: Object.fromEntries(facts.publicKeys.map(({ name, data }) => [name, data])),
      keys: facts.publicKeys,
    }),
    hostname: facts.hostname,
    name: facts.name,
    launch_index: facts.launchIndex,
    availability_zone: facts.availabilityZone,
    ...(since('2013-04-04') && { random_seed: facts.randomSeed }),
    ...(since('2015-10-15') && { project_id: facts.projectId }),
    ...(since('2016-06-30') && { devices: facts.devices.map((device) => deviceData(device, since('2018-08-27'))) }),
    ...(since('2020-10-14') && { dedicated_cpus: [] }),
  }
}

function deviceData(device: GuestFacts['devices'][number], showsTrust: boolean): Record<string, unknown> {
  const { type, tags, bus, address = 'none', serial, path, mac } = device
  return {
    ...(type === 'nic' && showsTrust && { vf_trusted: false }),
    type,
    ...(mac !== undefined && { mac }),
    ...(serial !== undefined && { serial }),
    ...(path !== undefined && { path }),
    bus,
    address,
    tags,
  }
}

function isVersion(text: string): text is Version {
  return (OPENSTACK_VERSIONS as readonly string[]).includes(text)
}

function json(value: unknown): MetadataFile {
  return { type: 'application/json', body: Buffer.from(JSON.stringify(value)) }
}
