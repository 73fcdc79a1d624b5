// The npm packages, Node.js among them: are they there, and are they the ones that package-lock.json names?
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** Runs `npm ci` where needed, saying so, with a clock while it runs. */
export async function ensurePackages() {
  if (installedIsCurrent()) return
  const started = Date.now()
  const say = (text) => process.stderr.write(text)
  say('Installing npm packages (Node.js 24, PostgreSQL 18, libraries; about 350 MB on disk) … ')
  const tty = process.stderr.isTTY
  const clock = tty
    ? setInterval(() => say(`\rInstalling npm packages … ${Math.round((Date.now() - started) / 1000)} s `), 1000)
    : undefined
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
  clearInterval(clock)
  if (status !== 0 || !existsSync(ownNode())) {
    say(`failed\n${Buffer.concat(output).toString().trim().split('\n').slice(-15).join('\n')}\n`)
    say(`\nRun \`npm ci\` in ${root} to see it whole, and try again.\n`)
    process.exit(1)
  }
  say(
    `${tty ? '\r' : ''}npm packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s${tty ? '                ' : ''}\n`,
  )
}

/** When the package list was installed, for messages. */
export function installedAt() {
  const marker = join(root, 'node_modules/.package-lock.json')
  return existsSync(marker) ? statSync(marker).mtime : undefined
}
