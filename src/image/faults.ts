/**
 * How the image service's errors look to a client: no envelope of its own, the web framework renders them by `Accept`.
 * Source: webob/exc.py (WSGIHTTPException), which glance raises everywhere.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { DomainError, Reason } from '../domain-error.ts'
import type { Fault } from '../http/service.ts'

const STATUS_OF_REASON: Readonly<Record<Reason, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'over-quota': 413,
  'no-capacity': 503,
  unavailable: 503,
}

/** Where the reason alone does not say it. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  'http.surprise': 500,
  'http.body.media-type': 415,
  'http.body.too-large': 413,
  'http.method.not-allowed': 405,
  'image.task.stays': 405,
  'image.body.media-type': 415,
  'image.data.unacceptable': 415,
  'image.data.gone': 410,
  'image.data.range': 416,
}

export function imageFault(error: DomainError, request: FastifyRequest): Fault {
  const status = STATUS_OF_CODE[error.code] ?? STATUS_OF_REASON[error.reason]
  const { allow } = error.details as { allow?: string }
  const headers = {
    ...((error.details.headers ?? {}) as Record<string, string>),
    ...(allow !== undefined && { allow }),
  }
  const message =
    error.code === 'http.schema.violated'
      ? `Provided object does not match schema '${error.details.schema ?? 'image'}': ${error.message}`
      : error.message
  return rendered(status, message, request.headers.accept, headers)
}

function rendered(
  status: number,
  message: string,
  accept: string | undefined,
  headers: Readonly<Record<string, string>>,
): Fault {
  const title = STATUS_CODES[status] ?? 'Error'
  const line = `${status} ${title}`
  switch (preferred(accept)) {
    case 'json':
      return {
        status,
        headers: { ...headers, 'content-type': 'application/json' },
        body: { message: `${message}<br /><br />\n\n\n`, code: line, title },
      }
    case 'html':
      return {
        status,
        headers: { ...headers, 'content-type': 'text/html; charset=UTF-8' },
        body: `<html>\n <head>\n  <title>${line}</title>\n </head>\n <body>\n  <h1>${line}</h1>\n  ${escaped(message)}<br /><br />\n\n\n </body>\n</html>`,
      }
    case 'plain':
      return {
        status,
        headers: { ...headers, 'content-type': 'text/plain; charset=UTF-8' },
        body: `${line}\n\n${message}\n\n   `,
      }
  }
}

/** HTML unless JSON is wanted more; plain text where neither is. A missing or empty header takes anything. */
function preferred(accept: string | undefined): 'html' | 'json' | 'plain' {
  if (accept === undefined || accept.trim() === '') return 'html'
  const wish = { html: -1, json: -1 }
  const precision = { html: -1, json: -1 }
  for (const part of accept.split(',')) {
    const [range = '', ...parameters] = part.trim().toLowerCase().split(';')
    const weight = parameters.map((parameter) => /^\s*q=([0-9.]+)\s*$/.exec(parameter)?.[1]).find(Boolean)
    const quality = weight === undefined ? 1 : Number(weight)
    if (Number.isNaN(quality)) continue
    for (const [kind, type] of [
      ['html', 'text/html'],
      ['json', 'application/json'],
    ] as const) {
      const match = precisionOf(range.trim(), type)
      if (match > precision[kind]) {
        precision[kind] = match
        wish[kind] = quality
      }
    }
  }
  if (wish.html <= 0 && wish.json <= 0) return 'plain'
  return wish.json > wish.html ? 'json' : 'html'
}

/** How exactly a media range names a type: 2 whole, 1 its family, 0 anything, -1 not at all. */
function precisionOf(range: string, type: string): number {
  if (range === type) return 2
  if (range === `${type.split('/')[0]}/*`) return 1
  return range === '*/*' ? 0 : -1
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
