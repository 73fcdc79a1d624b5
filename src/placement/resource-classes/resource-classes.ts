/** The rules of resource classes: the standard ones stay as they are, custom ones begin with CUSTOM_. */
import { type Database, violatedConstraint } from '../../database/database.ts'
import { classExists, classInUse, classIsStandard, classNameTaken, noClass } from '../errors.ts'
import * as store from './store.ts'

export type { ResourceClass } from './store.ts'

export interface ResourceClasses {
  list(): Promise<readonly store.ResourceClass[]>
  /** @throws DomainError not-found `placement.resource-class.not-found` */
  get(name: string): Promise<store.ResourceClass>
  /** @throws DomainError conflict `placement.resource-class.exists` */
  create(name: string): Promise<void>
  /** @returns whether it was made */
  ensure(name: string): Promise<boolean>
  rename(name: string, to: string): Promise<void>
  remove(name: string): Promise<void>
}

const isCustom = (name: string) => name.startsWith('CUSTOM_')

export function openResourceClasses(db: Database): ResourceClasses {
  const get = async (name: string) => {
    const found = await store.findClass(db, name)
    if (found === undefined) throw noClass(name)
    return found
  }
  return {
    list: () => store.listClasses(db),
    get,
    async create(name) {
      if (!(await store.insertClass(db, name))) throw classExists(name)
    },
    ensure: (name) => store.insertClass(db, name),
    async rename(name, to) {
      await get(name)
      if (!isCustom(name)) throw classIsStandard('update', name)
      try {
        await store.renameClass(db, name, to)
      } catch (error) {
        if (violatedConstraint(error) === 'resource_classes_pkey') throw classNameTaken(to)
        throw error
      }
    },
    async remove(name) {
      await get(name)
      if (!isCustom(name)) throw classIsStandard('delete', name)
      try {
        await store.deleteClass(db, name)
      } catch (error) {
        if (violatedConstraint(error) === 'inventories_class') throw classInUse(name)
        throw error
      }
    },
  }
}
