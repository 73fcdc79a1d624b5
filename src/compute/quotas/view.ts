/** Which resources an answer shows at which version. Sources: quota_sets.py, quota_classes.py, views/limits.py of nova */
import { type Microversion, microversion } from '../../http/microversions.ts'
import { type Limits, RESOURCES, type Resource, type Usage } from './resources.ts'

/** Quotas that are the network service's own business. */
const NETWORK: readonly Resource[] = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules']
const INJECTED: readonly Resource[] = ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes']
const GROUPS: readonly Resource[] = ['server_groups', 'server_group_members']

const SETS_WITHOUT_NETWORK = microversion('2.36')
const CLASSES_WITHOUT_NETWORK = microversion('2.50')
const NO_IMAGE_META = microversion('2.39')
const WITHOUT_INJECTED = microversion('2.57')

function shown(version: Microversion, networkGoneAt: Microversion): Resource[] {
  return RESOURCES.filter(
    (resource) =>
      !(version >= networkGoneAt && NETWORK.includes(resource)) &&
      !(version >= WITHOUT_INJECTED && INJECTED.includes(resource)),
  )
}

export function viewQuotaSet(limits: Limits, version: Microversion) {
  return Object.fromEntries(shown(version, SETS_WITHOUT_NETWORK).map((resource) => [resource, limits[resource]]))
}

export function viewQuotaDetail(limits: Limits, usage: Usage, version: Microversion) {
  return Object.fromEntries(
    shown(version, SETS_WITHOUT_NETWORK).map((resource) => [
      resource,
      { limit: limits[resource], in_use: usage[resource as keyof Usage] ?? 0, reserved: 0 },
    ]),
  )
}

export function viewQuotaClass(limits: Limits, version: Microversion) {
  return Object.fromEntries(
    shown(version, CLASSES_WITHOUT_NETWORK)
      .filter((resource) => version >= CLASSES_WITHOUT_NETWORK || !GROUPS.includes(resource))
      .map((resource) => [resource, limits[resource]]),
  )
}

const LIMIT_NAMES: readonly (readonly [Resource, string])[] = [
  ['ram', 'maxTotalRAMSize'],
  ['instances', 'maxTotalInstances'],
  ['cores', 'maxTotalCores'],
  ['key_pairs', 'maxTotalKeypairs'],
  ['floating_ips', 'maxTotalFloatingIps'],
  ['metadata_items', 'maxServerMeta'],
  ['metadata_items', 'maxImageMeta'],
  ['injected_files', 'maxPersonality'],
  ['injected_file_content_bytes', 'maxPersonalitySize'],
  ['security_groups', 'maxSecurityGroups'],
  ['security_group_rules', 'maxSecurityGroupRules'],
  ['server_groups', 'maxServerGroups'],
  ['server_group_members', 'maxServerGroupMembers'],
]
const USED_NAMES: readonly (readonly [Resource, string])[] = [
  ['ram', 'totalRAMUsed'],
  ['cores', 'totalCoresUsed'],
  ['instances', 'totalInstancesUsed'],
  ['floating_ips', 'totalFloatingIpsUsed'],
  ['security_groups', 'totalSecurityGroupsUsed'],
  ['server_groups', 'totalServerGroupsUsed'],
]

export function viewLimits(limits: Limits, usage: Usage, version: Microversion) {
  const visible = new Set(shown(version, SETS_WITHOUT_NETWORK))
  const absolute: Record<string, number> = {}
  for (const [resource, name] of LIMIT_NAMES) {
    if (name === 'maxImageMeta' && version >= NO_IMAGE_META) continue
    if (visible.has(resource)) absolute[name] = limits[resource]
  }
  for (const [resource, name] of USED_NAMES) {
    if (visible.has(resource)) absolute[name] = usage[resource as keyof Usage] ?? 0
  }
  return { rate: [], absolute }
}
