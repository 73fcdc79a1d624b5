/**
 * How placement's errors look to a client: `{"errors": [{status, title, detail, request_id, code}]}`, always one
 * element, `code` from microversion 1.23 on. Source: placement/util.py, json_error_formatter.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { DomainError, Reason } from '../domain-error.ts'
import { microversion, showMicroversion } from '../http/microversions.ts'
import type { Fault } from '../http/service.ts'
import { RANGE } from './versions.ts'

const STATUS: Readonly<Record<Reason, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'over-quota': 409,
  'no-capacity': 409,
  unavailable: 503,
}

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  'http.microversion.unacceptable': 406,
  'http.body.too-large': 413,
  'http.body.media-type': 415,
  'http.surprise': 500,
  'http.method.not-allowed': 405,
  'placement.method.not-allowed': 405,
  'placement.accept.unknown': 406,
  'placement.content-type.unknown': 415,
}

const WITH_CODE = microversion('1.23')

export function placementFault(error: DomainError, request: FastifyRequest): Fault {
  const status = STATUS_OF_CODE[error.code] ?? STATUS[error.reason]
  const { code, allow } = error.details as { code?: string; allow?: string }
  const title = STATUS_CODES[status] ?? 'Error'
  const body = {
    status,
    title,
    detail: detailOf(error, request),
    ...(request.microversion >= WITH_CODE && { code: code ?? 'placement.undefined_code' }),
    request_id: request.requestId,
    ...(error.code === 'http.microversion.unacceptable' && {
      max_version: showMicroversion(RANGE.max),
      min_version: showMicroversion(RANGE.min),
    }),
  }
  return { status, body: { errors: [body] }, ...(allow !== undefined && { headers: { allow } }) }
}

function detailOf(error: DomainError, request: FastifyRequest): string {
  switch (error.code) {
    case 'http.schema.violated':
      return `JSON does not validate: ${error.details.said ?? error.message}`
    case 'http.body.malformed':
      return `Malformed JSON: ${error.message}`
    case 'http.microversion.unacceptable':
      return `Unacceptable version header: ${askedVersion(request)}. ${error.message}`
    case 'http.microversion.malformed':
      return `invalid version string: ${askedVersion(request)}`
    default:
      return error.message
  }
}

function askedVersion({ headers }: FastifyRequest): string {
  return /placement\s+([^\s,]+)/i.exec(String(headers['openstack-api-version']))?.[1] ?? ''
}
