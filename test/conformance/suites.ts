/** The public suites that we run, each as its distribution package has it, and what each wants to be told of a cloud. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { goTests } from './gophercloud.ts'
import type { Result } from './outcomes.ts'
import { stestr } from './stestr.ts'
import { tempestConfig } from './tempest-config.ts'
import type { Testbed } from './testbed.ts'

export interface Suite {
  /** Also the name of its list: `<name>.tsv`. */
  readonly name: string
  /** As people know it, with the version that its list was made from. */
  readonly title: string
  /** Package of Debian and its family, a file that proves it, and what it is for. */
  readonly packages: readonly (readonly [name: string, proof: string, purpose: string])[]
  /** How many at once, where nobody says: one where tests of the suite get in each other's way. */
  readonly concurrency: number
  /** Which tests are about several stores of images: all others find one, and some would wait for the rest of them. */
  readonly wantsSecondStore?: (test: string) => boolean
  run(bed: Testbed, run: SuiteRun): Promise<void>
}

export interface SuiteRun {
  readonly tests: readonly string[]
  readonly concurrency: number
  onLine(line: string): void
  onResult(test: string, result: Result): void
}

const PYTHON = '/usr/lib/python3/dist-packages'
const STESTR = ['python3-stestr', '/usr/bin/stestr', 'runs tests'] as const
// The command line clients' tests use its library.
const TEMPEST_LIBRARY = ['python3-tempest', `${PYTHON}/tempest/lib/__init__.py`, 'what tests are made of'] as const
const DISKS = ['qemu-utils', '/usr/bin/qemu-img', 'makes the image that suites look for'] as const

const tempest: Suite = {
  name: 'tempest',
  title: 'Tempest 33.0.0',
  packages: [['tempest', '/usr/bin/tempest', 'the suite'], TEMPEST_LIBRARY, STESTR, DISKS],
  concurrency: 2,
  wantsSecondStore: (test) => test.includes('.MultiStores'),
  async run(bed, run) {
    const workspace = join(bed.dir, 'tempest')
    const env = environment(bed)
    const init = ['init', '--workspace-path', join(bed.dir, 'workspaces.yaml'), workspace]
    await promisify(execFile)('tempest', init, { cwd: bed.dir, env })
    await mkdir(join(workspace, 'etc'), { recursive: true })
    await writeFile(join(workspace, 'etc/tempest.conf'), tempestConfig(bed, join(bed.dir, 'locks')))
    await stestr({ ...run, workspace, environment: env, tagged: true })
  },
}

/** A client written in Python, whose package has its functional tests in it. */
function pythonClient(
  name: string,
  title: string,
  { pkg, module, more = [], concurrency = 1, files = {}, settings = () => ({}) }: PythonClient,
): Suite {
  const tests = `${module}/tests/functional`
  return {
    name,
    title,
    packages: [[pkg, `${PYTHON}/${tests}/__init__.py`, 'the suite'], ...more, TEMPEST_LIBRARY, STESTR, DISKS],
    concurrency,
    async run(bed, run) {
      const workspace = join(bed.dir, name)
      await mkdir(workspace)
      const conf = `[DEFAULT]\ntest_path=${PYTHON}/${tests}\ntop_dir=${PYTHON}\n`
      for (const [file, text] of Object.entries({ '.stestr.conf': conf, ...files }))
        await writeFile(join(workspace, file), text)
      const env = { ...environment(bed), ...settings(bed) }
      await promisify(execFile)('stestr', ['init'], { cwd: workspace, env })
      await stestr({ ...run, workspace, environment: env })
    },
  }
}

interface PythonClient {
  readonly pkg: string
  readonly module: string
  /** Other packages that its tests import. */
  readonly more?: Suite['packages']
  readonly concurrency?: number
  /** What its tests take for granted beside them, as they stand in its source tree. */
  readonly files?: Readonly<Record<string, string>>
  readonly settings?: (bed: Testbed) => NodeJS.ProcessEnv
}

const python = (module: string) => [`python3-${module}`, `${PYTHON}/${module}/__init__.py`, 'its tests use it'] as const
const CONFIG = ['python3-os-client-config', `${PYTHON}/os_client_config/__init__.py`, 'its tests use it'] as const

/** Go's client, and what its tests are told by variables of the environment. */
const gophercloud: Suite = {
  name: 'gophercloud',
  title: 'gophercloud 0.12.0',
  packages: [
    ['golang-github-gophercloud-gophercloud-dev', '/usr/share/gocode/src/github.com/gophercloud', 'the suite'],
    ['golang-go', '/usr/bin/go', 'runs it'],
    DISKS,
  ],
  concurrency: 1,
  run: (bed, run) =>
    goTests({
      ...run,
      dir: bed.dir,
      environment: {
        ...environment(bed),
        ...administrator(bed),
        OS_DOMAIN_ID: 'default',
        OS_BRANCH: 'master',
        // Go asks no proxy for what is on this machine.
        http_proxy: bed.downloadsUrl,
        OS_IMAGE_ID: bed.imageId,
        OS_FLAVOR_ID: bed.flavors['m1.tiny'],
        OS_FLAVOR_ID_RESIZE: bed.flavors['m1.small'],
        OS_NETWORK_NAME: 'private',
        OS_NETWORK_ID: bed.networks.private,
        OS_SUBNET_ID: bed.privateSubnetId,
        OS_EXTGW_ID: bed.networks.public,
        OS_POOL_NAME: 'public',
      },
    }),
}

export const SUITES: readonly Suite[] = [
  tempest,
  pythonClient('openstackclient', 'python-openstackclient 6.0.0', {
    pkg: 'python3-openstackclient',
    module: 'openstackclient',
    concurrency: 2,
  }),
  pythonClient('openstacksdk', 'openstacksdk 0.101.0', {
    pkg: 'python3-openstacksdk',
    module: 'openstack',
    files: { 'CONTRIBUTING.rst': 'Tests upload this.\n' },
    // Waits for a status less long than for real guests.
    settings: () => ({ OS_CLOUD: 'devstack-admin', OPENSTACKSDK_FUNC_TEST_TIMEOUT: '60' }),
  }),
  gophercloud,
  pythonClient('novaclient', 'python-novaclient 18.1.0', {
    pkg: 'python3-novaclient',
    module: 'novaclient',
    more: ['cinderclient', 'glanceclient', 'keystoneclient', 'neutronclient'].map(python),
    settings: (bed) => ({
      ...administrator(bed),
      OS_NOVACLIENT_EXEC_DIR: '/usr/bin',
      OS_NOVACLIENT_NETWORK: 'private',
    }),
  }),
  pythonClient('cinderclient', 'python-cinderclient 9.1.0', {
    pkg: 'python3-cinderclient',
    module: 'cinderclient',
    settings: (bed) => ({ ...administrator(bed), OS_CINDERCLIENT_EXEC_DIR: '/usr/bin' }),
  }),
  pythonClient('neutronclient', 'python-neutronclient 8.1.0', {
    pkg: 'python3-neutronclient',
    module: 'neutronclient',
    more: [CONFIG],
    settings: (bed) => ({ ...administrator(bed), OS_NEUTRONCLIENT_EXEC_DIR: '/usr/bin' }),
  }),
  pythonClient('glanceclient', 'python-glanceclient 4.1.0', {
    pkg: 'python3-glanceclient',
    module: 'glanceclient',
    more: [CONFIG],
    settings: (bed) => ({ ...administrator(bed), OS_GLANCECLIENT_EXEC_DIR: '/usr/bin' }),
  }),
]

/** The distribution's programs, whatever others come first, and no cloud but the one that is tested. */
function environment({ dir, cloudsYaml }: Testbed): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OS_|OPENSTACKSDK_|PYTHON)/.test(name))
  return {
    ...Object.fromEntries(inherited),
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: dir,
    PYTHONWARNINGS: 'ignore',
    OS_CLIENT_CONFIG_FILE: cloudsYaml,
    // Seconds that a test may take, where a suite heeds it.
    OS_TEST_TIMEOUT: '180',
    OS_STDOUT_CAPTURE: '1',
    OS_STDERR_CAPTURE: '1',
    OS_LOG_CAPTURE: '1',
  }
}

/** The variables by which clients learn who asks. */
function administrator({ url, password }: Testbed): NodeJS.ProcessEnv {
  return {
    OS_AUTH_URL: `${url}/identity/v3`,
    OS_USERNAME: 'admin',
    OS_PASSWORD: password,
    OS_PROJECT_NAME: 'admin',
    OS_TENANT_NAME: 'admin',
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
    OS_REGION_NAME: 'RegionOne',
    OS_IDENTITY_API_VERSION: '3',
  }
}
