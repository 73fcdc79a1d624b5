/** `npm run functions`: writes docs/functions.md; first generate/functions.tsv, where libvirt-dev is installed. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { functionsOfApi, functionsPage } from './functions.ts'

const root = join(import.meta.dirname, '..')
const apiDirectory = process.env.LIBVIRT_API_DIR ?? '/usr/share/libvirt/api'
const files = ['libvirt-api.xml', 'libvirt-qemu-api.xml'].map((file) => join(apiDirectory, file))
if (files.every((file) => existsSync(file))) {
  const functions = files.flatMap((file) => functionsOfApi(readFileSync(file, 'utf8')))
  const lines = functions.map(({ area, name }) => `${area}\t${name}`).sort()
  writeFileSync(join(root, 'generate/functions.tsv'), `area\tfunction\n${lines.join('\n')}\n`)
}
mkdirSync(join(root, 'docs'), { recursive: true })
writeFileSync(join(root, 'docs/functions.md'), functionsPage())
