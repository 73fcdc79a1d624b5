import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { identityUnderTest, type Made } from './identity-under-test.ts'

describe('bootstrap', () => {
  it('done again moves URLs and nothing else', async () => {
    await using test = await identityUnderTest()
    const user = (await test.ask(test.admin, 'GET', `/v3/users/${test.ids.demoUserId}`)).body.user
    const again = await test.identity.bootstrap({
      adminPassword: 'other',
      demoPassword: 'other',
      endpoints: {
        compute: { name: 'nova', url: 'http://moved/compute/v2.1' },
        image: { name: 'glance', url: 'http://new/image' },
      },
    })
    assert.deepEqual(again, test.ids)
    assert.equal((await test.tryLogin('admin')).status, 201, 'passwords stay')
    assert.deepEqual((await test.ask(test.admin, 'GET', `/v3/users/${test.ids.demoUserId}`)).body.user, user)
    const { catalog } = (await test.ask(test.admin, 'GET', '/v3/auth/catalog')).body
    assert.deepEqual(
      catalog.map((entry: Made) => `${entry.type} ${entry.endpoints[0].url}`),
      [
        'identity http://127.0.0.1:5000/identity',
        'compute http://moved/compute/v2.1',
        `volumev3 http://127.0.0.1:5000/volume/v3/${test.ids.adminProjectId}`,
        'image http://new/image',
      ],
    )
    assert.equal((await test.ask(test.admin, 'GET', '/v3/endpoints')).body.endpoints.length, 12)
  })

  it('leaves a role taken from the administrator taken', async () => {
    await using test = await identityUnderTest()
    const grant = `/v3/system/users/${test.ids.adminUserId}/roles/${await test.roleId('admin')}`
    assert.equal((await test.ask(test.admin, 'DELETE', grant)).status, 204)
    await test.identity.bootstrap({ adminPassword: 'x', demoPassword: 'x', endpoints: {} })
    assert.equal((await test.tryLogin('admin', { system: { all: true } })).status, 401)
  })

  it('knows which projects there are', async () => {
    await using test = await identityUnderTest()
    assert.equal(await test.identity.projectExists(test.ids.demoProjectId), true)
    assert.equal(await test.identity.projectExists('default' as never), false)
    assert.equal(await test.identity.projectExists('nonsense' as never), false)
  })

  it('keeps the key of tokens from other eyes', async () => {
    await using test = await identityUnderTest()
    const keys = join(test.service.context.stateDir, 'identity', 'keys')
    assert.equal((await stat(join(keys, '00000001'))).mode & 0o777, 0o600)
    assert.equal((await stat(keys)).mode & 0o777, 0o700)
  })
})
