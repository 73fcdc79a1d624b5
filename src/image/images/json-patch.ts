/**
 * The two dialects of JSON patch that images take, from a body to a list of changes.
 * Source: RequestDeserializer.update in glance/api/v2/images.py
 */
import { validate } from '../../http/schema-versions.ts'
import { invalidBody, propertyReadOnly, propertyReserved, unsupportedMediaType } from '../errors.ts'
import { ImageBody } from './schemas.ts'

export interface Change {
  readonly op: 'add' | 'remove' | 'replace'
  /** The property's name; `locations` may be followed by a position. */
  readonly path: readonly [string, ...string[]]
  /** Absent for `remove`. Checked against the image's schema. */
  readonly value?: unknown
  /** Draft 4, which the older content type speaks, refuses to add what is there. */
  readonly draft: 4 | 10
}

const DRAFTS: Readonly<Record<string, 4 | 10>> = {
  'application/openstack-images-v2.0-json-patch': 4,
  'application/openstack-images-v2.1-json-patch': 10,
}
export const PATCH_TYPES = Object.keys(DRAFTS)

const OPERATIONS = ['add', 'remove', 'replace'] as const
const DEPTH_OF_LOCATIONS = { add: 2, remove: 2, replace: 1 }

const READ_ONLY = new Set([
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'size',
  'virtual_size',
  'direct_url',
  'self',
  'file',
  'schema',
  'id',
  'os_hash_algo',
  'os_hash_value',
  'stores',
])
const RESERVED = new Set(['location', 'deleted', 'deleted_at'])

/** Whether a property's name is this service's own. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name) || name.startsWith('os_glance_')
}

/** Whether a property is there for users to read and not to write. */
export function isReadOnly(name: string): boolean {
  return READ_ONLY.has(name)
}

export function readPatch(contentType: string | undefined, body: unknown): readonly Change[] {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  const draft = Object.hasOwn(DRAFTS, type) ? DRAFTS[type] : undefined
  if (draft === undefined) {
    throw unsupportedMediaType(`Image PATCH expects Content-Type one of: ${PATCH_TYPES.join(', ')}`, {
      'accept-patch': PATCH_TYPES.join(', '),
    })
  }
  if (!Array.isArray(body)) throw invalidBody('Request body must be a JSON array of operation objects.')
  return body.map((raw: unknown) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      throw invalidBody('Operations must be JSON objects.')
    }
    return readChange(raw as Record<string, unknown>, draft)
  })
}

function readChange(raw: Record<string, unknown>, draft: 4 | 10): Change {
  const { op, pointer } = draft === 4 ? operationOfDraft4(raw) : operationOfDraft10(raw)
  const path = readPointer(pointer)
  const allowed = path[0] === 'locations' ? DEPTH_OF_LOCATIONS[op] : 1
  if (path.length !== allowed) throw invalidBody(`Invalid JSON pointer for this resource: '/${path.join('/')}'`)
  if (op !== 'remove' && !Object.hasOwn(raw, 'value')) {
    throw invalidBody(`Operation "${op}" requires a member named "value".`)
  }
  if (isReadOnly(path[0])) throw propertyReadOnly(path[0])
  if (isReserved(path[0])) throw propertyReserved(path[0])
  if (op === 'remove') return { op, path, draft }
  if (path[0].length > 255) throw invalidBody('Custom property should not be greater than 255 characters.')
  const { value } = raw
  validate(0, ImageBody, { [path[0]]: path.length === 1 ? value : [value] })
  return { op, path, value, draft }
}

/** `{"op": "add", "path": "/name", "value": …}` */
function operationOfDraft10(raw: Record<string, unknown>) {
  const available = OPERATIONS.join(', ')
  if (raw.op === undefined || raw.op === null) {
    throw invalidBody(`Unable to find \`op\` in JSON Schema change. It must be one of the following: ${available}.`)
  }
  const op = OPERATIONS.find((each) => each === raw.op)
  if (op === undefined) {
    throw invalidBody(
      `Invalid operation: \`${shown(raw.op).slice(0, 64)}\`. It must be one of the following: ${available}.`,
    )
  }
  if (!Object.hasOwn(raw, 'path')) throw invalidBody("Unable to find 'path' in JSON Schema change")
  return { op, pointer: raw.path }
}

/** A string may not be made of any object: a member `toString` of its own may stand in the way. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `{"add": "/name", "value": …}` */
function operationOfDraft4(raw: Record<string, unknown>) {
  const [op, ...others] = OPERATIONS.filter((each) => Object.hasOwn(raw, each))
  if (others.length > 0) {
    throw invalidBody('Operation objects must contain only one member named "add", "remove", or "replace".')
  }
  if (op === undefined) {
    throw invalidBody('Operation objects must contain exactly one member named "add", "remove", or "replace".')
  }
  return { op, pointer: raw[op] }
}

function readPointer(pointer: unknown): [string, ...string[]] {
  if (typeof pointer !== 'string') throw invalidBody('A JSON pointer must be a string.')
  const quoted = `Pointer \`${pointer.slice(0, 64)}\``
  if (!pointer.startsWith('/')) throw invalidBody(`${quoted} does not start with "/".`)
  if (/\/\s*\//.test(pointer)) throw invalidBody(`${quoted} contains adjacent "/".`)
  if (pointer.length > 1 && pointer.endsWith('/')) throw invalidBody(`${quoted} end with "/".`)
  if (pointer.slice(1).trim() === '') throw invalidBody(`${quoted} does not contains valid token.`)
  if (/~(?![01])/.test(pointer)) {
    throw invalidBody(`${quoted} contains "~" not part of a recognized escape sequence.`)
  }
  const parts = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~').trim())
  return parts as [string, ...string[]]
}
