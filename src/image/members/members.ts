/**
 * With whom a shared image is shared. The owner adds and removes members, a member accepts or rejects, and sees of all
 * memberships its own. Source: glance/api/v2/image_members.py
 */
import type { Database, Sql } from '../../database/database.ts'
import { isDomainError } from '../../domain-error.ts'
import type { Caller } from '../../http/caller.ts'
import {
  duplicateMember,
  invalidBody,
  memberNotFound,
  membersNotForCaller,
  onlySharedHaveMembers,
  tooMany,
} from '../errors.ts'
import { authorizeOn } from '../images/access.ts'
import type { Image } from '../images/image.ts'
import { visibleImage } from '../images/images.ts'
import type { ImagePolicy } from '../policies.ts'
import type { ImageSettings } from '../settings.ts'
import { MEMBER_STATUSES } from './schemas.ts'
import * as store from './store.ts'
import type { Member } from './store.ts'

export interface MemberRules {
  add(caller: Caller, imageId: string, body: unknown): Promise<Member>
  list(caller: Caller, imageId: string): Promise<Member[]>
  get(caller: Caller, imageId: string, memberId: string): Promise<Member>
  setStatus(caller: Caller, imageId: string, memberId: string, body: unknown): Promise<Member>
  remove(caller: Caller, imageId: string, memberId: string): Promise<void>
}

export function memberRules({ db, settings }: { db: Database; settings: ImageSettings }): MemberRules {
  const find = async (sql: Sql, caller: Caller, image: Image, memberId: string) => {
    const isCallers = seesAll(caller, image) || memberId === caller.projectId
    const found = isCallers ? await store.find(sql, image.id, memberId) : undefined
    if (found === undefined) throw memberNotFound(image.id, memberId)
    return found
  }

  return {
    async add(caller, imageId, body) {
      const memberId = readMember(body)
      return await db.begin(async (tx) => {
        const image = await sharedImage(tx, caller, imageId, 'create', 'lock')
        authorizeMembers('add_member', 'create', caller, image)
        const count = (await store.list(tx, image.id)).length + 1
        if (count > settings.membersPerImage) throw tooMany('members', count, settings.membersPerImage)
        const made = await store.add(tx, image.id, memberId)
        if (made === undefined) throw duplicateMember(image.id, memberId)
        return made
      })
    },

    async list(caller, imageId) {
      const image = await sharedImage(db, caller, imageId, 'list')
      authorizeMembers('get_members', 'list', caller, image)
      return await store.list(db, image.id, seesAll(caller, image) ? undefined : caller.projectId)
    },

    async get(caller, imageId, memberId) {
      const image = await visibleImage(db, caller, imageId)
      // Who may not know is told that there is nothing.
      if (image.visibility !== 'shared') throw memberNotFound(image.id, memberId)
      return await find(db, caller, image, memberId)
    },

    async setStatus(caller, imageId, memberId, body) {
      const status = readStatus(body)
      return await db.begin(async (tx) => {
        const image = await sharedImage(tx, caller, imageId, 'update', 'lock')
        await find(tx, caller, image, memberId)
        authorizeMembers('modify_member', 'update', caller, image)
        const changed = await store.setStatus(tx, image.id, memberId, status)
        if (changed === undefined) throw memberNotFound(image.id, memberId)
        return changed
      })
    },

    async remove(caller, imageId, memberId) {
      await db.begin(async (tx) => {
        const image = await sharedImage(tx, caller, imageId, 'delete', 'lock')
        await find(tx, caller, image, memberId)
        authorizeMembers('delete_member', 'delete', caller, image)
        await store.remove(tx, image.id, memberId)
      })
    },
  }
}

type Deed = 'create' | 'list' | 'update' | 'delete'

async function sharedImage(sql: Sql, caller: Caller, id: string, deed: Deed, lock?: 'lock'): Promise<Image> {
  const image = await visibleImage(sql, caller, id, lock)
  if (image.visibility !== 'shared') throw onlySharedHaveMembers(deed, image.id)
  return image
}

function authorizeMembers(policy: ImagePolicy, deed: Deed, caller: Caller, image: Image): void {
  try {
    authorizeOn(policy, caller, image)
  } catch (error) {
    if (isDomainError(error, 'policy.not-authorized')) throw membersNotForCaller(deed, image.id)
    throw error
  }
}

function seesAll(caller: Caller, image: Image): boolean {
  return caller.isAdmin || caller.projectId === image.owner
}

function readMember(body: unknown): string {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw invalidBody('Expected a member in the form: {"member": "image_id"}')
  }
  if (!('member' in body)) throw invalidBody('Member to be added not specified')
  const { member } = body
  if (typeof member !== 'string') throw invalidBody('Expected a member in the form: {"member": "image_id"}')
  if (member === '') throw invalidBody("Member can't be empty")
  if (member.length > 255) throw invalidBody('A member must not be longer than 255 characters.')
  return member
}

function readStatus(body: unknown) {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  if (typeof body !== 'object' || Array.isArray(body)) {
    throw invalidBody('Expected a status in the form: {"status": "status"}')
  }
  if (!('status' in body)) throw invalidBody('Status not specified')
  const status = MEMBER_STATUSES.find((each) => each === body.status)
  if (status === undefined) {
    throw invalidBody('Incorrect request: Status must be "pending", "accepted" or "rejected".')
  }
  return status
}
