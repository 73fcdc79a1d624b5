/** Which variant of a call a request is. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SERVICES, readOperations } from './operations.ts'
import { type Asked, variantOf } from './variants.ts'

const REQUESTS: readonly [string | undefined, Partial<Asked> & Pick<Asked, 'service' | 'method' | 'path'>][] = [
  ['(password, unscoped)', login({ methods: ['password'] })],
  ['(password, scoped)', login({ methods: ['password'] }, { project: { id: 'p' } })],
  ['(password, explicit unscoped)', login({ methods: ['password'] }, 'unscoped')],
  ['(token, unscoped)', login({ methods: ['token'] })],
  ['(token, scoped)', login({ methods: ['token'] }, { system: { all: true } })],
  ['(token, explicit unscoped)', login({ methods: ['token'] }, { unscoped: {} })],
  ['(multi-step, totp)', login({ methods: ['password', 'totp'] })],
  ['(application_credential)', login({ methods: ['application_credential'] })],
  ['(oauth1)', login({ methods: ['oauth1'] })],
  ['(trust scope)', login({ methods: ['token'] }, { 'OS-TRUST:trust': { id: 't' } })],
  ['(saml2/mapped token, scoped)', login({ methods: ['mapped'] })],
  [undefined, { service: 'identity', method: 'POST', path: '/v3/auth/tokens', body: 'nonsense' }],
  ['(rename)', { service: 'placement', method: 'PUT', path: '/resource_classes/{name}', microversion: 1006 }],
  [undefined, { service: 'placement', method: 'PUT', path: '/resource_classes/{name}', microversion: 1007 }],
  ['(usage=true)', { service: 'volume', method: 'GET', path: '/v3/os-quota-sets/{id}', query: { usage: 'True' } }],
  [undefined, { service: 'volume', method: 'GET', path: '/v3/os-quota-sets/{id}', query: { usage: 'False' } }],
  ['(multiple)', { service: 'compute', method: 'POST', path: '/v2.1/servers', body: { server: { min_count: 2 } } }],
  [undefined, { service: 'compute', method: 'POST', path: '/v2.1/servers', body: { server: { min_count: 1 } } }],
  ['(swap)', attachment('another')],
  [undefined, attachment('v')],
  ...['networks', 'ports', 'subnets', 'security-group-rules'].flatMap((noun) => bulk(noun)),
]

function login(identity: object, scope?: unknown) {
  return {
    service: 'identity',
    method: 'POST',
    path: '/v3/auth/tokens',
    body: { auth: { identity, ...(scope !== undefined && { scope }) } },
  }
}

function attachment(volumeId: string) {
  return {
    service: 'compute',
    method: 'PUT',
    path: '/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}',
    params: { server_id: 's', volume_id: 'v' },
    body: { volumeAttachment: { volumeId } },
  }
}

function bulk(noun: string): [string | undefined, Pick<Asked, 'service' | 'method' | 'path' | 'body'>][] {
  const asked = { service: 'network', method: 'POST', path: `/v2.0/${noun}` }
  const key = noun.replaceAll('-', '_')
  return [
    ['(bulk)', { ...asked, body: { [key]: [] } }],
    [undefined, { ...asked, body: { [key.slice(0, -1)]: {} } }],
  ]
}

it('a request is the variant that its body, query or microversion makes it', () => {
  for (const [variant, asked] of REQUESTS) {
    const found = variantOf({ params: {}, query: {}, body: undefined, microversion: 0, ...asked })
    assert.equal(found, variant, JSON.stringify(asked))
  }
})

it("every variant of upstream's lists can be told, but for what only an answer shows", () => {
  const told = new Set(REQUESTS.map(([variant]) => variant))
  const untold = SERVICES.flatMap(readOperations)
    .map(({ variant }) => variant)
    .filter((variant) => variant !== undefined && !told.has(variant))
  assert.deepEqual(untold, ['(trunk_details)'])
})
