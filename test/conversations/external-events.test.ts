/** Compute hears of ports and volumes from within the process; telling it by HTTP is refused, even to services. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { testCloud } from '../support/cloud.ts'

it('external events are refused by name to services, and are not for anybody else', async () => {
  await using cloud = await testCloud()
  const admin = await cloud.token('admin')
  const body = { events: [{ name: 'network-changed', server_uuid: '11111111-1111-4111-8111-111111111111' }] }
  const tell = (token: string) => cloud.ask(token, 'POST', '/compute/v2.1/os-server-external-events', body)
  assert.equal((await tell(await cloud.token('demo'))).status, 403)

  const { roles } = (await cloud.ask(admin, 'GET', '/identity/v3/roles?name=service')).body
  const { adminProjectId, adminUserId } = cloud.who
  const grant = `/identity/v3/projects/${adminProjectId}/users/${adminUserId}/roles/${roles[0].id}`
  assert.equal((await cloud.ask(admin, 'PUT', grant)).status, 204)
  const answer = await tell(await cloud.token('admin'))
  assert.equal(answer.status, 501)
  assert.equal(answer.body.notImplemented.message, 'Telling compute of external events is not offered yet.')
})
