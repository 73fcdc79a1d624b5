import assert from 'node:assert/strict'
import { it } from 'node:test'
import Fastify from 'fastify'
import type { Caller } from './caller.ts'
import { AUTHENTICATED } from './policy.ts'
import { asService } from './service.ts'

it("the token of a service goes to identity beside the user's, where there is one", async () => {
  const asked: (string | undefined)[][] = []
  const app = Fastify()
  await app.register(
    async (service) => {
      asService(service, {
        name: 'compute',
        policies: { 'thing:get': AUTHENTICATED },
        identityUrl: 'http://127.0.0.1:5000/identity',
        fault: () => ({ status: 500, body: {} }),
        authenticate: async (token, _requestId, serviceToken) => {
          asked.push([token, serviceToken])
          return { userId: 'u', roles: [], isAdmin: false } as unknown as Caller
        },
      })
      service.get('/thing', { config: { policy: 'thing:get' } }, async () => ({}))
    },
    { prefix: '/compute' },
  )
  const ask = (headers: Record<string, string>) => app.inject({ url: '/compute/thing', headers })
  assert.equal((await ask({ 'x-auth-token': 'user' })).statusCode, 200)
  await ask({ 'x-auth-token': 'user', 'x-service-token': 'service' })
  await ask({ 'x-auth-token': 'user', 'x-service-token': '' })
  assert.deepEqual(asked, [
    ['user', undefined],
    ['user', 'service'],
    ['user', undefined],
  ])
  await app.close()
})
