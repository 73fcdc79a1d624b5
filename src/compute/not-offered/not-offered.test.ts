/** Deeds and paths that are known and not offered: each is refused by name, and nothing comes of it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newId, type ServerId } from '../../ids.ts'
import { type TestCloud, testCloud } from '../testing/compute-under-test.ts'

describe('a server', () => {
  let cloud: TestCloud
  let id: ServerId
  before(async () => {
    cloud = await testCloud({ hosts: 1 })
    id = await cloud.boot()
    await cloud.settled(id)
  })
  after(() => cloud[Symbol.asyncDispose]())

  /** Everything that shows of it, but for its age. */
  const shown = async () => {
    const { updated, ...rest } = await cloud.settled(id)
    return rest
  }
  const act = (action: string, body: unknown, version = 'latest', who: 'admin' | 'alt' = 'admin') =>
    cloud.ask(who, 'POST', `/servers/${id}/action`, { [action]: body }, version)

  const NOT_OFFERED: readonly [action: string, body: unknown, names: RegExp, version?: string][] = [
    ['pause', null, /^Pausing a server/],
    ['suspend', null, /^Suspending a server/],
    ['rescue', null, /^Rescuing a server/],
    ['rebuild', { imageRef: newId() }, /^Rebuilding a server/],
    ['resize', { flavorRef: 'tiny' }, /^Resizing a server/],
    ['migrate', null, /^Migrating a server/],
    ['os-migrateLive', { host: null, block_migration: 'auto' }, /^Live migration/],
    ['evacuate', {}, /^Evacuating a server/],
    ['shelve', null, /^Shelving a server/],
    ['createImage', { name: 'copy' }, /^Creating an image of a server/],
    ['createBackup', { name: 'copy', backup_type: 'daily', rotation: 1 }, /^Backing up a server/],
    ['changePassword', { adminPass: 'new' }, /^Changing the password of a guest/],
    ['trigger_crash_dump', null, /^Triggering a crash dump/],
    ['injectNetworkInfo', null, /^Injecting network information/],
    ['os-getVNCConsole', { type: 'novnc' }, /^A VNC console/, '2.5'],
    ['os-getSPICEConsole', { type: 'spice-html5' }, /^A SPICE console/, '2.5'],
    ['os-getSerialConsole', { type: 'serial' }, /^A serial console/, '2.5'],
  ]
  for (const [action, body, names, version] of NOT_OFFERED) {
    it(`refuses ${action} by name, and stays as it was`, async () => {
      const before = await shown()
      const { status, body: answer } = await act(action, body, version)
      assert.equal(status, 501, JSON.stringify(answer))
      assert.match(answer.notImplemented.message, names)
      assert.match(answer.notImplemented.message, / is not offered yet\.$/)
      assert.deepEqual(await shown(), before)
    })
  }

  for (const action of [
    'restore',
    'confirmResize',
    'revertResize',
    'unpause',
    'resume',
    'unrescue',
    'unshelve',
    'shelveOffload',
  ]) {
    it(`is never in the state that ${action} leaves, and stays as it was`, async () => {
      const before = await shown()
      const { status, body } = await act(action, null)
      assert.equal(status, 409, JSON.stringify(body))
      assert.ok(body.conflictingRequest.message.startsWith(`Cannot '${action}' instance ${id}`))
      assert.match(body.conflictingRequest.message, /vm_state active/)
      assert.deepEqual(await shown(), before)
    })
  }

  it('says that resetNetwork is gone', async () => {
    assert.equal((await act('resetNetwork', null)).status, 410)
  })

  it('is asked for a console by its newer path from 2.6 on, and for a crash dump from 2.17 on', async () => {
    for (const kind of ['VNC', 'SPICE', 'Serial']) {
      assert.equal((await act(`os-get${kind}Console`, {}, '2.6')).status, 400, kind)
    }
    assert.equal((await act('trigger_crash_dump', null, '2.16')).status, 400)
  })

  it('is not found by another project, whatever is asked of it', async () => {
    for (const action of ['pause', 'createImage', 'unshelve', 'rebuild']) {
      assert.equal((await act(action, null, 'latest', 'alt')).status, 404, action)
    }
  })

  it('has no diagnostics, which are for admins', async () => {
    const url = `/servers/${id}/diagnostics`
    const { status, body } = await cloud.ask('admin', 'GET', url, undefined, 'latest')
    assert.equal(status, 501)
    assert.equal(body.notImplemented.message, 'Diagnostics of a server is not offered yet.')
    assert.equal((await cloud.ask('demo', 'GET', url)).status, 403)
    assert.equal((await cloud.ask('admin', 'GET', `/servers/${newId()}/diagnostics`)).status, 404)
  })

  it('has no migrations that could be shown', async () => {
    const url = `/servers/${id}/migrations/1`
    const { status, body } = await cloud.ask('admin', 'GET', url, undefined, 'latest')
    assert.equal(status, 404)
    assert.equal(body.itemNotFound.message, `Migration 1 not found for instance ${id}`)
    assert.equal((await cloud.ask('demo', 'GET', url, undefined, 'latest')).status, 403)
  })

  it('lists its volumes, also when there are none, to its project', async () => {
    const url = `/servers/${id}/os-volume_attachments`
    assert.deepEqual((await cloud.ask('demo', 'GET', url)).body, { volumeAttachments: [] })
    assert.equal((await cloud.ask('alt', 'GET', url)).status, 404)
    assert.equal((await cloud.ask('demo', 'GET', `${url}?limit=x`)).status, 400)
  })

  it('goes at once when its deletion is forced', async () => {
    const other = await cloud.boot()
    await cloud.settled(other)
    const force = (who: 'demo' | 'alt') => cloud.ask(who, 'POST', `/servers/${other}/action`, { forceDelete: null })
    assert.equal((await force('alt')).status, 404)
    assert.equal((await force('demo')).status, 202)
    await cloud.gone(other)
    assert.equal((await force('demo')).status, 404)
  })

  it('is described by the older API too, with and without a slash, which has no microversions', async () => {
    for (const path of ['/compute/v2', '/compute/v2/']) {
      const { status, body } = await cloud.test.ask(undefined, 'GET', path)
      assert.equal(status, 200)
      const { id: version, status: state, version: newest, min_version: oldest } = body.version
      assert.deepEqual([version, state, newest, oldest], ['v2.0', 'DEPRECATED', '', ''])
    }
  })
})
