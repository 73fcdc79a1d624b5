/** Which way imports point. The map is here, so it cannot go stale: a folder that is not in it fails. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { it } from 'node:test'

const root = join(import.meta.dirname, '..')
const SERVICES = ['identity', 'image', 'placement', 'compute', 'network', 'volume']
const GROUND = ['domain-error.ts', 'ids.ts', 'thread-priority.ts']
const SERVED = [...GROUND, 'http', 'durable', 'database', 'agent/contract.ts']

/** Folder (or file) of src to what it may import beside itself. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  'domain-error.ts': [],
  'ids.ts': [],
  'thread-priority.ts': [],
  'config.ts': [],
  'state.ts': ['config.ts'],
  'metrics.ts': [],
  http: [...GROUND, 'database', 'durable'],
  database: [],
  durable: [...GROUND, 'database'],
  agent: [...GROUND, 'durable'],
  identity: [...SERVED],
  image: [...SERVED, 'identity/index.ts'],
  placement: [...SERVED, 'identity/index.ts'],
  network: [...SERVED, 'identity/index.ts'],
  volume: [...SERVED, 'identity/index.ts', 'image/index.ts'],
  metadata: [...GROUND, 'network/index.ts'],
  compute: [
    ...SERVED,
    ...['identity', 'image', 'placement', 'network', 'volume', 'metadata'].map((each) => `${each}/index.ts`),
  ],
  'drivers.ts': [...GROUND, 'agent', 'cloud.ts', 'config.ts'],
  'cloud.ts': [
    ...SERVED,
    ...SERVICES.map((each) => `${each}/index.ts`),
    'metadata/index.ts',
    'config.ts',
    'metrics.ts',
  ],
  cli: [...GROUND, 'http', 'durable', 'database', 'cloud.ts', 'drivers.ts', 'config.ts', 'state.ts', 'agent/libvirt'],
  'main.ts': ['cli', 'config.ts', 'domain-error.ts'],
}

const room = (path: string) => path.split('/')[0]!

it('imports point from services to the ground and never back up', () => {
  const wrong: string[] = []
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    const from = relative('src', file)
    if (/(\.test|\.contract|-under-test|stock-tests)\.ts$/.test(from)) continue
    const allowed = MAY[room(from)]
    assert.ok(allowed, `src/${from} is in no room of the map`)
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, target] of text.matchAll(/(?:from|import\()\s*'(\.{1,2}\/[^']+)'/g)) {
      const to = relative(join(root, 'src'), join(root, dirname(file), target!))
      if (to.startsWith('../bin') && room(from) === 'cli') continue
      if (room(to) === room(from)) continue
      if (!allowed.some((each) => to === each || to.startsWith(`${each}/`))) wrong.push(`src/${from} imports ${to}`)
    }
  }
  assert.deepEqual(wrong, [])
})

it('packages know nothing of this cloud', () => {
  const wrong = globSync('packages/*/src/**/*.ts', { cwd: root }).filter((file) =>
    /from '(\.\.\/){3,}|from '(?!@stratolith\/|node:|\.)/.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(wrong, [])
})
