/** A client of our own public APIs, for the commands that need one. No private door: what it does, anybody can. */

export interface Credentials {
  readonly username: string
  readonly password: string
  readonly project: string
}

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export class Client {
  readonly #baseUrl: string
  readonly #token: string
  readonly #signal: AbortSignal | undefined
  readonly projectId: string

  private constructor(baseUrl: string, token: string, projectId: string, signal: AbortSignal | undefined) {
    this.#baseUrl = baseUrl
    this.#token = token
    this.projectId = projectId
    this.#signal = signal
  }

  /**
   * @param signal ends this and all further calls
   * @throws ApiError when the credentials are refused; TypeError when nobody answers
   */
  static async login(
    baseUrl: string,
    { username, password, project }: Credentials,
    signal?: AbortSignal,
  ): Promise<Client> {
    const domain = { id: 'default' }
    const response = await fetch(`${baseUrl}/identity/v3/auth/tokens?nocatalog`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
          scope: { project: { name: project, domain } },
        },
      }),
      signal: signal ?? null,
    })
    const body = await answer(response)
    return new Client(
      baseUrl,
      response.headers.get('x-subject-token')!,
      (body.token as { project: { id: string } }).project.id,
      signal,
    )
  }

  /** @param path with the service in front: `/compute/v2.1/servers` */
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows which resource it asked for
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<any> {
    const response = await fetch(this.#baseUrl + path, {
      method,
      headers: {
        'x-auth-token': this.#token,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: this.#signal ?? null,
    })
    return await answer(response)
  }
}

async function answer(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text()
  let body: Record<string, unknown> = {}
  try {
    body = text === '' ? {} : JSON.parse(text)
  } catch {
    body = { text }
  }
  if (response.ok) return body
  const first = Object.values(body)[0] as { message?: string } | undefined
  throw new ApiError(response.status, `${response.status}: ${first?.message ?? text.slice(0, 200)}`)
}
