/** Identity's one door out: `{"error": {"code", "title", "message"}}`. Source: keystone/server/flask/application.py */
import type { DomainError, Reason } from '../domain-error.ts'
import type { Fault } from '../http/service.ts'

const STATUS: Readonly<Record<Reason, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'over-quota': 403,
  'no-capacity': 503,
  unavailable: 503,
}

/** Codes whose status is not their reason's. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  'http.surprise': 500,
  'http.method.not-allowed': 405,
  'http.body.too-large': 413,
  'identity.not-offered': 501,
  'identity.gone': 410,
  // The subject of a question about a token, not the token of the question.
  'identity.token.subject-unknown': 404,
}

const TITLE: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}

/** @param identityUrl the public URL of identity, for `WWW-Authenticate` */
export function faultOf(error: DomainError, identityUrl: string): Fault {
  const code = STATUS_OF_CODE[error.code] ?? STATUS[error.reason]
  const { identity, body, receipt, allow } = error.details
  if (error.code === 'identity.login.more-methods') {
    return { status: 401, body, headers: { 'openstack-auth-receipt': String(receipt) } }
  }
  return {
    status: code,
    body: {
      error: {
        code,
        title: TITLE[code] ?? 'Error',
        message: messageOf(error),
        ...(identity !== undefined && { identity }),
      },
    },
    headers: {
      ...(allow !== undefined && { allow: String(allow) }),
      ...(code === 401 && { 'www-authenticate': `Keystone uri="${identityUrl}"` }),
      ...(error.code === 'identity.password.busy' && { 'retry-after': '1' }),
    },
  }
}

function messageOf(error: DomainError): string {
  if (error.code !== 'policy.not-authorized') return error.message
  return `You are not authorized to perform the requested action: ${error.details.policy}.`
}
