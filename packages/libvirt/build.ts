/**
 * Writes `dist/`, which is what is published: JavaScript with declarations, because Node.js strips no types inside
 * `node_modules`. Run by `npm run build [DIRECTORY]`; then `npm publish ./dist`.
 */
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

const here = import.meta.dirname
const target = resolve(process.argv[2] ?? join(here, 'dist'))

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
compile(target)
await writeFile(join(target, 'package.json'), `${JSON.stringify(await manifest(), undefined, 2)}\n`)
await copyFile(join(here, 'README.md'), join(target, 'README.md'))
await copyFile(join(here, '../../LICENSE'), join(target, 'LICENSE'))

function compile(outDir: string): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const project = join(here, 'tsconfig.build.json')
  const { status } = spawnSync(process.execPath, [tsc, '--project', project, '--outDir', outDir], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the package does not compile')
}

/** Ours with the sources' names made those of what was compiled, and without what only its makers need. */
async function manifest(): Promise<Record<string, unknown>> {
  const { scripts: _, ...own } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >
  const compiled = (path: string) => path.replace(/\.ts$/, '.js')
  const each = (paths: object) => Object.fromEntries(Object.entries(paths).map(([key, path]) => [key, compiled(path)]))
  return {
    ...own,
    exports: each(own.exports as object),
    ...(own.bin !== undefined && { bin: each(own.bin as object) }),
  }
}
