/**
 * Fetches bytes from the web for a user. Names are resolved once, and the connection goes to an address that was looked
 * at, so that a name that changes its mind meanwhile gains nothing. Each redirection is looked at like the first URL.
 */
import { type ClientRequestArgs, type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { isDomainError } from '../../../domain-error.ts'
import { sourceFailed, sourceRefused } from '../../errors.ts'
import type { WebSettings } from '../../settings.ts'
import { readSource, type ResolvedSource, resolveSource, SourceRefused, SourceUnknown } from './source.ts'

export interface WebDownload {
  /** To be read to its end or destroyed. */
  readonly stream: IncomingMessage
  /** How many bytes the server says will come, if it does. */
  readonly declaredBytes: number | undefined
}

const REDIRECTIONS = [301, 302, 303, 307, 308]
const LARGEST_HEAD_BYTES = 16 * 1024

/**
 * @param look resolves a source, once for each URL
 * @throws DomainError `image.import.source-refused`, `image.import.source-failed`
 */
export async function openDownload(
  uri: string,
  settings: WebSettings,
  signal: AbortSignal,
  look: typeof allowedSource = allowedSource,
): Promise<WebDownload> {
  let at = uri
  for (let redirected = 0; ; redirected++) {
    const response = await ask(await look(at, settings), settings, signal)
    const status = response.statusCode!
    if (status === 200) return { stream: response, declaredBytes: declaredBytes(response) }
    response.destroy()
    const next = response.headers.location
    if (!REDIRECTIONS.includes(status) || next === undefined) throw sourceFailed(`the server answered ${status}`)
    if (redirected === settings.redirects) throw sourceFailed(`more than ${settings.redirects} redirections`)
    if (!URL.canParse(next, at)) throw sourceFailed('the server redirects to something that is not a URL')
    // A relative one is completed; a whole one is looked at as it is written.
    at = URL.canParse(next) ? next : new URL(next, at).href
  }
}

/** Whether a source could be fetched from, now. @throws DomainError `image.import.source-refused`, `….source-failed` */
export async function allowedSource(uri: string, settings: WebSettings): Promise<ResolvedSource> {
  try {
    return await resolveSource(readSource(uri, settings), settings)
  } catch (error) {
    if (error instanceof SourceRefused) throw sourceRefused(uri, error)
    if (error instanceof SourceUnknown) throw sourceFailed('the host has no address', error)
    throw error
  }
}

async function ask(source: ResolvedSource, settings: WebSettings, signal: AbortSignal): Promise<IncomingMessage> {
  let failure: unknown
  for (const address of source.addresses) {
    try {
      return await askAt(address, source, settings, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isDomainError(error)) throw error
      failure = error
    }
  }
  throw sourceFailed(reasonOf(failure), failure)
}

async function askAt(
  address: string,
  { url, host }: ResolvedSource,
  { answerMs }: WebSettings,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options: ClientRequestArgs & { servername?: string } = {
    host: address,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    // Bytes as they are: an encoding would be a way around every limit of size.
    headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'stratolith-image-import' },
    agent: false,
    maxHeaderSize: LARGEST_HEAD_BYTES,
    signal,
    ...(isIP(host) === 0 && { servername: host }),
  }
  const asked = url.protocol === 'https:' ? httpsRequest(options) : httpRequest(options)
  const late = setTimeout(() => asked.destroy(sourceFailed(`no answer within ${answerMs / 1000} s`)), answerMs)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).on('error', reject).end()
    })
    // It may fail before anybody reads it; whoever reads it then is told.
    response.on('error', () => {})
    const encoding = response.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      response.destroy()
      throw sourceFailed('the server sends the image in an encoding that was not asked for')
    }
    return response
  } finally {
    clearTimeout(late)
  }
}

function declaredBytes({ headers }: IncomingMessage): number | undefined {
  const text = headers['content-length']
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** What went wrong, for the user who named the source. */
function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ECONNREFUSED':
      return 'the connection was refused'
    case 'ECONNRESET':
      return 'the connection was broken off'
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the server cannot be reached'
    default:
      return code?.startsWith('HPE_') === true
        ? 'the server does not speak HTTP'
        : /CERT|SSL|TLS/.test(code ?? '')
          ? 'the certificate of the server is not trusted'
          : 'the connection failed'
  }
}
