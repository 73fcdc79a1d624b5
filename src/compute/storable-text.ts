/** Text that PostgreSQL takes: it keeps neither NUL nor half a surrogate pair, wherever in a body they stand. */
import type { FastifyInstance } from 'fastify'
import { DomainError } from '../domain-error.ts'

/** @throws DomainError invalid `compute.text.unstorable`, from every route that has a body */
export function refuseUnstorableText(app: FastifyInstance): void {
  app.addHook('preHandler', async ({ body }) => {
    if (isStorable(body)) return
    throw new DomainError(
      'invalid',
      'compute.text.unstorable',
      'Invalid input: text must not contain NUL characters or unpaired surrogates.',
    )
  })
}

export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, each]) => isStorable(key) && isStorable(each))
}
