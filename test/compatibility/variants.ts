/**
 * Upstream's lists tell apart variants of one call by a word in parentheses, such as `(bulk)`. Which one a request is
 * shows in its body, query or microversion.
 */
import type { Microversion } from '../../src/http/microversions.ts'

export interface Asked {
  readonly service: string
  readonly method: string
  /** With `{name}` placeholders. */
  readonly path: string
  readonly params: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly microversion: Microversion
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are what tests sent, right or wrong
type Body = any

export function variantOf(asked: Asked): string | undefined {
  const body: Body = asked.body
  switch (`${asked.service} ${asked.method} ${asked.path.replace(/\{[^}]*\}/g, '{}')}`) {
    case 'identity POST /v3/auth/tokens':
      return loginVariant(body?.auth)
    case 'placement PUT /resource_classes/{}':
      return asked.microversion < 1007 ? '(rename)' : undefined
    case 'volume GET /v3/os-quota-sets/{}':
      return /^(1|t|true|on|y|yes)$/i.test(String(asked.query.usage)) ? '(usage=true)' : undefined
    case 'compute POST /v2.1/servers':
      return Number(body?.server?.min_count) > 1 || Number(body?.server?.max_count) > 1 ? '(multiple)' : undefined
    case 'compute PUT /v2.1/servers/{}/os-volume_attachments/{}':
      return Object.values(asked.params).includes(body?.volumeAttachment?.volumeId) ? undefined : '(swap)'
    case 'network POST /v2.0/networks':
    case 'network POST /v2.0/ports':
    case 'network POST /v2.0/subnets':
    case 'network POST /v2.0/security-group-rules':
      return Object.values(body ?? {}).some(Array.isArray) ? '(bulk)' : undefined
  }
  return undefined
}

function loginVariant(auth: Body): string | undefined {
  const methods: readonly string[] = auth?.identity?.methods ?? []
  const scope = auth?.scope
  if (methods.includes('oauth1')) return '(oauth1)'
  if (methods.includes('saml2') || methods.includes('mapped')) return '(saml2/mapped token, scoped)'
  if (methods.includes('totp')) return '(multi-step, totp)'
  if (methods.includes('application_credential')) return '(application_credential)'
  if (scope?.['OS-TRUST:trust'] !== undefined) return '(trust scope)'
  if (methods.length !== 1 || !['password', 'token'].includes(methods[0]!)) return undefined
  const how =
    scope === undefined
      ? 'unscoped'
      : scope === 'unscoped' || scope.unscoped !== undefined
        ? 'explicit unscoped'
        : 'scoped'
  return `(${methods[0]}, ${how})`
}
