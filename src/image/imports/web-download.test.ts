/** Images that come from the web: a server of the test's own stands for it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDomainError } from '../../domain-error.ts'
import { stockTests } from '../../durable/stock-tests.ts'
import type { StoryId } from '../../ids.ts'
import { type ImageServiceUnderTest, imageServiceUnderTest } from '../../../test/support/images.ts'
import { DEFAULT_SETTINGS, type WebSettings } from '../settings.ts'
import { openDownload } from './web/download.ts'

const BYTES = Buffer.alloc(3 * 2 ** 20, 'bytes from afar ')
const hash = (algorithm: string) => createHash(algorithm).update(BYTES).digest('hex')
const WEB: WebSettings = {
  ...DEFAULT_SETTINGS.web,
  allowedPorts: [],
  allowedNetworks: ['127.0.0.0/8', '::1/128'],
  redirects: 3,
  answerMs: 500,
  idleMs: 500,
  withinMs: 20_000,
}

let test: ImageServiceUnderTest
let server: Server
let web: string
let latest: string
let asked: IncomingMessage[] = []

const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/image': (_request, response) => response.setHeader('content-length', BYTES.length).end(BYTES),
  '/chunked': (_request, response) => {
    response.write(BYTES.subarray(0, 1000))
    response.end(BYTES.subarray(1000))
  },
  '/moved': (_request, response) => response.writeHead(302, { location: '/image' }).end(),
  '/moved-away': (_request, response) => response.writeHead(301, { location: 'http://169.254.169.254/latest' }).end(),
  '/moved-to-disguise': (_request, response) => response.writeHead(301, { location: 'http://2130706433/x' }).end(),
  '/moved-to-file': (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/for-ever': (_request, response) => response.writeHead(302, { location: '/for-ever' }).end(),
  '/short': (_request, response) => {
    response.setHeader('content-length', BYTES.length)
    response.write(BYTES.subarray(0, 1000))
    setTimeout(() => response.destroy(), 20)
  },
  '/stalls': (_request, response) => void response.write('begins'),
  '/silent': () => {},
  '/huge': (_request, response) => response.setHeader('content-length', 2 ** 40).write('x'),
  '/endless': (_request, response) => {
    const more = () => void (response.destroyed || response.write(Buffer.alloc(2 ** 18), () => setTimeout(more, 1)))
    more()
  },
  '/slow': (_request, response) => {
    response.write(BYTES.subarray(0, 1000))
    const end = setTimeout(() => response.end(BYTES.subarray(1000)), 10_000)
    const drip = setInterval(() => response.write('x'), 100)
    response.once('close', () => {
      clearTimeout(end)
      clearInterval(drip)
    })
  },
  '/zipped': (_request, response) => response.setHeader('content-encoding', 'gzip').end(BYTES),
  '/qcow2': (_request, response) => response.end(Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), BYTES])),
}

before(async () => {
  server = createServer((request, response) => {
    asked.push(request)
    const answer = answers[request.url!]
    if (answer === undefined) response.writeHead(404).end()
    else answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  web = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  test = await imageServiceUnderTest({ web: WEB, imageSizeCapBytes: 64 * 2 ** 20 })
  await test.service.context.stories.launch()
})
after(async () => {
  await test[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const begin = (id: string, uri: unknown, more: object = {}) =>
  test.ask('demo', 'POST', `/v2/images/${id}/import`, { method: { name: 'web-download', uri, ...more } })
const show = async (id: string) => (await test.ask('admin', 'GET', `/v2/images/${id}`)).body
const taskOf = async (id: string) => (await test.ask('demo', 'GET', `/v2/images/${id}/tasks`)).body.tasks.at(-1)
const ended = async (id: string) => {
  await test.service.context.stories.ended((await taskOf(id)).id as StoryId)
  return await taskOf(id)
}
const kept = (id: string) => existsSync(join(test.service.context.stateDir, 'image/images', id))
const incoming = async (id: string) => {
  const names = await readdir(join(test.service.context.stateDir, 'image/incoming'))
  return names.filter((name) => name.startsWith(id))
}

describe('an image from the web', () => {
  for (const path of ['/image', '/chunked', '/moved']) {
    it(`becomes what is found at ${path}`, async () => {
      const id = await test.anImage()
      assert.equal((await begin(id, web + path)).status, 202)
      const task = await ended(id)
      assert.deepEqual([task.status, task.message], ['success', 'Imported to store file'])
      const image = await show(id)
      assert.deepEqual(
        [image.status, image.size, image.checksum, image.os_hash_value, image.stores],
        ['active', BYTES.length, hash('md5'), hash('sha512'), 'file'],
      )
      assert.deepEqual(
        [image.os_glance_importing_to_stores, image.os_glance_failed_import, image.os_glance_import_task],
        ['', '', undefined],
      )
      assert.deepEqual(await incoming(id), [])
    })
  }

  it('is importing meanwhile, by a task that tells of it', async () => {
    const id = await test.anImage()
    await begin(id, `${web}/slow`)
    const image = await show(id)
    const task = await taskOf(id)
    assert.deepEqual(
      [image.status, image.os_glance_importing_to_stores, image.os_glance_import_task],
      ['importing', 'file', task.id],
    )
    assert.equal(task.input.import_req.method.uri, `${web}/slow`)
    assert.equal((await begin(id, `${web}/image`)).status, 409)
    assert.equal((await test.upload('demo', id, 'x')).status, 409)
    for (let tries = 0; !/^Copied \d+ MiB$/.test((await taskOf(id)).message) && tries < 100; tries++) await sleep(50)
    assert.match((await taskOf(id)).message, /^Copied \d+ MiB$/)
    // Deleting is how a user gives it up.
    assert.equal((await test.ask('demo', 'DELETE', `/v2/images/${id}`)).status, 204)
    await test.service.context.stories.ended(task.id as StoryId)
    assert.deepEqual([kept(id), await incoming(id)], [false, []])
  })

  it('is asked for as it is, by the name that the user gave, and by nothing of the user’s', async () => {
    asked = []
    const id = await test.anImage()
    await begin(id, `${web.replace('127.0.0.1', 'localhost')}/image`)
    await ended(id)
    const { headers } = asked.at(-1)!
    assert.equal(headers['accept-encoding'], 'identity')
    assert.match(headers.host!, /^localhost:\d+$/)
    assert.equal(headers['x-auth-token'], undefined)
  })

  const hashes: [string, object, string][] = [
    ['its MD5', { checksum: hash('md5') }, 'success'],
    ['its SHA-512', { os_hash_algo: 'sha512', os_hash_value: hash('sha512').toUpperCase() }, 'success'],
    ['its SHA-512, which is what a value without an algorithm is', { os_hash_value: hash('sha512') }, 'success'],
    ['its SHA-256', { os_hash_algo: 'sha256', os_hash_value: hash('sha256') }, 'success'],
    ['another MD5', { checksum: '0'.repeat(32) }, 'failure'],
    ['another SHA-512', { os_hash_value: '0'.repeat(128) }, 'failure'],
    ['another SHA-256', { os_hash_algo: 'sha256', os_hash_value: '0'.repeat(64) }, 'failure'],
  ]
  for (const [what, validation_data, outcome] of hashes) {
    it(`that is expected to have ${what} ends in ${outcome}`, async () => {
      const id = await test.anImage()
      assert.equal((await begin(id, `${web}/image`, { validation_data })).status, 202)
      const task = await ended(id)
      assert.equal(task.status, outcome, task.message)
      if (outcome === 'failure') assert.match(task.message, /was expected/)
      assert.equal((await show(id)).status, outcome === 'success' ? 'active' : 'queued')
      assert.deepEqual(await incoming(id), [])
    })
  }

  const failures: [string, RegExp][] = [
    ['/nothing', /the server answered 404/],
    ['/moved-away', /URI for web-download does not pass filtering: http:\/\/169\.254/],
    ['/moved-to-disguise', /does not pass filtering/],
    ['/moved-to-file', /does not pass filtering/],
    ['/for-ever', /more than 3 redirections/],
    ['/short', /broken off|different from expected/],
    ['/stalls', /nothing came for 0.5 s/],
    ['/silent', /no answer within 0.5 s/],
    ['/huge', /too large/],
    ['/endless', /too large/],
    ['/zipped', /encoding/],
    ['/qcow2', /claims to be raw, but it is qcow2/],
  ]
  for (const [path, message] of failures) {
    it(`fails at ${path}, says why, and is queued again with nothing left`, async () => {
      const id = await test.anImage()
      assert.equal((await begin(id, web + path)).status, 202)
      const task = await ended(id)
      assert.equal(task.status, 'failure')
      assert.match(task.message, message)
      const image = await show(id)
      assert.deepEqual(
        [image.status, image.size, image.os_glance_failed_import, image.os_glance_import_task],
        ['queued', null, 'file', undefined],
      )
      assert.deepEqual([kept(id), await incoming(id)], [false, []])
    })
  }

  it('fails when its host has no address', async () => {
    const id = await test.anImage()
    assert.equal((await begin(id, 'http://nowhere.invalid/')).status, 202)
    assert.match((await ended(id)).message, /the host has no address/)
    assert.equal((await show(id)).os_glance_failed_import, 'file')
  })

  it('fails when nobody listens', async () => {
    const id = await test.anImage()
    await begin(id, 'http://127.0.0.1:1/')
    assert.match((await ended(id)).message, /connection was refused/)
  })

  const refusals: [string, unknown, object, RegExp][] = [
    ['no URI', undefined, {}, /does not pass filtering/],
    ['a URI of another type', 5, {}, /must be a string/],
    ['a file', 'file:///etc/passwd', {}, /does not pass filtering: file/],
    ['the metadata service', 'http://169.254.169.254/openstack', {}, /does not pass filtering/],
    ['a member without a meaning', 'http://8.8.8.8/', { glance_region: 'x' }, /'glance_region' has no meaning/],
    ['hashes of another form', 'http://8.8.8.8/', { validation_data: [] }, /must be an object/],
    ['no hash in them', 'http://8.8.8.8/', { validation_data: {} }, /names no hash/],
    [
      'an algorithm of another time',
      'http://8.8.8.8/',
      { validation_data: { os_hash_algo: 'md4', os_hash_value: '' } },
      /one of sha256/,
    ],
    ['a hash that is none', 'http://8.8.8.8/', { validation_data: { checksum: 'x'.repeat(32) } }, /hexadecimal/],
    ['a hash of another length', 'http://8.8.8.8/', { validation_data: { os_hash_value: 'ab' } }, /64\) bytes/],
    [
      'more in them',
      'http://8.8.8.8/',
      { validation_data: { size: 5, checksum: hash('md5') } },
      /'size' has no meaning/,
    ],
  ]
  for (const [what, uri, more, message] of refusals) {
    it(`is refused with ${what}`, async () => {
      const id = await test.anImage()
      const answer = await begin(id, uri, more)
      assert.equal(answer.status, 400)
      assert.match(answer.body.message, message)
      assert.equal((await show(id)).status, 'queued')
    })
  }

  it('needs a queued image that knows its formats, and its owner', async () => {
    assert.equal((await begin(await test.anActiveImage(), `${web}/image`)).status, 409)
    const shapeless = await begin(await test.anImage('demo', { disk_format: null }), `${web}/image`)
    assert.equal(shapeless.status, 409)
    assert.match(shapeless.body.message, /'disk_format' needs to be set/)
    assert.equal((await begin(await test.anImage('alt', { visibility: 'community' }), `${web}/image`)).status, 403)
    assert.equal((await begin(await test.anImage('alt'), `${web}/image`)).status, 404)
  })
})

describe('a task of the older kind', () => {
  const input = (wish: object = {}) => ({
    import_from: `${web}/image`,
    import_from_format: 'raw',
    image_properties: { name: 'old', disk_format: 'raw', container_format: 'bare', os_distro: 'debian' },
    ...wish,
  })
  const make = (body: unknown, who: 'admin' | 'demo' = 'admin') => test.ask(who, 'POST', '/v2/tasks', body)

  it('makes an image, and fetches it from the web', async () => {
    const { status, headers, body } = await make({ type: 'import', input: input() })
    assert.equal(status, 201)
    assert.match(String(headers.location), new RegExp(`/image/v2/tasks/${body.id}$`))
    assert.deepEqual([body.type, body.input], ['import', input()])
    await test.service.context.stories.ended(body.id)
    const task = (await test.ask('admin', 'GET', `/v2/tasks/${body.id}`)).body
    assert.deepEqual([task.status, task.result], ['success', { image_id: task.image_id }])
    const image = await show(task.image_id)
    assert.deepEqual(
      [image.status, image.name, image.os_distro, image.checksum],
      ['active', 'old', 'debian', hash('md5')],
    )
    assert.equal((await test.ask('admin', 'GET', '/v2/tasks?type=import')).body.tasks[0].id, body.id)
  })

  it('makes a qcow2 where nothing is said of the image, and fails when it is none', async () => {
    const { body } = await make({ type: 'import', input: input({ import_from_format: 'qcow2', image_properties: {} }) })
    await test.service.context.stories.ended(body.id)
    const task = (await test.ask('admin', 'GET', `/v2/tasks/${body.id}`)).body
    assert.equal(task.status, 'failure')
    assert.match(task.message, /claims to be qcow2/)
    assert.equal((await show(task.image_id)).status, 'queued')
  })

  const bad: [string, () => unknown, RegExp][] = [
    ['no type', () => ({ input: input() }), /'type' is required/],
    ['no input', () => ({ type: 'import' }), /'input' is required/],
    ['no source', () => ({ type: 'import', input: input({ import_from: undefined }) }), /'import_from' field/],
    ['a file', () => ({ type: 'import', input: input({ import_from: 'file:///etc/passwd' }) }), /File based imports/],
    ['a source of ours', () => ({ type: 'import', input: input({ import_from: 'http://10.0.0.1/' }) }), /filtering/],
    ['a format to convert', () => ({ type: 'import', input: input({ import_from_format: 'qcow2' }) }), /not converted/],
    ['no formats', () => ({ type: 'import', input: input({ image_properties: { name: 'x' } }) }), /disk_format/],
    ['more', () => ({ type: 'import', input: input({ extra: 1 }) }), /'extra' has no meaning/],
  ]
  for (const [what, body, message] of bad) {
    it(`is refused with ${what}`, async () => {
      const answer = await make(body())
      assert.equal(answer.status, 400)
      assert.match(answer.body.message, message)
    })
  }

  it('is for admins', async () => {
    assert.equal((await make({ type: 'import', input: input() }, 'demo')).status, 403)
  })
})

describe('a download', () => {
  it('goes to the address that was looked at, whatever the name says by then', async () => {
    const url = new URL(`http://rebound.invalid:${new URL(web).port}/image`)
    const { stream, declaredBytes } = await openDownload(url.href, WEB, new AbortController().signal, async () => ({
      url,
      host: url.hostname,
      addresses: ['127.0.0.1'],
    }))
    stream.destroy()
    assert.equal(declaredBytes, BYTES.length)
    assert.match(asked.at(-1)!.headers.host!, /^rebound\.invalid:/)
  })

  it('looks at every URL on its way', async () => {
    const seen: string[] = []
    await assert.rejects(
      openDownload(`${web}/moved`, WEB, new AbortController().signal, async (uri) => {
        seen.push(uri)
        if (seen.length === 2) throw new Error('not there')
        return { url: new URL(uri), host: '127.0.0.1', addresses: ['127.0.0.1'] }
      }),
      /not there/,
    )
    assert.deepEqual(seen, [`${web}/moved`, `${web}/image`])
  })

  it('ends at once when it is called off', async () => {
    const calledOff = new AbortController()
    const asking = openDownload(`${web}/silent`, WEB, calledOff.signal)
    await sleep(20)
    calledOff.abort(new Error('called off'))
    await assert.rejects(asking, (error: Error) => !isDomainError(error) && /called off/.test(error.message))
  })
})

stockTests('image.import-image from the web', {
  steps: ['report importing', 'fetch the bytes', 'inspect the bytes', 'keep the bytes', 'report active'],
  async tell() {
    latest = await test.anImage()
    await begin(latest, `${web}/image`)
    const { id } = await taskOf(latest)
    await test.service.context.stories.ended(id)
    return id
  },
  done: {
    imageIsActive: async () => assert.equal((await show(latest)).status, 'active'),
    bytesAreThere: async () => assert.equal((await show(latest)).checksum, hash('md5')),
    taskSucceeded: async () => assert.equal((await taskOf(latest)).status, 'success'),
    nothingIsIncoming: async () => assert.deepEqual(await incoming(latest), []),
  },
  cleanSlate: {
    imageIsQueued: async () => {
      const { status, size, checksum, stores, os_glance_import_task } = await show(latest)
      assert.deepEqual(
        [status, size, checksum, stores, os_glance_import_task],
        ['queued', null, null, undefined, undefined],
      )
    },
    taskFailed: async () => assert.equal((await taskOf(latest)).status, 'failure'),
    noBytesRemain: async () => assert.deepEqual([kept(latest), await incoming(latest)], [false, []]),
    imageCanBeFilled: async () => assert.equal((await test.upload('demo', latest, 'again')).status, 204),
  },
})
