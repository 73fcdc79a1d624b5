#!/usr/bin/env node
/** `npx @stratolith/libvirt`: a small `virsh` on this package alone, and its living example. Start at program.ts. */
import { enableCompileCache } from 'node:module'

// Before anything else is loaded: most of the time of a short command is loading.
enableCompileCache()
const { runProgram } = await import('./program.ts')

// Whoever reads us has seen enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(1)
})
process.exitCode = await runProgram(process.argv.slice(2))
