/**
 * How compute's errors look to a client: `{"itemNotFound": {"code": 404, "message": …}}`, the key following the status.
 * Source: nova/api/openstack/wsgi.py, class Fault.
 */
import type { DomainError, Reason } from '../domain-error.ts'
import type { Fault } from '../http/service.ts'

const STATUS: Readonly<Record<Reason, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  // Upstream: quotas of compute are a 403.
  'over-quota': 403,
  'no-capacity': 409,
  unavailable: 503,
}

/** What differs from its reason's status. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  'http.microversion.unacceptable': 406,
  'http.body.media-type': 415,
  'http.body.too-large': 413,
  'http.surprise': 500,
  'compute.not-offered': 501,
  'compute.gone': 410,
}

const KEY: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

/** The status of an error; also the `code` of a server's fault. */
export function statusOf(error: DomainError): number {
  return STATUS_OF_CODE[error.code] ?? STATUS[error.reason]
}

export function computeFault(error: DomainError): Fault {
  const status = statusOf(error)
  return {
    status,
    body: { [KEY[status] ?? 'computeFault']: { code: status, message: error.message } },
    // The type of the body, as upstream writes it, also on 413 where Fastify would answer for itself.
    headers: { 'content-type': 'application/json; charset=UTF-8' },
  }
}
