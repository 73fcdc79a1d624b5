/** How a connection is made for a source that passed: to its addresses, by its name. */
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { DEFAULT_SETTINGS, type WebSettings } from '../../settings.ts'
import { openDownload } from './download.ts'

const WEB: WebSettings = { ...DEFAULT_SETTINGS.web, allowedPorts: [], allowedNetworks: ['127.0.0.0/8', '::1/128'] }
const answer: RequestListener = (request, response) => {
  response.end(`${request.headers.host} ${request.url}`)
}
const listening = async (server: Server, host: string) => {
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}
const fetched = async (uri: string, addresses?: string[]) => {
  const look = addresses && (async () => ({ url: new URL(uri), host: new URL(uri).hostname, addresses }))
  const { stream } = await openDownload(uri, WEB, new AbortController().signal, look)
  return (await buffer(stream)).toString()
}

describe('a download over http', () => {
  let server: Server
  let port: number
  before(async () => {
    server = createServer(answer)
    port = await listening(server, '127.0.0.1')
  })
  after(() => server.close())

  it('asks for path and query as they were written, and for no fragment', async () => {
    assert.equal(await fetched(`http://127.0.0.1:${port}/a%20b?c=d&e#f`), `127.0.0.1:${port} /a%20b?c=d&e`)
  })

  it('tries one address of a name after another', async () => {
    const uri = `http://mirror.invalid:${port}/x`
    assert.equal(await fetched(uri, ['127.0.0.2', '127.0.0.1']), `mirror.invalid:${port} /x`)
    await assert.rejects(fetched(uri, ['127.0.0.2', '127.0.0.3']), /connection was refused/)
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'))
  it('reaches an IPv6 address', { skip: hasIpv6 ? false : 'no IPv6 loopback' }, async () => {
    const server = createServer(answer)
    const port = await listening(server, '::1')
    try {
      assert.equal(await fetched(`http://[::1]:${port}/x`), `[::1]:${port} /x`)
    } finally {
      server.close()
    }
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe('a download over https', { skip: hasOpenssl ? false : 'openssl is not installed' }, () => {
  let dir: string
  let server: Server
  let port: number
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'web-download-'))
    const files = { key: join(dir, 'key.pem'), cert: join(dir, 'cert.pem') }
    const subject = ['-subj', '/CN=mirror.invalid', '-addext', 'subjectAltName=DNS:mirror.invalid']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const out = ['-keyout', files.key, '-out', files.cert]
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...out], { stdio: 'ignore' })
    server = createTlsServer({ key: await readFile(files.key), cert: await readFile(files.cert) }, answer)
    port = await listening(server, '127.0.0.1')
  })
  after(async () => {
    server.close()
    await rm(dir, { recursive: true })
  })

  it('takes no certificate that nobody vouches for', async () => {
    await assert.rejects(fetched(`https://mirror.invalid:${port}/x`, ['127.0.0.1']), /certificate .* is not trusted/)
  })

  it('wants the certificate of the name, whatever the address', async () => {
    // Whom to trust is settled when a process starts.
    const script = join(dir, 'ask.ts')
    await writeFile(
      script,
      `import { openDownload } from ${JSON.stringify(join(import.meta.dirname, 'download.ts'))}
       import { buffer } from 'node:stream/consumers'
       for (const name of ['mirror.invalid', 'other.invalid']) {
         const url = new URL('https://' + name + ':${port}/x')
         const look = async () => ({ url, host: name, addresses: ['127.0.0.1'] })
         await openDownload(url.href, ${JSON.stringify(WEB)}, new AbortController().signal, look).then(
           async ({ stream }) => console.log((await buffer(stream)).toString()),
           (error) => console.log(error.message),
         )
       }`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, [script], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(dir, 'cert.pem') },
    })
    const [right, wrong] = stdout.trim().split('\n')
    assert.equal(right, `mirror.invalid:${port} /x`)
    assert.match(wrong!, /certificate .* is not trusted/)
  })
})
