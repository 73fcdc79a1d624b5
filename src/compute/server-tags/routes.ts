/** Tags of a server, since 2.26. Source: nova/api/openstack/compute/server_tags.py */
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Database } from '../../database/database.ts'
import type { Caller } from '../../http/caller.ts'
import { badField, noServer, noTag } from '../errors.ts'
import { checkMove } from '../lifecycle/check-move.ts'
import { MAX_TAGS, Tag } from '../servers/schemas.ts'
import type { Servers } from '../servers/servers.ts'
import { lockServer, setTags } from '../servers/store.ts'

type OfServer = { Params: { server_id: string } }
type OfTag = { Params: { server_id: string; tag: string } }

const TagsBody = Type.Object({ tags: Type.Array(Tag, { maxItems: MAX_TAGS }) }, { additionalProperties: false })
const TAG = /^[^,/\u0000]{1,60}$/u

interface TagParts {
  readonly db: Database
  readonly servers: Servers
  readonly base: string
}

export const serverTagRoutes: FastifyPluginAsync<TagParts> = async (app, { db, servers, base }) => {
  const url = '/servers/:server_id/tags'
  const config = (policy: string) => ({ policy: `os_compute_api:os-server-tags:${policy}`, since: '2.26' })

  const change = async (caller: Caller, serverId: string, to: (before: readonly string[]) => readonly string[]) => {
    const { id } = await servers.get(caller, serverId)
    return await db.begin(async (tx) => {
      const server = await lockServer(tx, id)
      if (server === undefined) throw noServer(id)
      checkMove(server, 'change tags', caller, 'tags')
      const after = [...new Set(to(server.tags))]
      if (after.length > MAX_TAGS) {
        throw badField(`The number of tags exceeded the per-server limit ${MAX_TAGS}`)
      }
      await setTags(tx, id, after)
      return after
    })
  }

  app.get<OfServer>(url, { config: config('index') }, async (request) => {
    const { tags } = await servers.get(request.caller, request.params.server_id)
    return { tags }
  })

  app.put<OfServer>(url, { config: config('update_all'), schema: { body: TagsBody } }, async (request) => {
    const { tags } = request.body as Static<typeof TagsBody>
    return { tags: await change(request.caller, request.params.server_id, () => tags) }
  })

  app.delete<OfServer>(url, { config: config('delete_all') }, async (request, reply) => {
    await change(request.caller, request.params.server_id, () => [])
    return reply.code(204).send()
  })

  app.get<OfTag>(`${url}/:tag`, { config: config('show') }, async (request, reply) => {
    const { id, tags } = await servers.get(request.caller, request.params.server_id)
    if (!tags.includes(request.params.tag)) throw noTag(request.params.tag, id)
    return reply.code(204).send()
  })

  app.put<OfTag>(`${url}/:tag`, { config: config('update') }, async (request, reply) => {
    const { server_id, tag } = request.params
    if (!TAG.test(tag)) {
      throw badField(
        `Tag '${tag.slice(0, 60)}' is invalid. It must be a non empty string of at most 60 characters without ',' and '/'`,
      )
    }
    let isNew = false
    await change(request.caller, server_id, (before) => {
      isNew = !before.includes(tag)
      return isNew ? [...before, tag] : before
    })
    reply.header('location', `${base}/v2.1/servers/${server_id}/tags/${encodeURIComponent(tag)}`)
    return reply.code(isNew ? 201 : 204).send()
  })

  app.delete<OfTag>(`${url}/:tag`, { config: config('delete') }, async (request, reply) => {
    const { server_id, tag } = request.params
    await change(request.caller, server_id, (before) => {
      if (!before.includes(tag)) throw noTag(tag, server_id)
      return before.filter((each) => each !== tag)
    })
    return reply.code(204).send()
  })
}
