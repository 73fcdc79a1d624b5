/** How block storage's errors look to a client. Source: cinder/api/openstack/wsgi.py (Fault), cinder/exception.py. */
import type { DomainError } from '../domain-error.ts'
import type { Fault } from '../http/service.ts'

const STATUS_BY_REASON: Readonly<Record<DomainError['reason'], number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'over-quota': 413,
  'no-capacity': 400,
  unavailable: 503,
}

/** Where the reason alone does not settle it. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'http.microversion.unacceptable': 406,
  'http.body.media-type': 415,
  'http.body.too-large': 413,
  'http.surprise': 500,
  'volume.request.not-offered': 501,
  'volume.metadata.changed-meanwhile': 412,
  'image.image.not-active': 400,
}

const KEYS: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

export function volumeFault(error: DomainError): Fault {
  const status = STATUS_BY_CODE[error.code] ?? STATUS_BY_REASON[error.reason]
  const overQuota = error.reason === 'over-quota'
  return {
    status,
    body: {
      [KEYS[status] ?? 'computeFault']: { code: status, message: error.message, ...(overQuota && { retryAfter: '0' }) },
    },
    ...(overQuota && { headers: { 'retry-after': '0' } }),
  }
}
