/**
 * A client of our own public APIs, for the commands that need one. No private door: what it does, anybody can. It asks the
 * socket that the cloud listens on, since a public URL may be for others to use, and knows the cloud by its own certificate,
 * whoever signed that.
 */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import type { CloudState, Place } from '../state.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
  readonly project: string
}

/** One of the first users, in the project of the same name. */
export function firstUser(name: 'admin' | 'demo', passwords: CloudState['passwords']): Credentials {
  return { username: name, password: passwords[name], project: name }
}

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Question {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: unknown
}

interface Answer {
  readonly headers: Record<string, string | string[] | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows which resource it asked for
  readonly body: any
}

export class Client {
  readonly #place: Place
  readonly #token: string
  readonly #signal: AbortSignal | undefined
  readonly projectId: string

  private constructor(place: Place, token: string, projectId: string, signal: AbortSignal | undefined) {
    this.#place = place
    this.#token = token
    this.projectId = projectId
    this.#signal = signal
  }

  /**
   * @param signal ends this and all further calls
   * @throws ApiError when the credentials are refused; Error when nobody, or somebody else, answers
   */
  static async login(
    place: Place,
    { username, password, project }: Credentials,
    signal?: AbortSignal,
  ): Promise<Client> {
    const domain = { id: 'default' }
    const identity = { methods: ['password'], password: { user: { name: username, domain, password } } }
    const scope = { project: { name: project, domain } }
    const asked = { method: 'POST', path: '/identity/v3/auth/tokens?nocatalog', headers: {} }
    const { headers, body } = await ask(place, { ...asked, body: { auth: { identity, scope } } }, signal)
    return new Client(place, String(headers['x-subject-token']), body.token.project.id, signal)
  }

  /** @param path with the service in front: `/compute/v2.1/servers` */
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows which resource it asked for
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<any> {
    const asked = { method, path, headers: { 'x-auth-token': this.#token, ...headers }, body }
    return (await ask(this.#place, asked, this.#signal)).body
  }
}

const PATIENCE_MS = 120_000

async function ask(place: Place, { method, path, headers, body }: Question, signal?: AbortSignal): Promise<Answer> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const socket = await open(place)
  try {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const sent = request({
      createConnection: () => socket,
      method,
      path,
      headers: {
        host: `${place.host}:${place.port}`,
        connection: 'close',
        ...(payload !== undefined && { 'content-type': 'application/json', 'content-length': payload.length }),
        ...headers,
      },
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
    })
    sent.end(payload)
    const [response] = await once(sent, 'response')
    return { headers: response.headers, body: read(response.statusCode, await text(response)) }
  } finally {
    socket.destroy()
  }
}

async function open({ host, port, tlsCert }: Place) {
  if (tlsCert === undefined) {
    const socket = connect(port, host)
    await once(socket, 'connect')
    return socket
  }
  // The very certificate is compared instead of who signed it and for which name.
  const socket = connectTls({ host, port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const shown = socket.getPeerX509Certificate()
  if (shown?.fingerprint256 === new X509Certificate(readFileSync(tlsCert)).fingerprint256) return socket
  socket.destroy()
  throw new Error(`${host}:${port} shows another certificate than ${tlsCert}`)
}

function read(status: number, answered: string): unknown {
  let body: Record<string, unknown> = {}
  try {
    body = answered === '' ? {} : JSON.parse(answered)
  } catch {
    body = { text: answered }
  }
  if (status < 400) return body
  const first = Object.values(body)[0] as { message?: string } | undefined
  throw new ApiError(status, `${status}: ${first?.message ?? answered.slice(0, 200)}`)
}
