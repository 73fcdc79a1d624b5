/** Every deed at every status, and that no image ever moves otherwise than the table says. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { DEFAULT_SETTINGS } from '../settings.ts'
import { MOVES } from './states.ts'

let test: ImageServiceUnderTest
let server: Server
let web: string

before(async () => {
  server = createServer((request, response) => {
    if (request.url === '/image') response.end('from afar')
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  test = await imageServiceUnderTest({
    web: { ...DEFAULT_SETTINGS.web, allowedPorts: [], allowedNetworks: ['127.0.0.0/8'] },
  })
  const { db, stories } = test.service.context
  await stories.launch()
  // PostgreSQL itself refuses a move that the table does not have, for as long as this file runs.
  const allowed = Object.entries(MOVES).flatMap(([from, targets]) => targets.map((to) => `${from}>${to}`))
  await db.unsafe(`
    create table public.moves (move text primary key);
    create function public.check_move() returns trigger language plpgsql as $$
    begin
      insert into public.moves values (old.status || '>' || new.status) on conflict do nothing;
      if not (old.status || '>' || new.status) = any('{${allowed.join(',')}}'::text[]) then
        raise exception 'an image moved from % to %', old.status, new.status;
      end if;
      return new;
    end $$;
    create trigger check_move before update on image.images for each row
      when (old.status is distinct from new.status) execute function public.check_move();`)
})
after(async () => {
  await test[Symbol.asyncDispose]()
  server.close()
})

type Status = Exclude<keyof typeof MOVES, 'deleted'>
const status = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body.status
const stage = (id: string) =>
  test.ask('demo', 'PUT', `/v2/images/${id}/stage`, 'staged', { 'content-type': 'application/octet-stream' })
const begin = (id: string, name: string, uri?: string) =>
  test.ask('admin', 'POST', `/v2/images/${id}/import`, { method: { name, ...(uri !== undefined && { uri }) } })
const ended = async (id: string) => {
  const { tasks } = (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body
  await test.service.context.stories.ended(tasks.at(-1).id as StoryId)
}

/** Those that pass by themselves are held still. */
const anImageThatIs: Record<Status, () => Promise<string>> = {
  queued: () => test.anImage(),
  async saving() {
    const id = await test.anImage()
    await test.service.context.db`update image.images set status = 'saving' where id = ${id}`
    return id
  },
  async uploading() {
    const id = await test.anImage()
    assert.equal((await stage(id)).status, 204)
    return id
  },
  async importing() {
    const id = await test.anImage()
    await stage(id)
    await test.service.context.db`update image.images set status = 'importing' where id = ${id}`
    return id
  },
  active: () => test.anActiveImage(),
  async deactivated() {
    const id = await test.anActiveImage()
    await test.ask('demo', 'POST', `/v2/images/${id}/actions/deactivate`)
    return id
  },
}

const deeds: Record<string, (id: string) => Promise<{ status: number }>> = {
  upload: (id) => test.upload('demo', id, 'bytes'),
  stage,
  'glance-direct': (id) => begin(id, 'glance-direct'),
  'web-download': (id) => begin(id, 'web-download', `${web}/image`),
  'copy-image': (id) => begin(id, 'copy-image'),
  deactivate: (id) => test.ask('demo', 'POST', `/v2/images/${id}/actions/deactivate`),
  reactivate: (id) => test.ask('demo', 'POST', `/v2/images/${id}/actions/reactivate`),
  download: (id) => test.ask('demo', 'GET', `/v2/images/${id}/file`),
  'leave store': (id) => test.ask('admin', 'DELETE', `/v2/stores/file/${id}`),
  'change format': (id) => test.patch('demo', id, { op: 'replace', path: '/disk_format', value: 'iso' }),
  'change name': (id) => test.patch('demo', id, { op: 'replace', path: '/name', value: 'x' }),
  delete: (id) => test.ask('demo', 'DELETE', `/v2/images/${id}`),
}

/** Status codes, deed by deed. */
const ANSWERS: Record<keyof typeof deeds, Record<Status, number>> = {
  upload: { queued: 204, saving: 409, uploading: 409, importing: 409, active: 409, deactivated: 409 },
  stage: { queued: 204, saving: 409, uploading: 409, importing: 409, active: 409, deactivated: 409 },
  'glance-direct': { queued: 409, saving: 409, uploading: 202, importing: 409, active: 409, deactivated: 409 },
  'web-download': { queued: 202, saving: 409, uploading: 409, importing: 409, active: 409, deactivated: 409 },
  // To the store that it is in: 400.
  'copy-image': { queued: 409, saving: 409, uploading: 409, importing: 409, active: 400, deactivated: 409 },
  deactivate: { queued: 403, saving: 403, uploading: 403, importing: 403, active: 204, deactivated: 204 },
  reactivate: { queued: 403, saving: 403, uploading: 403, importing: 403, active: 204, deactivated: 204 },
  download: { queued: 204, saving: 204, uploading: 204, importing: 204, active: 200, deactivated: 403 },
  'leave store': { queued: 409, saving: 409, uploading: 409, importing: 409, active: 403, deactivated: 409 },
  'change format': { queued: 200, saving: 403, uploading: 403, importing: 403, active: 403, deactivated: 403 },
  'change name': { queued: 200, saving: 200, uploading: 200, importing: 200, active: 200, deactivated: 200 },
  delete: { queued: 204, saving: 204, uploading: 204, importing: 204, active: 204, deactivated: 204 },
}

/** Where a deed leads to that leads anywhere, once its story has ended. */
const LEADS: Record<string, Status | 'deleted'> = {
  'queued upload': 'active',
  'queued stage': 'uploading',
  'uploading glance-direct': 'active',
  'queued web-download': 'active',
  'active deactivate': 'deactivated',
  'deactivated reactivate': 'active',
}

describe('an image', () => {
  for (const [deed, answers] of Object.entries(ANSWERS)) {
    for (const [from, answer] of Object.entries(answers) as [Status, number][]) {
      it(`that is ${from} answers ${answer} to ${deed}`, async () => {
        const id = await anImageThatIs[from]()
        assert.equal((await deeds[deed]!(id)).status, answer)
        if (answer === 202) await ended(id)
        if (deed === 'delete') assert.equal((await test.ask('admin', 'GET', `/v2/images/${id}`)).status, 404)
        else assert.equal(await status(id), LEADS[`${from} ${deed}`] ?? from)
      })
    }
  }

  it('is queued again after an upload, a stage or an import that failed', async () => {
    const uploaded = await test.anImage('demo', { disk_format: 'qcow2' })
    assert.equal((await test.upload('demo', uploaded, 'no qcow2')).status, 415)
    const staged = await test.anImage()
    const short = { 'content-type': 'application/octet-stream', 'x-openstack-image-size': '5' }
    assert.equal((await test.ask('demo', 'PUT', `/v2/images/${staged}/stage`, 'more than five', short)).status, 400)
    const fetched = await test.anImage()
    assert.equal((await begin(fetched, 'web-download', `${web}/nothing`)).status, 202)
    await ended(fetched)
    for (const id of [uploaded, staged, fetched]) assert.equal(await status(id), 'queued')
  })

  it('has moved in every way that the table has but the undo of an import, and in no other', async () => {
    const seen = (await test.service.context.db<{ move: string }[]>`select move from public.moves`).map(
      ({ move }) => move,
    )
    const listed = Object.entries(MOVES).flatMap(([from, targets]) => targets.map((to) => `${from}>${to}`))
    // An image of a file of the host becomes active at once; see import-file.test.ts.
    const elsewhere = ['active>importing', 'deactivated>importing', 'queued>active']
    assert.deepEqual(seen.sort(), listed.filter((move) => !elsewhere.includes(move)).sort())
  })
})
