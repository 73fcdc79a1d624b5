/**
 * Which extra specs there are, and what each may say: facts of nova/api/validation/extra_specs/. From microversion 2.86
 * on a spec in a known namespace must be one of these; other namespaces, and names without one, are the operator's own.
 */

export type ValueRule =
  | { readonly type: 'text'; readonly pattern?: RegExp; readonly oneOf?: readonly string[] }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'truth' }

const text: ValueRule = { type: 'text' }
const truth: ValueRule = { type: 'truth' }
const integer: ValueRule = { type: 'integer' }
const natural: ValueRule = { type: 'integer', min: 0 }
const positive: ValueRule = { type: 'integer', min: 1 }
const oneOf = (...words: string[]): ValueRule => ({ type: 'text', oneOf: words })
const like = (pattern: RegExp): ValueRule => ({ type: 'text', pattern })

const CPU_SET = /^\^?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*$/
const SHARES = oneOf('custom', 'high', 'normal', 'low')

/** By their whole name. */
export const SPECS: Readonly<Record<string, ValueRule>> = {
  'accel:device_profile': text,
  'hw:cpu_realtime': truth,
  'hw:cpu_realtime_mask': like(CPU_SET),
  'hw:hide_hypervisor_id': truth,
  'hw:cpu_policy': oneOf('dedicated', 'shared', 'mixed'),
  'hw:cpu_thread_policy': oneOf('prefer', 'isolate', 'require'),
  'hw:emulator_threads_policy': oneOf('isolate', 'share'),
  'hw:cpu_dedicated_mask': like(CPU_SET),
  'hw:mem_page_size': like(/^(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)$/),
  'hw:locked_memory': truth,
  'hw:numa_nodes': positive,
  'hw:pci_numa_affinity_policy': oneOf('required', 'preferred', 'legacy', 'socket'),
  'hw:cpu_sockets': positive,
  'hw:cpu_cores': positive,
  'hw:cpu_threads': positive,
  'hw:cpu_max_sockets': positive,
  'hw:cpu_max_cores': positive,
  'hw:cpu_max_threads': positive,
  'hw:boot_menu': truth,
  'hw:vif_multiqueue_enabled': truth,
  'hw:mem_encryption': truth,
  'hw:mem_encryption_model': oneOf('amd-sev', 'amd-sev-es', 'amd-sev-snp'),
  'hw:pmem': like(/^([a-zA-Z0-9_]+,?)+$/),
  'hw:pmu': truth,
  'hw:serial_port_count': natural,
  'hw:tpm_model': oneOf('tpm-tis', 'tpm-crb'),
  'hw:tpm_version': oneOf('1.2', '2.0'),
  'hw:tpm_secret_security': oneOf('user', 'host', 'deployment'),
  'hw:watchdog_action': oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'),
  'hw:viommu_model': oneOf('intel', 'smmuv3', 'virtio', 'auto'),
  'hw:virtio_packed_ring': truth,
  'hw:sound_model': oneOf('sb16', 'es1370', 'pcspk', 'ac97', 'ich6', 'ich9', 'usb', 'virtio'),
  'hw:usb_model': oneOf('none', 'nec-xhci', 'qemu-xhci'),
  'hw:redirected_usb_ports': { type: 'integer', min: 0, max: 15 },
  'hw:ephemeral_encryption': truth,
  'hw:ephemeral_encryption_format': oneOf('plain', 'luks', 'luksv2'),
  'hw_rng:allowed': truth,
  'hw_rng:rate_bytes': natural,
  'hw_rng:rate_period': natural,
  'hw_video:ram_max_mb': natural,
  'os:secure_boot': oneOf('disabled', 'required'),
  'pci_passthrough:alias': like(/^[^:]+:\d+(\s*,\s*[^:]+:\d+)*$/),
  'quota:cpu_limit': natural,
  'quota:cpu_reservation': integer,
  'quota:cpu_shares_level': SHARES,
  'quota:cpu_shares_share': natural,
  'quota:memory_limit': natural,
  'quota:memory_reservation': integer,
  'quota:memory_shares_level': SHARES,
  'quota:memory_shares_share': natural,
  'quota:disk_io_limit': natural,
  'quota:disk_io_reservation': integer,
  'quota:disk_io_shares_level': SHARES,
  'quota:disk_io_shares_share': natural,
  'quota:vif_limit': natural,
  'quota:vif_reservation': integer,
  'quota:vif_shares_level': SHARES,
  'quota:vif_shares_share': natural,
  'quota:cpu_shares': natural,
  'quota:cpu_period': natural,
  'quota:cpu_quota': integer,
  'quota:disk_read_bytes_sec': natural,
  'quota:disk_read_iops_sec': natural,
  'quota:disk_write_bytes_sec': natural,
  'quota:disk_write_iops_sec': natural,
  'quota:disk_total_bytes_sec': natural,
  'quota:disk_total_iops_sec': natural,
  'quota:vif_inbound_average': natural,
  'quota:vif_inbound_peak': natural,
  'quota:vif_inbound_burst': natural,
  'quota:vif_outbound_average': natural,
  'quota:vif_outbound_peak': natural,
  'quota:vif_outbound_burst': natural,
  'vmware:hw_version': text,
  'vmware:storage_policy': text,
  hide_hypervisor_id: truth,
  group_policy: oneOf('isolate', 'none'),
  ...Object.fromEntries(
    [
      ...['id', 'uuid', 'service_id', 'host', 'vcpus', 'memory_mb', 'local_gb', 'vcpus_used', 'memory_mb_used'],
      ...['local_gb_used', 'hypervisor_type', 'hypervisor_version', 'hypervisor_hostname', 'free_ram_mb'],
      ...['free_disk_gb', 'current_workload', 'running_vms', 'disk_available_least', 'host_ip', 'mapped'],
      ...['cpu_allocation_ratio', 'ram_allocation_ratio', 'disk_allocation_ratio', 'total_usable_ram_mb'],
      ...['total_usable_disk_gb', 'disk_mb_used', 'free_disk_mb', 'vcpus_total', 'num_instances', 'num_io_ops'],
      ...['failed_builds', 'aggregates', 'cell_uuid', 'updated'],
    ].map((name) => [`capabilities:${name}`, text]),
  ),
}

const GROUP = '([a-zA-Z0-9_-]{1,64})?'

/** By a pattern of their name. `resources` and `trait` also know placement's names: see extra-specs.ts. */
export const PATTERNS: readonly { readonly name: RegExp; readonly value: ValueRule }[] = [
  { name: /^aggregate_instance_extra_specs:.+$/, value: text },
  {
    name: /^capabilities:(cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(:\w+)*$/,
    value: text,
  },
  { name: /^hw:numa_cpus\.\d+$/, value: like(CPU_SET) },
  { name: /^hw:numa_mem\.\d+$/, value: positive },
]

export const RESOURCES = new RegExp(`^resources${GROUP}:([A-Z0-9_]+)$`)
export const TRAIT = new RegExp(`^trait${GROUP}:([A-Z0-9_]+)$`)
export const TRAIT_VALUE = oneOf('required', 'forbidden')
export const RESOURCE_VALUE = integer

export const NAMESPACES =
  /^(accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|resources([a-zA-Z0-9_-]{1,64})?|trait([a-zA-Z0-9_-]{1,64})?|vmware)$/
