/**
 * The same files as over HTTP, laid out for an ISO 9660 with the label `config-2`. Pure.
 *
 * No `network_config`: a path there without its content makes cloud-init give up the whole drive, and
 * `network_data.json` says the same.
 */
import { EC2_VERSIONS, ec2Tree } from './ec2-layout.ts'
import type { GuestFacts } from './index.ts'
import { contentFiles, OPENSTACK_VERSIONS, openstackFiles } from './openstack-layout.ts'

/** Paths such as `openstack/latest/meta_data.json` to their content. */
export function configDriveFiles(facts: GuestFacts): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (const version of [...EC2_VERSIONS, 'latest']) {
    const tree = ec2Tree(facts, version)!
    const metaData = JSON.stringify(tree['meta-data'], (key, value) => (key === '_name' ? undefined : value))
    files.set(`ec2/${version}/meta-data.json`, Buffer.from(metaData))
    const userData = tree['user-data']
    if (userData instanceof Uint8Array) files.set(`ec2/${version}/user-data`, userData)
  }
  for (const version of [...OPENSTACK_VERSIONS, 'latest']) {
    for (const [name, { body }] of openstackFiles(facts, version, true)!)
      files.set(`openstack/${version}/${name}`, body)
  }
  for (const [name, body] of contentFiles(facts)) files.set(`openstack/content/${name}`, body)
  return files
}
