/**
 * What a client may say of an import. Source: _validate_import_body in glance/api/v2/images.py, get_stores_from_request
 * in glance/common/utils.py
 */
import { invalidBody, storeUnknown } from '../errors.ts'
import { DEFAULT_STORE, type Stores } from '../stores/stores.ts'

/**
 * In the order in which clients are told of them. `glance-download` fetches from another cloud's image service and is
 * off upstream, too.
 */
export const IMPORT_METHODS = ['glance-direct', 'web-download', 'copy-image'] as const
export type ImportMethod = (typeof IMPORT_METHODS)[number]

export interface ImportRequest {
  readonly method: ImportMethod
  /** Where `web-download` fetches from. */
  readonly uri: string
  /** What `web-download` is to find; checked before anybody looks at the bytes. */
  readonly expected: ExpectedHashes
  readonly stores: readonly string[]
  readonly isAllStores: boolean
  /** Whether one store that fails lets the whole fail. */
  readonly mustAllSucceed: boolean
  /** As it came, for the task. */
  readonly body: Readonly<Record<string, unknown>>
}

/** In hex, lower case. */
export interface ExpectedHashes {
  readonly md5?: string
  readonly algorithm?: HashAlgorithm
  readonly value?: string
}

/** Those that publishers of images use, with their lengths in hex. */
export const HASH_LENGTHS = { sha256: 64, sha384: 96, sha512: 128 } as const
export type HashAlgorithm = keyof typeof HASH_LENGTHS

const METHOD_MEMBERS: Readonly<Record<ImportMethod, readonly string[]>> = {
  'glance-direct': ['name'],
  'web-download': ['name', 'uri', 'validation_data'],
  'copy-image': ['name'],
}
const MOST_STORES = 64

/** @throws DomainError invalid `image.body.invalid`, conflict `image.import.impossible` */
export function readImport(body: unknown, storeHeader: string | undefined, stores: Stores): ImportRequest {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  if (typeof body !== 'object' || Array.isArray(body)) throw invalidBody("Import request requires a 'method' field.")
  const fields = body as Record<string, unknown>
  const { all_stores: isAllStores = false, all_stores_must_succeed: mustAllSucceed = true } = fields
  if (fields.method === undefined) throw invalidBody("Import request requires a 'method' field.")
  const method = readMethod(fields.method)
  if (typeof mustAllSucceed !== 'boolean') throw invalidBody("'all_stores_must_succeed' must be boolean value only")
  if (typeof isAllStores !== 'boolean') throw invalidBody("'all_stores' must be boolean value only")
  return {
    ...method,
    stores: readStores(fields.stores, isAllStores, storeHeader, stores),
    isAllStores,
    mustAllSucceed,
    body: fields,
  }
}

function readMethod(given: unknown): Pick<ImportRequest, 'method' | 'uri' | 'expected'> {
  const fields = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>
  const { name } = fields
  if (typeof name !== 'string') throw invalidBody("Import request requires a 'name' field.")
  const method = IMPORT_METHODS.find((each) => each === name)
  if (method === undefined) throw invalidBody(`Unknown import method name '${name.slice(0, 64)}'.`)
  // Clients send a member that they do not use as null or empty.
  const foreign = Object.entries(fields).find(
    ([member, value]) => !METHOD_MEMBERS[method].includes(member) && value !== null && value !== '',
  )
  if (foreign !== undefined) throw invalidBody(`'${foreign[0].slice(0, 64)}' has no meaning for '${method}'.`)
  const { uri = '' } = fields
  if (method !== 'web-download') return { method, uri: '', expected: {} }
  if (typeof uri !== 'string') throw invalidBody("'uri' must be a string.")
  return { method, uri, expected: readExpected(fields.validation_data) }
}

/**
 * The form is that of `validation_data` of a location: `checksum`, and a pair of `os_hash_algo` and `os_hash_value`.
 * Source: _validate_hashing_data in glance/api/v2/images.py
 */
function readExpected(given: unknown): ExpectedHashes {
  if (given === undefined || given === null) return {}
  if (typeof given !== 'object' || Array.isArray(given)) throw invalidBody("'validation_data' must be an object.")
  const {
    checksum,
    os_hash_algo: algorithm = 'sha512',
    os_hash_value: value,
    ...others
  } = given as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) throw invalidBody(`'${other.slice(0, 64)}' has no meaning in 'validation_data'.`)
  if (checksum === undefined && value === undefined) throw invalidBody("'validation_data' names no hash.")
  if (typeof algorithm !== 'string' || !Object.hasOwn(HASH_LENGTHS, algorithm)) {
    throw invalidBody(`'os_hash_algo' must be one of ${Object.keys(HASH_LENGTHS).join(', ')}.`)
  }
  return {
    ...(checksum !== undefined && { md5: readHex('checksum', checksum, 32) }),
    ...(value !== undefined && {
      algorithm: algorithm as HashAlgorithm,
      value: readHex('os_hash_value', value, HASH_LENGTHS[algorithm as HashAlgorithm]),
    }),
  }
}

function readHex(name: string, value: unknown, length: number): string {
  if (typeof value !== 'string' || !/^[0-9a-f]*$/i.test(value)) {
    throw invalidBody(`${name} is not a valid hexadecimal value`)
  }
  if (value.length !== length) {
    throw invalidBody(`${name} is not the correct size (should be (${length / 2}) bytes)`)
  }
  return value.toLowerCase()
}

/** Every store once, in the order of the request. */
function readStores(
  given: unknown,
  isAllStores: boolean,
  storeHeader: string | undefined,
  stores: Stores,
): readonly string[] {
  if (isAllStores) {
    if (given !== undefined || storeHeader !== undefined) {
      throw invalidBody("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
    }
    return stores.all.map(({ id }) => id)
  }
  if (given !== undefined && storeHeader !== undefined) {
    throw invalidBody("Stores parameter and x-image-meta-store header can't be both specified")
  }
  const wanted = given ?? [storeHeader ?? DEFAULT_STORE]
  if (!Array.isArray(wanted) || wanted.length > MOST_STORES || wanted.some((each) => typeof each !== 'string')) {
    throw invalidBody("'stores' must be a list of store ids")
  }
  if (wanted.length === 0) throw invalidBody("'stores' must name a store")
  const unknown = (wanted as string[]).find((each) => !stores.isKnown(each))
  if (unknown !== undefined) throw storeUnknown(unknown)
  return [...new Set(wanted as string[])]
}
