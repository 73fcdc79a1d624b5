// Runs one of our TypeScript programs with the project's own Node.js. Plain JavaScript without dependencies, because it
// must start on any Node.js from 18 on, before anything is installed.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensurePackages, ownNode, root } from './packages.js'

const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=DeprecationWarning',
  // V8 would let garbage grow to several times what is in use, and keep that memory.
  '--heap-growing-percent=50',
  '--max-semi-space-size=16',
]

export async function runProgram(program, args, env = {}) {
  try {
    await ensurePackages()
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`)
    return 1
  }
  const child = spawn(ownNode(), [...FLAGS, program, ...args], {
    stdio: 'inherit',
    // Node.js keeps what it made of each file: without this a start takes twice as long.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'), ...process.env, ...env },
  })
  // The terminal sends Ctrl-C to both; the child decides when it has ended.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  return await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`cannot run ${ownNode()}: ${error.message}`)
      resolve(2)
    })
    child.on('exit', (code, signal) => resolve(signal === null ? code : 1))
  })
}
