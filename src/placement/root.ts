/** `GET /`: which microversions there are, for everybody. Source: placement/handlers/root.py */
import type { FastifyInstance } from 'fastify'
import { showMicroversion } from '../http/microversions.ts'
import { cacheable } from './caching.ts'
import { RANGE } from './versions.ts'

export function rootRoutes(app: FastifyInstance): void {
  app.get('/', { config: { policy: 'placement:versions' } }, async (request, reply) => {
    cacheable(request, reply)
    return {
      versions: [
        {
          id: `v${showMicroversion(RANGE.min)}`,
          status: 'CURRENT',
          min_version: showMicroversion(RANGE.min),
          max_version: showMicroversion(RANGE.max),
          links: [{ rel: 'self', href: '' }],
        },
      ],
    }
  })
}
