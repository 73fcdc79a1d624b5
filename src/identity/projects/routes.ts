/** Projects and their tags. Rules: ./projects.ts */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { last } from '../../http/paging.ts'
import { Type } from 'typebox'
import { validate } from '../../http/schema-versions.ts'
import { invalid, notFound } from '../errors.ts'
import type { Limits } from '../limits/limits.ts'
import { viewLimit } from '../limits/view.ts'
import type { Links } from '../links.ts'
import { collection, flag, listQuery } from '../listing.ts'
import type { Projects } from './projects.ts'
import { ProjectCreateBody, ProjectUpdateBody, Tag, TagsBody } from './schemas.ts'
import { PROJECT_FILTERS, type Project } from './store.ts'
import { parentsAsIds, subtreeAsIds, viewProject } from './view.ts'

const OneProject = Type.Object({ project_id: Type.String() })
const OneTag = Type.Object({ project_id: Type.String(), tag: Type.String() })

export const projectRoutes: FastifyPluginAsyncTypebox<{ projects: Projects; limits: Limits; links: Links }> = async (
  app,
  { projects, limits, links },
) => {
  const view = (project: Project) => viewProject(project, links)

  app.get('/projects', { config: { policy: 'identity:list_projects' } }, async (request) => {
    const query = request.query as Record<string, unknown>
    const withDomains = query.is_domain === undefined ? { ...query, is_domain: 'false' } : query
    const list = listQuery(withDomains, PROJECT_FILTERS)
    const rows = await projects.list(request.caller, list, {
      all: tagsIn(query.tags),
      any: tagsIn(query['tags-any']),
      notAll: tagsIn(query['not-tags']),
      notAny: tagsIn(query['not-tags-any']),
    })
    return collection({ request, links, list }, 'projects', rows, view)
  })

  app.post(
    '/projects',
    { config: { policy: 'identity:create_project' }, schema: { body: ProjectCreateBody } },
    async (request, reply) => {
      const project = await projects.create(request.caller, request.body.project)
      reply.code(201)
      return { project: view(project) }
    },
  )

  app.get(
    '/projects/:project_id',
    { config: { policy: 'identity:get_project' }, schema: { params: OneProject } },
    async (request) => {
      const project = await projects.show(request.caller, request.params.project_id)
      const [parentsList, parentsIds, subtreeList, subtreeIds] = [
        'parents_as_list',
        'parents_as_ids',
        'subtree_as_list',
        'subtree_as_ids',
      ].map((name) => flag(request.query, name))
      if ((parentsList && parentsIds) || (subtreeList && subtreeIds)) {
        throw invalid('project.two-forms', 'Ask for parents and subtree as a list or as ids, not both.')
      }
      const above = parentsList || parentsIds ? await projects.ancestors(project.id) : []
      const below = subtreeList || subtreeIds ? await projects.descendants(project.id) : []
      const withLimits = flag(request.query, 'include_limits')
      const asList = async (all: readonly Project[]) => {
        const seen = await projects.accessible(request.caller, all)
        const theirs = withLimits ? await limits.ofProjects(seen.map((each) => each.id)) : []
        return seen.map((each) => {
          const mine = theirs.filter((limit) => limit.projectId === each.id).map(viewLimit)
          return { project: { ...view(each), ...(withLimits && { limits: mine }) } }
        })
      }
      return {
        project: {
          ...view(project),
          ...(parentsList && { parents: await asList(above) }),
          ...(parentsIds && { parents: parentsAsIds(above) }),
          ...(subtreeList && { subtree: await asList(below) }),
          ...(subtreeIds && { subtree: subtreeAsIds(project.id, below) }),
        },
      }
    },
  )

  app.patch(
    '/projects/:project_id',
    { config: { policy: 'identity:update_project' }, schema: { params: OneProject, body: ProjectUpdateBody } },
    async (request) => ({
      project: view(await projects.update(request.caller, request.params.project_id, request.body.project)),
    }),
  )

  app.delete(
    '/projects/:project_id',
    { config: { policy: 'identity:delete_project' }, schema: { params: OneProject } },
    async (request, reply) => {
      await projects.delete(request.caller, request.params.project_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/projects/:project_id/tags',
    { config: { policy: 'identity:list_project_tags' }, schema: { params: OneProject } },
    async (request) => ({
      tags: await projects.tags(request.caller, request.params.project_id, 'identity:list_project_tags'),
      links: { self: links.request(request) },
    }),
  )

  app.put(
    '/projects/:project_id/tags',
    { config: { policy: 'identity:update_project_tags' }, schema: { params: OneProject, body: TagsBody } },
    async (request) => ({
      tags: await projects.setTags(request.caller, request.params.project_id, request.body.tags),
      links: { self: links.request(request) },
    }),
  )

  app.delete(
    '/projects/:project_id/tags',
    { config: { policy: 'identity:delete_project_tags' }, schema: { params: OneProject } },
    async (request, reply) => {
      await projects.deleteTags(request.caller, request.params.project_id)
      return reply.code(204).send()
    },
  )

  app.get(
    '/projects/:project_id/tags/:tag',
    { config: { policy: 'identity:get_project_tag' }, schema: { params: OneTag } },
    async (request, reply) => {
      const { project_id: id, tag } = request.params
      const tags = await projects.tags(request.caller, id, 'identity:get_project_tag')
      if (!tags.includes(tag)) throw notFound('project tag', tag)
      return reply.code(204).send()
    },
  )

  app.put(
    '/projects/:project_id/tags/:tag',
    { config: { policy: 'identity:create_project_tag' }, schema: { params: OneTag } },
    async (request, reply) => {
      const { project_id: id, tag } = request.params
      validate(0, Tag, tag)
      await projects.addTag(request.caller, id, tag)
      return reply.code(201).header('location', links.request(request)).send()
    },
  )

  app.delete(
    '/projects/:project_id/tags/:tag',
    { config: { policy: 'identity:delete_project_tag' }, schema: { params: OneTag } },
    async (request, reply) => {
      await projects.deleteTag(request.caller, request.params.project_id, request.params.tag)
      return reply.code(204).send()
    },
  )
}

function tagsIn(value: unknown): string[] | undefined {
  const text = last(value)
  return text === undefined ? undefined : [...new Set(text.split(','))]
}
