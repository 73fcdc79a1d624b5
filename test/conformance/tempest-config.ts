/** tempest.conf for an emulator: what is offered, and where it is. Guests are pretended, so nothing logs in to them. */
import type { Testbed } from './testbed.ts'

/** @param lockDir where it may keep its locks */
export function tempestConfig(bed: Testbed, lockDir: string): string {
  return ini({
    DEFAULT: { log_file: 'tempest.log' },
    oslo_concurrency: { lock_path: lockDir },
    auth: {
      use_dynamic_credentials: true,
      admin_username: 'admin',
      admin_password: bed.password,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
      create_isolated_networks: bed.extensions.includes('router'),
    },
    identity: { uri_v3: `${bed.url}/identity/v3`, auth_version: 'v3', region: 'RegionOne', v3_endpoint_type: 'public' },
    'identity-feature-enabled': {
      api_v3: true,
      security_compliance: false,
      application_credentials: true,
      access_rules: true,
      domain_specific_drivers: false,
      immutable_user_source: false,
    },
    service_available: { nova: true, neutron: true, glance: true, cinder: true, swift: false, horizon: false },
    compute: {
      image_ref: bed.imageId,
      image_ref_alt: bed.cirros.id,
      flavor_ref: bed.flavors.tiny!,
      flavor_ref_alt: bed.flavors['m1.tiny']!,
      min_compute_nodes: 2,
      max_microversion: 'latest',
      build_timeout: 30,
      build_interval: 1,
      fixed_network_name: 'public',
    },
    'compute-feature-enabled': {
      console_output: true,
      vnc_console: false,
      resize: false,
      live_migration: false,
      cold_migration: false,
      pause: false,
      suspend: false,
      shelve: false,
      rescue: false,
      snapshot: false,
      change_password: false,
      attach_encrypted_volume: false,
      swap_volume: false,
      personality: false,
      xenapi_apis: true,
      config_drive: true,
      interface_attach: true,
      volume_backup: false,
    },
    network: { public_network_id: bed.networks.public!, project_network_cidr: '10.100.0.0/16' },
    'network-feature-enabled': {
      api_extensions: bed.extensions.join(','),
      ipv6: true,
      floating_ips: bed.extensions.includes('router'),
      port_security: true,
    },
    volume: {
      max_microversion: 'latest',
      build_timeout: 30,
      build_interval: 1,
      storage_protocol: 'iSCSI',
      vendor_name: 'Open Source',
      catalog_type: 'volumev3',
    },
    'volume-feature-enabled': {
      backup: false,
      snapshot: true,
      multi_backend: false,
      clone: true,
      manage_volume: false,
      manage_snapshot: false,
      extend_attached_volume: true,
      consistency_group: false,
    },
    image: {
      disk_formats: 'raw',
      container_formats: 'bare,ami,aki,ari',
      build_timeout: 60,
      http_image: `${bed.downloadsUrl}/disk.raw`,
    },
    'image-feature-enabled': { api_v2: true, import_image: true, os_glance_reserved: true },
    scenario: { img_file: bed.cirros.path, img_disk_format: 'qcow2' },
    placement: { max_microversion: 'latest' },
    validation: { run_validation: false, connect_method: 'fixed' },
  })
}

function ini(sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>): string {
  return Object.entries(sections)
    .map(
      ([name, entries]) =>
        `[${name}]\n${Object.entries(entries)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join('')}`,
    )
    .join('\n')
}
