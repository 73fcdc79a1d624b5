import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'

const demo = person('demo').projectId!
const alt = person('alt').projectId!

describe('members of an image', () => {
  let test: ImageServiceUnderTest
  before(async () => {
    test = await imageServiceUnderTest({ membersPerImage: 3 })
  })
  after(() => test[Symbol.asyncDispose]())

  type Person = 'admin' | 'demo' | 'alt' | 'reader'
  const add = (id: string, member: unknown = alt, who: Person = 'demo') =>
    test.ask(who, 'POST', `/v2/images/${id}/members`, { member })
  const answer = (id: string, status: unknown, who: Person = 'alt') =>
    test.ask(who, 'PUT', `/v2/images/${id}/members/${alt}`, { status })

  it('see a shared image, boot from it and read it, and may not change it', async () => {
    const id = await test.anActiveImage()
    assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}`)).status, 404)
    const { status, body } = await add(id)
    assert.equal(status, 200)
    assert.deepEqual(
      [body.member_id, body.image_id, body.status, body.schema],
      [alt, id, 'pending', '/v2/schemas/member'],
    )
    assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}`)).status, 200)
    assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}/file`)).body, 'some bytes')
    assert.equal((await test.patch('alt', id, { op: 'replace', path: '/name', value: 'x' })).status, 403)
    assert.equal((await test.ask('alt', 'DELETE', `/v2/images/${id}`)).status, 403)
    assert.equal((await test.images.forBoot(person('alt'), id)).id, id)
  })

  it('accept and reject for themselves; the owner cannot', async () => {
    const id = await test.anImage()
    await add(id)
    assert.equal((await answer(id, 'accepted')).body.status, 'accepted')
    assert.equal((await answer(id, 'rejected')).body.status, 'rejected')
    assert.equal((await answer(id, 'accepted', 'demo')).status, 403)
    assert.equal((await answer(id, 'accepted', 'admin')).status, 200)
    assert.equal((await answer(id, 'perhaps')).status, 400)
    assert.equal((await answer(id, undefined)).status, 400)
  })

  it('see of all memberships their own', async () => {
    const id = await test.anImage()
    await add(id)
    await add(id, 'another')
    const list = async (who: Person) => {
      const { body } = await test.ask(who, 'GET', `/v2/images/${id}/members`)
      assert.equal(body.schema, '/v2/schemas/members')
      return body.members.map((member: { member_id: string }) => member.member_id)
    }
    assert.deepEqual(await list('demo'), [alt, 'another'])
    assert.deepEqual(await list('admin'), [alt, 'another'])
    assert.deepEqual(await list('alt'), [alt])
    const get = (member: string, who: Person) => test.ask(who, 'GET', `/v2/images/${id}/members/${member}`)
    assert.equal((await get('another', 'demo')).status, 200)
    assert.equal((await get('another', 'alt')).status, 404)
    assert.equal((await get(alt, 'alt')).body.member_id, alt)
    assert.equal((await get('nobody', 'demo')).status, 404)
  })

  it('are added and removed by the owner alone', async () => {
    const id = await test.anImage()
    await add(id)
    assert.equal((await add(id, 'friend', 'alt')).status, 403)
    assert.equal((await add(id, 'friend', 'reader')).status, 403)
    const remove = (who: Person) => test.ask(who, 'DELETE', `/v2/images/${id}/members/${alt}`)
    assert.equal((await remove('alt')).status, 403)
    assert.equal((await remove('demo')).status, 204)
    assert.equal((await remove('demo')).status, 404)
    assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}`)).status, 404)
  })

  it('are members once, and as many as the quota says', async () => {
    const id = await test.anImage()
    assert.equal((await add(id)).status, 200)
    assert.equal((await add(id)).status, 409)
    await add(id, 'two')
    await add(id, 'three')
    assert.equal((await add(id, 'four')).status, 413)
  })

  it('are of shared images only', async () => {
    for (const visibility of ['private', 'community']) {
      const id = await test.anImage('demo', { visibility })
      assert.equal((await add(id)).status, 403)
      assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/members`)).status, 403)
      assert.equal((await test.ask('demo', 'GET', `/v2/images/${id}/members/${alt}`)).status, 404)
    }
  })

  it('are named by a text', async () => {
    const id = await test.anImage()
    for (const member of ['', 5, null, ['x'], 'x'.repeat(256), 'a\0']) {
      assert.equal((await add(id, member)).status, 400, JSON.stringify(member))
    }
    assert.equal((await test.ask('demo', 'POST', `/v2/images/${id}/members`, [])).status, 400)
    assert.equal((await test.ask('demo', 'POST', `/v2/images/${id}/members`)).status, 400)
  })

  it('of an image that is not seen are not found', async () => {
    const id = await test.anImage()
    assert.equal((await add(id, alt, 'alt')).status, 404)
    assert.equal((await test.ask('alt', 'GET', `/v2/images/${id}/members`)).status, 404)
    assert.equal(demo === alt, false)
  })
})
