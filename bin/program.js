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

/**
 * @param ownSession whether it is kept from what a terminal sends to all that run in it: Ctrl-C would end the tools that a
 *   cloud is using (qemu-img, initdb) before it can wait for them. It is told of the signal, and decides
 */
export async function runProgram(program, args, { ownSession = false } = {}) {
  try {
    await ensurePackages()
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`)
    return 1
  }
  const child = spawn(ownNode(), [...FLAGS, program, ...args], {
    stdio: 'inherit',
    // Node.js keeps what it made of each file: without this a start takes twice as long.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'), ...process.env },
    detached: ownSession,
  })
  // Without a session of its own it gets Ctrl-C from the terminal as well. The child decides when it has ended.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', ...(ownSession ? ['SIGWINCH'] : [])]) {
    process.on(signal, () => {
      if (ownSession || signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
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
