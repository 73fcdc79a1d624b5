/** What importing the package costs, published as it is: compiled to JavaScript. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from './pairs.ts'
import { print } from './print.ts'

const RUNS = 15

export async function loading(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'libvirt-bench-loading-'))
  try {
    const built = join(folder, 'dist')
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, '../build.ts'), built], {
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error('the package does not compile')
    const program = join(folder, 'load.mjs')
    await writeFile(
      program,
      `const before = process.cpuUsage()
       const start = performance.now()
       await import(process.argv[2])
       const { user, system } = process.cpuUsage(before)
       console.log((user + system) / 1000, performance.now() - start)`,
    )
    const index = join(built, 'src/index.js')
    for (const [how, environment] of [
      ['', {}],
      [', compile cache', { NODE_COMPILE_CACHE: join(folder, 'cache') }],
    ] as const) {
      const runs = Array.from({ length: RUNS + 2 }, () => {
        const { stdout } = spawnSync(process.execPath, [program, index], {
          encoding: 'utf8',
          env: { ...process.env, ...environment },
        })
        return stdout.split(' ').map(Number) as [number, number]
      }).slice(2)
      print(`import${how}`, median(runs.map(([, wallMs]) => wallMs)), 'ms')
      print(`import${how}, CPU time`, median(runs.map(([cpuMs]) => cpuMs)), 'ms')
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
