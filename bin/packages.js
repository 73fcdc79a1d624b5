// The npm packages, Node.js among them: are they there, and are they the ones that package-lock.json names?
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openProgress } from './progress.js'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Path of the project's own Node.js. */
export function ownNode() {
  return join(root, 'node_modules/node/bin/node')
}

/** npm writes this file at the end of every install; it is older than the lock file when the lock file has changed. */
function installedIsCurrent() {
  const marker = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(marker) || !existsSync(ownNode())) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const found = JSON.parse(readFileSync(marker, 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) =>
    path === '' || entry.optional || entry.link || found[path] === undefined
      ? path === '' || entry.optional || entry.link || !path.startsWith('node_modules/')
      : found[path].version === entry.version,
  )
}

/** Runs `npm ci` where needed, saying so. @throws Error with the end of what npm said */
export async function ensurePackages(progress = openProgress()) {
  if (installedIsCurrent()) return
  progress.say('npm packages are installed: Node.js 24, PostgreSQL 18 and libraries, about 350 MB on disk')
  await progress.during('npm packages', async () => {
    const output = []
    const status = await new Promise((resolve) => {
      const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      npm.stdout.on('data', (chunk) => output.push(chunk))
      npm.stderr.on('data', (chunk) => output.push(chunk))
      npm.on('error', (error) => {
        output.push(Buffer.from(String(error.message)))
        resolve(1)
      })
      npm.on('exit', resolve)
    })
    if (status === 0 && existsSync(ownNode())) return
    const said = Buffer.concat(output).toString().trim().split('\n').slice(-15).join('\n')
    throw new Error(`${said}\n\nRun \`npm ci\` in ${root} to see it whole, and try again.`)
  })
}

/** When the package list was installed, for messages. */
export function installedAt() {
  const marker = join(root, 'node_modules/.package-lock.json')
  return existsSync(marker) ? statSync(marker).mtime : undefined
}
