/**
 * `POST …/action`: one path, many deeds, told apart by the single key of the body. Compute's servers and volume's
 * volumes both speak this way.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { DomainError } from '../domain-error.ts'
import { microversion } from './microversions.ts'
import { authorize, type PolicyTable } from './policy.ts'
import { validate } from './schema-versions.ts'

export interface Action<Schema extends TSchema = TSchema> {
  readonly policy: string
  readonly since?: string
  readonly until?: string
  /** The schema of the value under the key. */
  readonly body: Schema
  readonly handle: (request: FastifyRequest, reply: FastifyReply, body: Static<Schema>) => Promise<unknown>
}

/** Keeps each action's body type with its handler. */
export function action<Schema extends TSchema>(declared: Action<Schema>): Action {
  return declared as unknown as Action
}

/** Mounts `actions` at `url`. `anyPolicy` guards the path itself and should be the loosest of the actions' policies. */
export function actionRoute(
  app: FastifyInstance,
  url: string,
  {
    policies,
    anyPolicy,
    actions,
  }: { policies: PolicyTable; anyPolicy: string; actions: Readonly<Record<string, Action>> },
): void {
  app.post(url, { config: { policy: anyPolicy, actions, rawBody: true } }, async (request, reply) => {
    const body = request.body
    const keys = typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.keys(body) : []
    if (keys.length !== 1) throw new DomainError('invalid', 'http.action.malformed', 'Malformed request body')
    const key = keys[0]!
    const found = Object.hasOwn(actions, key) ? actions[key] : undefined
    const version = request.microversion
    if (
      found === undefined ||
      (found.since !== undefined && version < microversion(found.since)) ||
      (found.until !== undefined && version > microversion(found.until))
    ) {
      throw new DomainError('invalid', 'http.action.unknown', `There is no such action: ${key.slice(0, 64)}`)
    }
    authorize(policies, found.policy, request.caller)
    const value = (body as Record<string, unknown>)[key]
    validate(version, found.body, value)
    return await found.handle(request, reply, value)
  })
}
