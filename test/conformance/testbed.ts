/**
 * What public suites find when they come: a fresh emulator with two hosts and, beside what a first cloud has, what they
 * take for granted because DevStack makes it: a second project with its own user, an image called cirros, and images to
 * be fetched from elsewhere.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { freePort, startCloud } from '../support/cloud-process.ts'
import { send } from '../support/http-load.ts'

export interface Testbed extends AsyncDisposable {
  readonly url: string
  /** Scratch: gone with the testbed unless it is kept. */
  readonly dir: string
  /** Where images are fetched from in place of the internet. */
  readonly downloadsUrl: string
  readonly password: string
  /** DevStack's names for admin, demo and alt_demo. */
  readonly cloudsYaml: string
  readonly imageId: string
  /** The image called cirros, and the file that it was made from. */
  readonly cirros: { readonly id: string; readonly path: string }
  /** Ids by name. */
  readonly flavors: Readonly<Record<string, string>>
  readonly networks: Readonly<Record<string, string>>
  readonly extensions: readonly string[]
  /** The first subnet of the network `private`. */
  readonly privateSubnetId: string
}

interface Named {
  readonly id: string
  readonly name: string
}

/**
 * @param dir an empty folder that other users may pass: PostgreSQL runs as one of its own
 * @param hasSecondStore whether images may lie in a store `second`, too
 */
export async function openTestbed(dir: string, { hasSecondStore = false } = {}): Promise<Testbed> {
  const port = await freePort()
  await using opened = new AsyncDisposableStack()
  const disk = await emptyDisk(dir)
  const downloads = opened.use(await serveDownloads(await readFile(disk)))
  // A cloud wants a directory for itself.
  const state = join(dir, 'cloud')
  const emulator = await startCloud(state, port, [
    ...['--emulator', '--clouds-yaml', 'none'],
    ...['--simulated-hosts', '2'],
    ...(hasSecondStore ? ['--image-stores', `second=${join(dir, 'second-store')}`] : []),
    ...['--image-import-networks', '127.0.0.0/8', '--image-import-ports', 'all', '--image-unified-limits'],
  ])
  opened.defer(() => emulator.stop())
  const found = await furnish(emulator.url, state, dir, disk)
  const all = opened.move()
  return { ...found, downloadsUrl: downloads.url, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/**
 * What the internet has for suites: `…/disk.raw` is an empty raw disk, and everything else an empty qcow2 disk. As a
 * proxy it answers for every host.
 */
async function serveDownloads(qcow2: Buffer): Promise<AsyncDisposable & { readonly url: string }> {
  const raw = Buffer.alloc(1 << 20)
  const server = createServer((request, response) => {
    response.end(request.url?.endsWith('/disk.raw') === true ? raw : qcow2)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function furnish(
  url: string,
  state: string,
  dir: string,
  disk: string,
): Promise<Omit<Testbed, typeof Symbol.asyncDispose | 'downloadsUrl'>> {
  const passwords = JSON.parse(await readFile(join(state, 'passwords.json'), 'utf8')) as { admin: string; demo: string }
  const { ask, upload } = await asAdmin(url, passwords.admin)
  await registerImageLimits(ask)
  const alternative = await secondProject(ask, passwords.demo)
  const cirrosId = await cirros(ask)
  await upload(cirrosId, await readFile(disk))
  const images = (await ask('GET', '/image/v2/images?name=tiny')).images as Named[]
  const flavors = (await ask('GET', '/compute/v2.1/flavors')).flavors as Named[]
  const networks = (await ask('GET', '/network/v2.0/networks')).networks as (Named & { subnets: string[] })[]
  const extensions = (await ask('GET', '/network/v2.0/extensions')).extensions as { alias: string }[]
  const byName = (all: readonly Named[]) => Object.fromEntries(all.map(({ id, name }) => [name, id]))
  // Where clients look when no variable says otherwise: `dir` is their home.
  const cloudsYaml = join(dir, '.config/openstack/clouds.yaml')
  const entry = (username: string, password: string, scope: object) => ({
    auth: { auth_url: `${url}/identity/v3`, username, password, user_domain_id: 'default', ...scope },
    region_name: 'RegionOne',
    identity_api_version: '3',
    // Here, unlike with DevStack, servers may lie on the public network as well.
    networks: [
      { name: 'private', default_interface: true, nat_destination: true },
      { name: 'public', routes_externally: true },
    ],
  })
  const cloud = (username: string, password: string) =>
    entry(username, password, { project_name: username, project_domain_id: 'default' })
  const clouds = {
    devstack: cloud('demo', passwords.demo),
    'devstack-admin': cloud('admin', passwords.admin),
    'devstack-alt': cloud(alternative, passwords.demo),
    'devstack-system-admin': entry('admin', passwords.admin, { system_scope: 'all' }),
    functional_admin: cloud('admin', passwords.admin),
  }
  await mkdir(dirname(cloudsYaml), { recursive: true })
  await writeFile(cloudsYaml, stringify({ clouds }), { mode: 0o600 })
  return {
    url,
    dir,
    password: passwords.admin,
    cloudsYaml,
    imageId: images[0]!.id,
    cirros: { id: cirrosId, path: disk },
    flavors: byName(flavors),
    networks: byName(networks),
    extensions: extensions.map(({ alias }) => alias),
    privateSubnetId: networks.find(({ name }) => name === 'private')!.subnets[0]!,
  }
}

/** With the limits enforced, an image could not be made before they are registered. */
async function registerImageLimits(ask: Ask): Promise<void> {
  const [service] = (await ask('GET', '/identity/v3/services?type=image')).services as Named[]
  const names = ['image_size_total', 'image_stage_total', 'image_count_total', 'image_count_uploading']
  await ask('POST', '/identity/v3/registered_limits', {
    registered_limits: names.map((resource_name) => ({
      service_id: service!.id,
      region_id: 'RegionOne',
      resource_name,
      default_limit: 1000,
    })),
  })
}

interface Administrator {
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds, whose askers know what they asked for
  ask(method: string, path: string, body?: unknown): Promise<any>
  upload(imageId: string, bytes: Buffer): Promise<void>
}

type Ask = Administrator['ask']

/** Calls as the administrator of project `admin`. @throws Error when one is refused */
async function asAdmin(url: string, password: string): Promise<Administrator> {
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
  return {
    async ask(method, path, body) {
      const { status, text } = await send(url, method, path, headers, body)
      if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    async upload(imageId, bytes) {
      const answer = await fetch(`${url}/image/v2/images/${imageId}/file`, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/octet-stream' },
        body: bytes,
      })
      if (!answer.ok) throw new Error(`upload: ${answer.status} ${await answer.text()}`)
    },
  }
}

/** Project and user `alt_demo`. Answers their name. */
async function secondProject(ask: Ask, password: string): Promise<string> {
  const name = 'alt_demo'
  const domain_id = 'default'
  const { project } = await ask('POST', '/identity/v3/projects', { project: { name, domain_id } })
  const { user } = await ask('POST', '/identity/v3/users', { user: { name, domain_id, password } })
  const { roles } = await ask('GET', '/identity/v3/roles?name=member')
  await ask('PUT', `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`)
  return name
}

/** An image without bytes under the name that suites look for. Answers its id. */
async function cirros(ask: Ask): Promise<string> {
  const { id } = await ask('POST', '/image/v2/images', {
    name: 'cirros-0.6.2-x86_64-disk',
    disk_format: 'qcow2',
    container_format: 'bare',
    visibility: 'public',
  })
  return id
}

/** A qcow2 disk of 64 MiB. Answers its path. */
async function emptyDisk(dir: string): Promise<string> {
  const path = join(dir, 'cirros.qcow2')
  await promisify(execFile)('qemu-img', ['create', '-q', '-f', 'qcow2', path, '64M'])
  return path
}
