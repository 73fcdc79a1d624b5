/** Merges our entries into the user's clouds.yaml: nothing that is there is changed, comments stay. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Document, isMap, parseDocument } from 'yaml'
import { SettingError } from '../config.ts'
import { writeWhole } from '../state.ts'

export interface CloudEntry {
  readonly auth_url: string
  readonly username: string
  readonly password: string
  readonly project_name: string
  readonly region: string
}

export type Merged = 'added' | 'kept' | 'taken'

/**
 * @returns what became of each name: `added`, `kept` (it says the same already), or `taken` (it is somebody else's
 *   and was left alone)
 */
export function mergeClouds(file: string, entries: Readonly<Record<string, CloudEntry>>): Record<string, Merged> {
  const document: Document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : 'clouds: {}\n')
  if (document.errors.length > 0) throw new SettingError(`${file} is not valid YAML: ${document.errors[0]!.message}`)
  if (document.contents === null) document.contents = document.createNode({}) as never
  if (!isMap(document.contents)) throw new SettingError(`${file} is not a mapping`)
  if (!document.has('clouds') || document.get('clouds') === null) document.set('clouds', document.createNode({}))
  const result: Record<string, Merged> = {}
  for (const [name, { region, ...auth }] of Object.entries(entries)) {
    const wanted = {
      auth: { ...auth, user_domain_id: 'default', project_domain_id: 'default' },
      region_name: region,
      identity_api_version: 3,
    }
    const there = document.getIn(['clouds', name])
    if (there === undefined) {
      document.setIn(['clouds', name], document.createNode(wanted))
      result[name] = 'added'
    } else {
      const same = JSON.stringify((there as { toJSON(): unknown }).toJSON()) === JSON.stringify(wanted)
      result[name] = same ? 'kept' : 'taken'
    }
  }
  if (Object.values(result).includes('added')) {
    const clouds = document.get('clouds')
    if (isMap(clouds)) clouds.flow = false
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeWhole(file, document.toString())
  }
  return result
}
