/** What compute counts, with upstream's defaults. Source: nova/quota.py, nova/conf/quota.py */

export const DEFAULT_LIMITS = {
  instances: 10,
  cores: 20,
  ram: 51_200,
  fixed_ips: -1,
  floating_ips: -1,
  metadata_items: 128,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  security_groups: -1,
  security_group_rules: -1,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
} as const

export type Resource = keyof typeof DEFAULT_LIMITS
export const RESOURCES = Object.keys(DEFAULT_LIMITS) as Resource[]
/** Of each resource so many; -1 is no limit. `ram` is in MiB. */
export type Limits = Readonly<Record<Resource, number>>
/** What is used, of what is counted by project. */
export type Usage = Readonly<Record<'instances' | 'cores' | 'ram' | 'server_groups', number>>
