/** What a person calls a guest, a network, a pool or a volume, and the thing itself. */
import {
  type Connection,
  type Domain,
  LibvirtError,
  type Network,
  type StoragePool,
  type StorageVolume,
} from '@stratolith/libvirt'
import { attempt, CommandError } from './command.ts'

const looksLikeUuid = (text: string) => /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text)

/** By its number, its uuid or its name, whichever fits first. */
export async function findDomain({ domains }: Connection, text: string): Promise<Domain> {
  const byId = /^\d{1,9}$/.test(text) ? await domains.findById(Number(text)) : undefined
  const byUuid = byId === undefined && looksLikeUuid(text) ? await domains.findByUuid(text) : undefined
  const domain = byId ?? byUuid ?? (await domains.findByName(text))
  if (domain === undefined) throw new CommandError(`failed to get domain '${text}'`)
  return domain
}
/** By its uuid or its name. */
export async function findNetwork({ networks }: Connection, text: string): Promise<Network> {
  const byUuid = looksLikeUuid(text) ? await networks.findByUuid(text) : undefined
  return byUuid ?? (await attempt(`failed to get network '${text}'`, networks.lookupByName(text)))
}
/** By its uuid or its name. */
export async function findPool({ storagePools }: Connection, text: string): Promise<StoragePool> {
  const byUuid = looksLikeUuid(text) ? await storagePools.findByUuid(text) : undefined
  return byUuid ?? (await attempt(`failed to get pool '${text}'`, storagePools.lookupByName(text)))
}
/** By its name in the pool, where one is named; by its key, or by its path. */
export async function findVolume(
  connection: Connection,
  text: string,
  poolName: string | undefined,
): Promise<StorageVolume> {
  const pool = poolName === undefined ? undefined : await findPool(connection, poolName)
  const { storageVolumes } = connection
  const hint = pool === undefined ? ', specifying --pool might help' : ''
  const volume =
    (await pool?.findVolumeByName(text)) ??
    (await storageVolumes.findByKey(text)) ??
    (await attempt(`failed to get vol '${text}'${hint}`, storageVolumes.lookupByPath(text)))
  if (pool !== undefined && volume.pool !== pool.name) {
    throw new CommandError(`Requested volume '${text}' is not in pool '${pool.name}'`)
  }
  return volume
}

/** As people look for a name: without regard to case. */
export function byName(a: { name: string }, b: { name: string }): number {
  const [left, right] = [a.name.toLowerCase(), b.name.toLowerCase()]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Undefined where the driver cannot tell. */
export const unlessUnsupported = <T>(answer: Promise<T>) => unless(answer, (error) => error.isUnsupported())
/** Undefined where there is none. */
export const unlessMissing = <T>(answer: Promise<T>) => unless(answer, (error) => error.isNotFound())

/** One for each, but for those that have gone since they were listed. */
export async function rowsOf<T, Row>(things: readonly T[], row: (thing: T) => Promise<Row>): Promise<Row[]> {
  const rows = await Promise.all(things.map((thing) => unlessMissing(row(thing))))
  return rows.filter((found) => found !== undefined)
}

/** Undefined for an error that is one of the answers. */
export async function unless<T>(
  answer: Promise<T>,
  expected: (error: LibvirtError) => boolean,
): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof LibvirtError && expected(error)) return undefined
    throw error
  }
}
