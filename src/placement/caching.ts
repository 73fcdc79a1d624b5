/** From 1.15 on answers say how fresh they are, and that they must not be kept. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { microversion } from '../http/microversions.ts'

const SINCE = microversion('1.15')

/** @param changed the newest of the things shown; this moment where that is unknown */
export function cacheable(request: FastifyRequest, reply: FastifyReply, changed: Date = new Date()): void {
  if (request.microversion < SINCE) return
  reply.header('cache-control', 'no-cache')
  reply.header('last-modified', changed.toUTCString())
}

/** The newest of some rows; this moment when there are none. */
export function newest(rows: readonly { readonly updatedAt: Date }[]): Date {
  return rows.length === 0 ? new Date() : new Date(Math.max(...rows.map((row) => row.updatedAt.getTime())))
}
