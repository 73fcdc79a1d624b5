#!/usr/bin/env node
/** `npx @stratolith/libvirt`: a small `virsh` on this package alone, and its living example. Start at program.ts. */
import module from 'node:module'

// `npx` does not look at what a package needs.
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`error: @stratolith/libvirt needs Node.js 24 or later; this is ${process.versions.node}`)
  process.exit(1)
}
// Before anything else is loaded: most of the time of a short command is loading.
module.enableCompileCache()
const { runProgram } = await import('./program.ts')

// Whoever reads us has seen enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(1)
})
process.exitCode = await runProgram(process.argv.slice(2))
