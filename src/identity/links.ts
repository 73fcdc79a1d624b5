/** Addresses of identity's own things, as its clients see them. */
import type { FastifyRequest } from 'fastify'

export interface Links {
  /** `https://…/identity` without a slash at its end. */
  readonly base: string
  /** `self('users', id)` is the URL of a thing below `/v3`. */
  self(...path: string[]): string
  /** The URL of the request itself, query included. */
  request(request: FastifyRequest): string
}

/** @param prefix where the plugin is mounted, which request paths begin with */
export function openLinks(base: string, prefix: string): Links {
  return {
    base,
    self: (...path) => `${base}/v3/${path.map(encodeURIComponent).join('/')}`,
    request: (request) => `${base}${request.url.slice(prefix.length)}`,
  }
}
