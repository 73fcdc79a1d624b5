import assert from 'node:assert/strict'
import { it } from 'node:test'
import Fastify from 'fastify'
import { rememberMethods } from './known-methods.ts'

it('the methods of a path are those of all routes that it fits, and none for a path that nobody knows', () => {
  const app = Fastify({ exposeHeadRoutes: false })
  const methodsOf = rememberMethods(app)
  const handler = async () => ({})
  app.get('/v3/users/:user_id', handler)
  app.delete('/v3/users/:user_id', handler)
  app.put('/v3/users/self', handler)
  app.post('/v2.0/files/:name([a-z]+)', handler)
  app.get('/static/*', handler)
  assert.deepEqual(methodsOf('/v3/users/17'), ['GET', 'DELETE'])
  assert.deepEqual(methodsOf('/v3/users/17/'), ['GET', 'DELETE'])
  assert.deepEqual(methodsOf('/v3/users/self'), ['GET', 'DELETE', 'PUT'])
  assert.deepEqual(methodsOf('/v3/users'), [])
  assert.deepEqual(methodsOf('/v3/users/17/groups'), [])
  assert.deepEqual(methodsOf('/v2.0/files/readme'), ['POST'])
  assert.deepEqual(methodsOf('/v2.0/files/17'), [])
  assert.deepEqual(methodsOf('/v2x0/files/readme'), [])
  assert.deepEqual(methodsOf('/static/css/site.css'), ['GET'])
})
