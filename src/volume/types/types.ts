/** Volume types: what a user may choose from. Only admins make them; a private one is seen by projects with access. */
import type { Database, Sql } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { microversion, type Microversion } from '../../http/microversions.ts'
import { isUuid, newId, type VolumeTypeId } from '../../ids.ts'
import { conflict, invalidRequest, notFound, typeNotFound, typeNotFoundByName } from '../errors.ts'
import { allowedFilters, flagOf, listQuery } from '../list-query.ts'
import { dictionaryOf } from '../python-dictionary.ts'
import { isYes, trimmed } from '../parameter-types.ts'
import type { TypeCreate, TypeUpdate } from './schemas.ts'
import * as store from './store.ts'

/** Extra specs that everyone may see; the others tell of the cloud's inside. Source: cinder/policies/type_extra_specs.py */
const USER_VISIBLE_SPECS = ['RESKEY:availability_zones', 'multiattach', 'replication_enabled']

export interface Types {
  list(
    caller: Caller,
    query: Readonly<Record<string, unknown>>,
    version: Microversion,
  ): Promise<readonly store.TypeRow[]>
  /** @throws DomainError not-found, `volume.type.not-found` */
  get(caller: Caller, id: string): Promise<store.TypeRow>
  /** By id or by name, as a volume's creator writes it. @throws DomainError not-found, `volume.type.not-found` */
  named(caller: Caller, idOrName: string): Promise<store.TypeRow>
  /** The type of a volume whose creator chose none. */
  defaultOf(projectId: string | undefined): Promise<store.TypeRow>
  create(order: TypeCreate): Promise<store.TypeRow>
  update(caller: Caller, id: string, changes: TypeUpdate): Promise<store.TypeRow>
  remove(caller: Caller, id: string): Promise<void>
  putExtraSpecs(caller: Caller, id: string, specs: Readonly<Record<string, string | null>>): Promise<void>
  removeExtraSpec(caller: Caller, id: string, key: string): Promise<void>
  access(caller: Caller, id: string): Promise<readonly string[]>
  grant(caller: Caller, id: string, projectId: string): Promise<void>
  revoke(caller: Caller, id: string, projectId: string): Promise<void>
  defaults(): Promise<readonly store.DefaultTypeRow[]>
  defaultFor(projectId: string): Promise<store.DefaultTypeRow>
  setDefault(caller: Caller, projectId: string, idOrName: string): Promise<store.DefaultTypeRow>
  unsetDefault(projectId: string): Promise<void>
}

/** The extra specs of a type that a caller may see. */
export function visibleSpecs(
  caller: Caller,
  type: Pick<store.TypeRow, 'extraSpecs'>,
): Readonly<Record<string, string>> {
  if (caller.isAdmin) return type.extraSpecs
  return Object.fromEntries(Object.entries(type.extraSpecs).filter(([key]) => USER_VISIBLE_SPECS.includes(key)))
}

export function openTypes(db: Database): Types {
  const sightOf = (caller: Caller): store.Sight =>
    caller.isAdmin ? {} : { isPublic: true, projectId: caller.projectId }

  const get = async (caller: Caller, id: string, sql: Sql = db) => {
    const found = isUuid(id) ? await store.findType(sql, id, sightOf(caller)) : undefined
    if (found === undefined) throw typeNotFound(id)
    return found
  }

  const named = async (caller: Caller, idOrName: string) => {
    const byId = isUuid(idOrName) ? await store.findType(db, idOrName, sightOf(caller)) : undefined
    const found = byId ?? (await store.findTypeByName(db, idOrName, sightOf(caller)))
    if (found === undefined) throw isUuid(idOrName) ? typeNotFound(idOrName) : typeNotFoundByName(idOrName)
    return found
  }

  /** What runs volumes already promised must not change under them. */
  const unused = async (caller: Caller, id: string) => {
    const type = await get(caller, id)
    if (await store.isTypeInUse(db, type.id)) {
      throw invalidRequest('volume.type.in-use', 'Volume Type is currently in use.')
    }
    return type
  }

  const private_ = async (caller: Caller, id: string) => {
    const type = await get(caller, id)
    if (type.isPublic) {
      throw invalidRequest(
        'volume.type.public',
        'Invalid volume type: Type access modification is not applicable to public volume type.',
      )
    }
    return type
  }

  return {
    async list(caller, query, version) {
      const { filters, ...page } = listQuery(query)
      const allowed = allowedFilters(
        filters,
        version >= microversion('3.52') ? ['is_public', 'extra_specs'] : ['is_public'],
        caller,
        // Types refused unknown filters with 3.52 only.
        version >= microversion('3.52') ? version : microversion('3.0'),
      )
      if (page.marker !== undefined) await get(caller, page.marker)
      const specs = allowed.extra_specs === undefined ? {} : pairsOf(allowed.extra_specs)
      if (!caller.isAdmin && Object.keys(specs).some((key) => !USER_VISIBLE_SPECS.includes(key))) return []
      const sight = caller.isAdmin ? adminSight(caller, allowed.is_public) : sightOf(caller)
      return await store.listTypes(db, sight, page, specs)
    },
    get,
    named,
    defaultOf: (projectId) => store.defaultType(db, projectId),

    create: (order) =>
      store.insertType(db, {
        id: newId<VolumeTypeId>(),
        name: order.name.trim(),
        description: trimmed(order.description),
        isPublic: isYes(order['os-volume-type-access:is_public'] ?? true),
        extraSpecs: texts(order.extra_specs ?? {}),
      }),

    async update(caller, id, { name, description, is_public }) {
      if (name === '' || name?.trim() === '') {
        throw invalidRequest('volume.type.name-empty', 'Volume type name can not be empty.')
      }
      if (name == null && description == null && is_public === undefined) {
        throw invalidRequest(
          'volume.type.nothing-to-change',
          'Specify volume type name, description, is_public or a combination thereof.',
        )
      }
      const type = await get(caller, id)
      if (type.name === store.DEFAULT_TYPE_NAME && (name != null || (is_public !== undefined && !isYes(is_public)))) {
        throw invalidRequest(
          'volume.type.is-default',
          `The volume type ${type.name} is the default volume type: its name and visibility cannot change.`,
        )
      }
      const changed = await store.updateType(db, type.id, {
        name: name?.trim() ?? null,
        description: description ?? null,
        isPublic: is_public === undefined ? null : isYes(is_public),
      })
      if (changed === undefined) throw typeNotFound(id)
      return changed
    },

    async remove(caller, id) {
      const type = await get(caller, id)
      const isDefault = (await store.listDefaultTypes(db)).some((row) => row.typeId === type.id)
      if (type.name === store.DEFAULT_TYPE_NAME || isDefault) {
        throw invalidRequest(
          'volume.type.is-default',
          `The volume type ${type.id} is a default volume type and cannot be deleted.`,
        )
      }
      if (!(await store.deleteType(db, type.id))) {
        throw invalidRequest('volume.type.in-use', 'Target volume type is still in use.')
      }
    },

    async putExtraSpecs(caller, id, specs) {
      const type = await unused(caller, id)
      await store.putExtraSpecs(db, type.id, texts(specs))
    },

    async removeExtraSpec(caller, id, key) {
      const type = await unused(caller, id)
      if (!(await store.deleteExtraSpec(db, type.id, key))) {
        throw notFound('volume.type.spec-not-found', `Volume Type ${type.id} has no extra specs with key ${key}.`)
      }
    },

    async access(caller, id) {
      const type = await get(caller, id)
      if (type.isPublic) {
        throw notFound('volume.type.access-not-found', 'Access list not available for public volume types.')
      }
      return await store.projectsWithAccess(db, type.id)
    },

    async grant(caller, id, projectId) {
      const type = await private_(caller, id)
      if (!(await store.grantAccess(db, type.id, projectId))) {
        throw conflict(
          'volume.type.access-exists',
          `Volume type access for ${type.id} / ${projectId} combination already exists.`,
        )
      }
    },

    async revoke(caller, id, projectId) {
      const type = await private_(caller, id)
      if (!(await store.revokeAccess(db, type.id, projectId))) {
        throw notFound(
          'volume.type.access-not-found',
          `Volume type access not found for ${type.id} / ${projectId} combination.`,
        )
      }
    },

    defaults: () => store.listDefaultTypes(db),

    async defaultFor(projectId) {
      const found = await store.findDefaultType(db, projectId)
      if (found === undefined) {
        throw notFound('volume.default-type.not-found', `Default type for project ${projectId} not found.`)
      }
      return found
    },

    async setDefault(caller, projectId, idOrName) {
      const type = await named(caller, idOrName)
      await store.setDefaultType(db, projectId, type.id)
      return { projectId, typeId: type.id }
    },

    unsetDefault: (projectId) => store.unsetDefaultType(db, projectId),
  }
}

function adminSight(caller: Caller, isPublic: string | undefined): store.Sight {
  if (isPublic?.toLowerCase() === 'none') return {}
  return { isPublic: flagOf('is_public', isPublic, true), projectId: caller.projectId }
}

/** A null in a spec is stored as the empty text. */
function texts(specs: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, value ?? '']))
}

function pairsOf(text: string): Record<string, string> {
  const pairs = dictionaryOf(text)
  if (pairs === undefined) {
    throw invalidRequest('volume.query.extra-specs', 'The extra_specs filter must be a dictionary of texts.')
  }
  return pairs
}
