/** Allocation candidates, as the Placement API reference lists them. Rules: ./candidates.ts */
import type { FastifyInstance } from 'fastify'
import type { Database } from '../../database/database.ts'
import { cacheable } from '../caching.ts'
import { unknownClass, unknownTraits as unknownTraitsError } from '../errors.ts'
import { unknownClasses, unknownTraits } from '../providers/store.ts'
import type { Query } from '../query.ts'
import { findCandidates } from './candidates.ts'
import { type CandidatesRequest, parseRequest } from './request.ts'
import { NESTED, viewCandidates } from './view.ts'
import { readWorld } from './world.ts'

export function candidateRoutes(app: FastifyInstance, db: Database): void {
  app.get<{ Querystring: Query }>(
    '/allocation_candidates',
    { config: { policy: 'placement:allocation_candidates:list', since: '1.10' } },
    async (request, reply) => {
      const version = request.microversion
      const asked = parseRequest(request.query, version)
      await checkNames(db, asked)
      const found = findCandidates(await readWorld(db), asked, { nestedAware: version >= NESTED })
      cacheable(request, reply)
      return viewCandidates(found, asked, version)
    },
  )
}

async function checkNames(db: Database, { groups, rootTraits }: CandidatesRequest): Promise<void> {
  const classes = await unknownClasses(
    db,
    groups.flatMap(({ resources }) => Object.keys(resources)),
  )
  if (classes.length > 0) throw unknownClass('Invalid resource class in resources parameter', classes.join(', '))
  const traits = [
    ...groups.flatMap((group) => [...group.traits.required.flat(), ...group.traits.forbidden]),
    ...(rootTraits?.required ?? []),
    ...(rootTraits?.forbidden ?? []),
  ]
  const unknown = traits.length === 0 ? [] : await unknownTraits(db, traits)
  if (unknown.length > 0) throw unknownTraitsError('', unknown)
}
