/**
 * The rules of images, less their bytes (data/). Source: glance/api/v2/images.py, glance/domain, glance/quota.
 */
import type { Database, Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { authorize } from '../../http/policy.ts'
import { validate } from '../../http/schema-versions.ts'
import { type ImageId, newId } from '../../ids.ts'
import type { ByteStore } from '../data/byte-store.ts'
import {
  duplicateImage,
  foreignOwner,
  formatFrozen,
  imageNotFound,
  imageProtected,
  invalidBody,
  invalidQuery,
  locationsInvisible,
  notInStatus,
  ownerFrozen,
  propertyMissing,
  propertyNotRemovable,
  propertyPresent,
  propertyReadOnly,
  propertyReserved,
  tooMany,
} from '../errors.ts'
import { imagePolicies } from '../policies.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { ImageSettings } from '../settings.ts'
import { authorizeOn } from './access.ts'
import type { Image, ImageWish, Visibility } from './image.ts'
import { type Change, isReadOnly, isReserved } from './json-patch.ts'
import type { ListQuery } from './list-query.ts'
import { ImageBody } from './schemas.ts'
import * as store from './store.ts'

export interface ImageRules {
  /** @param body as it came: properties of users stand beside the base ones */
  create(caller: Caller, body: unknown): Promise<Image>
  get(caller: Caller, id: string): Promise<Image>
  /** A page and, where more may follow, the marker of the next. */
  list(caller: Caller, query: ListQuery): Promise<{ images: Image[]; next?: ImageId }>
  /** All changes or none. */
  update(caller: Caller, id: string, changes: readonly Change[]): Promise<Image>
  remove(caller: Caller, id: string): Promise<void>
  deactivate(caller: Caller, id: string): Promise<void>
  reactivate(caller: Caller, id: string): Promise<void>
}

export function imageRules({
  db,
  settings,
  bytes,
  quotas,
}: {
  db: Database
  settings: ImageSettings
  bytes: ByteStore
  quotas: Quotas
}): ImageRules {
  const get = async (caller: Caller, id: string) => await visibleImage(db, caller, id)

  const setStatus = async (caller: Caller, id: string, deed: 'deactivate' | 'reactivate') => {
    await db.begin(async (tx) => {
      const image = await visibleImage(tx, caller, id, 'lock')
      authorizeOn(deed, caller, image)
      const [from, to] =
        deed === 'deactivate' ? (['active', 'deactivated'] as const) : (['deactivated', 'active'] as const)
      if (image.status !== from && image.status !== to) throw notInStatus(deed, image.status)
      if (image.status === from) await store.move(tx, image.id, from, to)
    })
  }

  return {
    get,

    async create(caller, body) {
      const { id = newId<ImageId>(), wish } = readNewImage(caller, body)
      const owner = wish.owner ?? ''
      if (!caller.isAdmin && owner !== caller.projectId) throw foreignOwner(owner)
      authorizeVisibility(caller, wish.visibility, wish.owner)
      withinQuotas(wish, settings)
      const quota = await quotas.of(caller.projectId ?? '')
      return await db.begin(async (tx) => {
        await quota.require(tx, { image_count_total: 1 })
        const made = await store.insert(tx, id, wish)
        if (made === undefined) throw duplicateImage(id)
        return made
      })
    },

    async list(caller, query) {
      if (query.marker !== undefined) {
        const marker = isImageId(query.marker) && (await store.findVisible(db, caller, query.marker as ImageId))
        if (!marker) throw invalidQuery(imageNotFound(query.marker).message)
      }
      if (query.limit === 0) return { images: [] }
      const images = await store.list(db, caller, query)
      const more = images.length === query.limit
      return { images, ...(more && { next: images.at(-1)!.id }) }
    },

    async update(caller, id, changes) {
      return await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        const properties = new Map(Object.entries(image.properties))
        const rest = changes.reduce<Rest>((soFar, change) => changed(caller, image, soFar, properties, change), image)
        const wish: ImageWish = { ...rest, properties: Object.fromEntries(properties) }
        if (changes.length === 0) return image
        const isNew = (name: string) => !Object.hasOwn(image.properties, name)
        if (Object.keys(wish.properties).some(isNew)) propertiesWithinQuota(wish, settings)
        tagsWithinQuota(wish, settings)
        return await store.rewrite(tx, image.id, wish)
      })
    },

    async remove(caller, id) {
      const { image, uploadId } = await db.begin(async (tx) => {
        const image = await visibleImage(tx, caller, id, 'lock')
        authorizeOn('delete_image', caller, image)
        if (image.protected) throw imageProtected(image.id)
        return { image, uploadId: await store.markDeleted(tx, image.id) }
      })
      // After a crash here the gardener removes what lies around: no row stands for it.
      await bytes.remove(image.id)
      // What was staged waits for nobody now. An upload that is still going on clears up by itself.
      const isStaged = image.status === 'uploading' || image.status === 'importing'
      if (isStaged && uploadId !== undefined) await bytes.discard(image.id, uploadId)
    },

    deactivate: (caller, id) => setStatus(caller, id, 'deactivate'),
    reactivate: (caller, id) => setStatus(caller, id, 'reactivate'),
  }
}

/** The image, if the caller may know of it. @throws DomainError not-found */
export async function visibleImage(sql: Sql, caller: Caller, id: string, lock?: 'lock'): Promise<Image> {
  const read = lock === undefined ? store.findVisible : store.lockVisible
  const found = isImageId(id) ? await read(sql, caller, id as ImageId) : undefined
  if (found === undefined) throw imageNotFound(id)
  return found
}

export function isImageId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)
}

// --- New images ---------------------------------------------------------------------------------------------------

/** Read before the schema is looked at, as upstream does. */
const DISALLOWED = ['direct_url', 'self', 'file', 'schema', 'stores']
const BASE = new Set([
  'id',
  'name',
  'visibility',
  'protected',
  'os_hidden',
  'owner',
  'container_format',
  'disk_format',
  'min_disk',
  'min_ram',
  'tags',
])

/** What a body of a new image may say, which is checked here and nowhere else. */
interface NewImageBody {
  id?: string
  name?: string | null
  visibility?: Visibility
  protected?: boolean
  os_hidden?: boolean
  owner?: string | null
  container_format?: string | null
  disk_format?: string | null
  min_disk?: number
  min_ram?: number
  tags?: string[]
  [property: string]: unknown
}

function readNewImage(caller: Caller, raw: unknown): { id?: ImageId; wish: ImageWish } {
  if (raw === undefined || raw === null) throw invalidBody('Body expected in request.')
  if (typeof raw !== 'object') throw invalidBody('Unexpected body type. Expected list/dict.')
  const forbidden = DISALLOWED.find((name) => Object.hasOwn(raw, name))
  if (forbidden !== undefined) throw propertyReadOnly(forbidden)
  validate(0, ImageBody, raw)
  const body = raw as NewImageBody

  const properties: [string, string | null][] = []
  for (const [name, value] of Object.entries(body)) {
    if (BASE.has(name)) continue
    if (name.length > 255) throw invalidBody('Custom property should not be greater than 255 characters.')
    if (isReserved(name) || name === 'locations') throw propertyReserved(name)
    if (isReadOnly(name)) throw propertyReadOnly(name)
    properties.push([name, value as string | null])
  }
  return {
    ...(body.id !== undefined && { id: body.id.toLowerCase() as ImageId }),
    wish: {
      name: body.name ?? null,
      visibility: body.visibility ?? 'shared',
      protected: body.protected ?? false,
      osHidden: body.os_hidden ?? false,
      owner: body.owner === undefined ? (caller.projectId ?? null) : body.owner,
      containerFormat: body.container_format ?? null,
      diskFormat: body.disk_format ?? null,
      minDiskGiB: wholeNumber('min_disk', body.min_disk ?? 0),
      minRamMiB: wholeNumber('min_ram', body.min_ram ?? 0),
      properties: Object.fromEntries(properties),
      tags: [...new Set(body.tags)],
    },
  }
}

function wholeNumber(name: string, value: number): number {
  if (value < 0) throw invalidBody(`Invalid value '${value}' for parameter '${name}': Cannot be a negative value`)
  if (value > 2 ** 31 - 1) throw invalidBody(`Invalid value '${value}' for parameter '${name}': It is too large`)
  return value
}

// --- Changes ------------------------------------------------------------------------------------------------------

/** All of a wish but the properties of users, of which a patch may name thousands: they are changed in place. */
type Rest = Omit<ImageWish, 'properties'>

/** What an image's wish becomes by one change. Source: _do_add, _do_remove and _do_replace. */
function changed(
  caller: Caller,
  image: Image,
  wish: Rest,
  properties: Map<string, string | null>,
  change: Change,
): Rest {
  const name = change.path[0]
  if (name === 'locations') {
    authorizeOn(change.op === 'remove' ? 'delete_image_location' : 'set_image_location', caller, image)
    throw locationsInvisible()
  }
  if (name === 'visibility' && change.op !== 'remove') {
    authorizeVisibility(caller, change.value as Visibility, image.owner)
  }
  authorizeOn('modify_image', caller, image)
  if (BASE.has(name)) {
    if (change.op === 'remove') throw propertyNotRemovable(name)
    if (change.op === 'add' && change.draft === 4) throw propertyPresent(name)
    return withBase(caller, image, wish, name, change.value)
  }
  const isThere = properties.has(name)
  if (change.op !== 'add' && !isThere) throw propertyMissing(name)
  if (change.op === 'add' && isThere && change.draft === 4) throw propertyPresent(name)
  if (change.op === 'remove') properties.delete(name)
  else properties.set(name, change.value as string | null)
  return wish
}

/** The value was checked with the schema when the patch was read. */
function withBase(caller: Caller, image: Image, wish: Rest, name: string, value: unknown): Rest {
  switch (name) {
    case 'name':
      return { ...wish, name: value as string | null }
    case 'visibility':
      return { ...wish, visibility: value as Visibility }
    case 'protected':
      return { ...wish, protected: value as boolean }
    case 'os_hidden':
      return { ...wish, osHidden: value as boolean }
    case 'owner':
      if (!caller.isAdmin) throw ownerFrozen()
      return { ...wish, owner: value as string | null }
    case 'container_format':
      if (image.status !== 'queued') throw formatFrozen(name)
      return { ...wish, containerFormat: value as string | null }
    case 'disk_format':
      if (image.status !== 'queued') throw formatFrozen(name)
      return { ...wish, diskFormat: value as string | null }
    case 'min_disk':
      return { ...wish, minDiskGiB: wholeNumber(name, value as number) }
    case 'min_ram':
      return { ...wish, minRamMiB: wholeNumber(name, value as number) }
    case 'tags':
      return { ...wish, tags: [...new Set(value as string[])] }
    default:
      throw propertyReadOnly(name)
  }
}

function authorizeVisibility(caller: Caller, visibility: Visibility, owner: string | null): void {
  const target = { projectId: owner ?? '', visibility, memberProjectId: undefined }
  if (visibility === 'public') authorize(imagePolicies, 'publicize_image', caller, target)
  if (visibility === 'community') authorize(imagePolicies, 'communitize_image', caller, target)
}

function withinQuotas(wish: ImageWish, settings: ImageSettings): void {
  propertiesWithinQuota(wish, settings)
  tagsWithinQuota(wish, settings)
}

function propertiesWithinQuota({ properties }: ImageWish, { propertiesPerImage }: ImageSettings): void {
  const count = Object.keys(properties).filter((name) => !name.startsWith('os_glance_')).length
  if (count > propertiesPerImage) throw tooMany('properties', count, propertiesPerImage)
}

function tagsWithinQuota({ tags }: ImageWish, { tagsPerImage }: ImageSettings): void {
  if (tags.length > tagsPerImage) throw tooMany('tags', tags.length, tagsPerImage)
}
