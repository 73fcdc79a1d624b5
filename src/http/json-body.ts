/**
 * Bodies in JSON, no deeper than anything that we are told needs to be: whoever looks at all of a body goes down into it,
 * and the stack that this takes has an end.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DomainError } from '../domain-error.ts'

/** How deep a text in JSON may be that somebody will look at all of. */
export const DEEPEST = 128

type Done = (error: Error | null, body?: unknown) => void

/** @returns a parser of bodies for `app`, which calls back with a DomainError invalid, `http.body.malformed`, for too deep ones */
export function jsonParser(app: FastifyInstance): (request: FastifyRequest, body: string, done: Done) => void {
  const parse = app.getDefaultJsonParser('error', 'error')
  return (request, body, done) => {
    if (depthOf(body) <= DEEPEST) parse(request, body, done)
    else done(new DomainError('invalid', 'http.body.malformed', 'Malformed request body'))
  }
}

/** How deep arrays and objects lie in each other, in a text that may be JSON. */
export function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        break
      case '[':
      case '{':
        deepest = Math.max(deepest, ++depth)
        break
      case ']':
      case '}':
        depth--
    }
  }
  return deepest
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}
