/** What is published, as one who installs it has it: packed, installed into an empty folder, imported and compiled against. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const program = `import { connect, LibvirtError } from '@stratolith/libvirt'
import { VIR_DOMAIN_RUNNING } from '@stratolith/libvirt/constants'

const error = await connect('test+unix:///default?socket=/nowhere').catch((error: unknown) => error)
if (!(error instanceof LibvirtError)) throw error
const asked: boolean = error.isNotFound()
console.log(VIR_DOMAIN_RUNNING, asked)
`

describe('the published package', () => {
  let folder: string
  // `npx` and what it runs take the Node that they find.
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }
  const run = (file: string, ...args: string[]) => execFileSync(file, args, { cwd: folder, encoding: 'utf8', env })
  const node = (...args: string[]) => run(process.execPath, ...args)

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'libvirt-published-'))
    const dist = join(folder, 'dist')
    node(join(import.meta.dirname, '../build.ts'), dist)
    run('npm', 'pack', '--silent', '--pack-destination', folder, dist)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
    run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent', './stratolith-libvirt-0.1.0.tgz')
    rmSync(dist, { recursive: true })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('brings nothing else with it', () => {
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
    assert.deepEqual(Object.keys(lock.packages).sort(), ['', 'node_modules/@stratolith/libvirt'])
  })

  it('runs from where it is installed', () => {
    writeFileSync(join(folder, 'first.ts'), program)
    assert.equal(node('first.ts'), '1 false\n')
  })

  it('is a command line, of its own name and through npx', () => {
    const { version } = JSON.parse(readFileSync(join(folder, 'node_modules/@stratolith/libvirt/package.json'), 'utf8'))
    assert.equal(run(join(folder, 'node_modules/.bin/libvirt'), '--version'), `${version}\n`)
    assert.equal(run('npx', '--offline', '@stratolith/libvirt', '--version'), `${version}\n`)
    assert.match(run('npx', '--offline', '@stratolith/libvirt', 'help', 'list'), /^ {2}NAME\n {4}list - /)
  })

  it('is typed, declarations and all', () => {
    writeFileSync(join(folder, 'first.ts'), program)
    const require = createRequire(import.meta.url)
    const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
    const typeRoots = join(dirname(require.resolve('@types/node/package.json')), '..')
    const strict = ['--strict', '--skipLibCheck', 'false', '--module', 'nodenext', '--target', 'es2024']
    const lib = ['--lib', 'es2024,esnext.disposable,esnext.iterator', '--types', 'node', '--typeRoots', typeRoots]
    node(tsc, '--noEmit', ...strict, ...lib, 'first.ts')
  })
})
