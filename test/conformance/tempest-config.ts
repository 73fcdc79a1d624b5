/** tempest.conf for an emulator: what is offered, and where it is. Guests are pretended, so nothing logs in to them. */
import { send } from '../support/http-load.ts'

export async function tempestConfig({
  url,
  password,
  lockDir,
}: {
  url: string
  password: string
  lockDir: string
}): Promise<string> {
  const domain = { id: 'default' }
  const login = await send(
    url,
    'POST',
    '/identity/v3/auth/tokens',
    {},
    {
      auth: {
        identity: { methods: ['password'], password: { user: { name: 'admin', domain, password } } },
        scope: { project: { name: 'admin', domain } },
      },
    },
  )
  const headers = { 'x-auth-token': String(login.headers['x-subject-token']) }
  const get = async (path: string) => JSON.parse((await send(url, 'GET', path, headers)).text)
  const image = (await get('/image/v2/images?name=tiny')).images[0].id
  const flavors = (await get('/compute/v2.1/flavors')).flavors as { id: string; name: string }[]
  const flavor = (name: string) => flavors.find((each) => each.name === name)!.id
  const network = (await get('/network/v2.0/networks?name=public')).networks[0].id
  const extensions = ((await get('/network/v2.0/extensions')).extensions as { alias: string }[]).map(
    ({ alias }) => alias,
  )
  return ini({
    DEFAULT: { log_file: 'tempest.log' },
    oslo_concurrency: { lock_path: lockDir },
    auth: {
      use_dynamic_credentials: true,
      admin_username: 'admin',
      admin_password: password,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
      create_isolated_networks: extensions.includes('router'),
    },
    identity: { uri_v3: `${url}/identity/v3`, auth_version: 'v3', region: 'RegionOne', v3_endpoint_type: 'public' },
    'identity-feature-enabled': {
      api_v3: true,
      security_compliance: false,
      application_credentials: true,
      access_rules: false,
      domain_specific_drivers: false,
      immutable_user_source: false,
    },
    service_available: { nova: true, neutron: true, glance: true, cinder: true, swift: false, horizon: false },
    compute: {
      image_ref: image,
      image_ref_alt: image,
      flavor_ref: flavor('tiny'),
      flavor_ref_alt: flavor('m1.tiny'),
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
    network: { public_network_id: network, project_network_cidr: '10.100.0.0/16' },
    'network-feature-enabled': {
      api_extensions: extensions.join(','),
      ipv6: true,
      floating_ips: extensions.includes('router'),
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
    image: { disk_formats: 'raw', container_formats: 'bare,ami,aki,ari' },
    'image-feature-enabled': { api_v2: true, import_image: true, os_glance_reserved: true },
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
