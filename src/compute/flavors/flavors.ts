/** The rules of flavors: who sees which, what a new one must be, and the flavors that a first cloud has. */
import { type Database, violatedConstraint } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { newId, type FlavorId } from '../../ids.ts'
import type { FlavorSize } from '../scheduler/index.ts'
import {
  accessExists,
  badFlavor,
  cannotRestrictPublic,
  flavorIdTaken,
  flavorIsPublic,
  flavorNameTaken,
  noAccess,
  noExtraSpec,
  noFlavor,
  noMarker,
  noProject,
} from './errors.ts'
import * as store from './store.ts'

export { type Flavor, SORT_COLUMNS, type SortKey } from './store.ts'

export interface Flavors {
  /** A flavor by id that the caller may use; undefined where there is none. */
  find(caller: Caller, id: string): Promise<store.Flavor | undefined>
  /** @throws DomainError not-found `compute.flavor.not-found` */
  get(caller: Caller, id: string): Promise<store.Flavor>
  list(caller: Caller, filter: ListFilter): Promise<readonly store.Flavor[]>
  create(order: FlavorOrder): Promise<store.Flavor>
  describe(caller: Caller, id: string, description: string | null): Promise<store.Flavor>
  remove(id: string): Promise<void>
  addExtraSpecs(id: string, specs: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>>
  /** Changes one that is there or adds it. */
  setExtraSpec(id: string, key: string, value: string): Promise<void>
  removeExtraSpec(id: string, key: string): Promise<void>
  /** Ids of the projects that may use a flavor that is not public. @throws DomainError `compute.flavor.is-public` */
  access(caller: Caller, id: string): Promise<readonly string[]>
  addAccess(caller: Caller, id: string, projectId: string, strict: boolean): Promise<readonly string[]>
  removeAccess(caller: Caller, id: string, projectId: string): Promise<readonly string[]>
  /** Sizes that a project may use, for the scheduler to name one that would fit. */
  sizes(projectId: string): Promise<readonly FlavorSize[]>
  /** Makes the flavors of the first cloud; those that stand stay as they are. */
  bootstrap(): Promise<void>
}

export interface ListFilter extends Omit<store.FlavorFilter, 'show' | 'projectId'> {
  /** null: all of them. Only admins are asked. */
  readonly isPublic: boolean | null
}

export interface FlavorOrder {
  readonly id?: string
  readonly name: string
  readonly description: string | null
  readonly vcpus: number
  readonly ramMiB: number
  readonly rootGiB: number
  readonly ephemeralGiB: number
  readonly swapMiB: number
  readonly rxtxFactor: number
  readonly isPublic: boolean
}

/** Upstream's customary five, and one for images that need nearly nothing. */
const FIRST_FLAVORS = [
  { id: 'tiny', name: 'tiny', vcpus: 1, ramMiB: 128, rootGiB: 1 },
  { id: '1', name: 'm1.tiny', vcpus: 1, ramMiB: 512, rootGiB: 1 },
  { id: '2', name: 'm1.small', vcpus: 1, ramMiB: 2048, rootGiB: 20 },
  { id: '3', name: 'm1.medium', vcpus: 2, ramMiB: 4096, rootGiB: 40 },
  { id: '4', name: 'm1.large', vcpus: 4, ramMiB: 8192, rootGiB: 80 },
  { id: '5', name: 'm1.xlarge', vcpus: 8, ramMiB: 16_384, rootGiB: 160 },
]

/** @param projectExists identity's, so that access is given to real projects only; all are real without it */
export function openFlavors({
  db,
  projectExists = async () => true,
}: {
  db: Database
  projectExists?: (id: string) => Promise<boolean>
}): Flavors {
  /** Admins use any flavor. */
  const scope = (caller: Caller) => (caller.isAdmin ? null : caller.projectId)

  const get = async (caller: Caller, id: string) => {
    const found = await store.findFlavor(db, id, scope(caller))
    if (found === undefined) throw noFlavor(id)
    return found
  }

  const list = async (caller: Caller, { isPublic, ...filter }: ListFilter) => {
    const show = !caller.isAdmin || isPublic === true ? 'usable' : isPublic === null ? 'all' : 'private'
    if (filter.marker !== undefined && (await store.findFlavor(db, filter.marker, null)) === undefined) {
      throw noMarker(filter.marker)
    }
    const owner = caller.projectId === undefined ? {} : { projectId: caller.projectId }
    try {
      return await store.listFlavors(db, { ...filter, ...owner, show })
    } catch (error) {
      // The name filter is a regular expression, of which PostgreSQL is the judge.
      if ((error as { code?: string }).code === '2201B') throw badFlavor(`Invalid name filter [${filter.name}]`)
      throw error
    }
  }

  return {
    find: (caller, id) => store.findFlavor(db, id, scope(caller)),
    get,
    list,

    async create(order) {
      const id = (order.id ?? newId()) as FlavorId
      try {
        await store.insertFlavor(db, { ...order, id })
      } catch (error) {
        switch (violatedConstraint(error)) {
          case 'flavors_name':
            throw flavorNameTaken(order.name)
          case 'flavors_pkey':
            throw flavorIdTaken(id)
          default:
            throw error
        }
      }
      return { ...order, id, extraSpecs: {} }
    },

    async describe(caller, id, description) {
      if (!(await store.describeFlavor(db, id, description))) throw noFlavor(id)
      return await get(caller, id)
    },

    async remove(id) {
      if (!(await store.deleteFlavor(db, id))) throw noFlavor(id)
    },

    async addExtraSpecs(id, specs) {
      const all = await store.addExtraSpecs(db, id, specs)
      if (all === undefined) throw noFlavor(id)
      return all
    },

    async setExtraSpec(id, key, value) {
      if ((await store.addExtraSpecs(db, id, { [key]: value })) === undefined) throw noFlavor(id)
    },

    async removeExtraSpec(id, key) {
      if (await store.removeExtraSpec(db, id, key)) return
      if ((await store.findFlavor(db, id, null)) === undefined) throw noFlavor(id)
      throw noExtraSpec(id, key)
    },

    async access(caller, id) {
      const { isPublic } = await get(caller, id)
      if (isPublic) throw flavorIsPublic()
      return await store.projectsOf(db, id)
    },

    async addAccess(caller, id, projectId, strict) {
      if (!(await projectExists(projectId))) throw noProject(projectId)
      const { isPublic } = await get(caller, id)
      if (isPublic && strict) throw cannotRestrictPublic()
      try {
        await store.addAccess(db, id, projectId)
      } catch (error) {
        if (violatedConstraint(error) === 'flavor_access_once') throw accessExists(id, projectId)
        throw error
      }
      return await store.projectsOf(db, id)
    },

    async removeAccess(caller, id, projectId) {
      await get(caller, id)
      // A project that is gone may still be in the list, so none is asked for here.
      if (!(await store.removeAccess(db, id, projectId))) throw noAccess(id, projectId)
      return await store.projectsOf(db, id)
    },

    async sizes(projectId) {
      const all = await store.listFlavors(db, {
        show: 'usable',
        projectId,
        sortKey: 'memory_mb',
        sortDir: 'asc',
        limit: 1000,
      })
      return all.map(({ name, vcpus, ramMiB, rootGiB, ephemeralGiB, swapMiB }) => ({
        name,
        vcpus,
        ramMiB,
        diskGiB: rootGiB + ephemeralGiB + Math.ceil(swapMiB / 1024),
      }))
    },

    async bootstrap() {
      await store.ensureFlavors(
        db,
        FIRST_FLAVORS.map((flavor) => ({
          ...flavor,
          id: flavor.id as FlavorId,
          description: null,
          ephemeralGiB: 0,
          swapMiB: 0,
          rxtxFactor: 1,
          isPublic: true,
        })),
      )
    },
  }
}
