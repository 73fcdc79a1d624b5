/** Members, as the Image API reference lists them. Rules: ./members.ts */
import type { FastifyInstance } from 'fastify'
import type { MemberRules } from './members.ts'
import { viewMember, viewMembers } from './view.ts'

type OfImage = { Params: { image_id: string } }
type OfMember = { Params: { image_id: string; member_id: string } }

export function memberRoutes(app: FastifyInstance, { members }: { members: MemberRules }): void {
  const all = '/v2/images/:image_id/members'
  const one = '/v2/images/:image_id/members/:member_id'

  app.post<OfImage>(all, { config: { policy: 'add_member', rawBody: true } }, async (request) =>
    viewMember(await members.add(request.caller, request.params.image_id, request.body)),
  )

  app.get<OfImage>(all, { config: { policy: 'get_members' } }, async (request) =>
    viewMembers(await members.list(request.caller, request.params.image_id)),
  )

  app.get<OfMember>(one, { config: { policy: 'get_member' } }, async (request) =>
    viewMember(await members.get(request.caller, request.params.image_id, request.params.member_id)),
  )

  app.put<OfMember>(one, { config: { policy: 'modify_member', rawBody: true } }, async (request) => {
    const { image_id, member_id } = request.params
    return viewMember(await members.setStatus(request.caller, image_id, member_id, request.body))
  })

  app.delete<OfMember>(one, { config: { policy: 'delete_member', rawBody: true } }, async (request, reply) => {
    await members.remove(request.caller, request.params.image_id, request.params.member_id)
    reply.code(204)
  })
}
