/**
 * Signatures of requests as AWS's clients make them, checked for services that speak those protocols: EC2's versions 2
 * and 4, S3's old one and version 4. Versions 0 and 1 are not taken: what they sign can be shifted between fields.
 * Source: AWS, "Signature Version 2/4 signing process"; keystoneclient/contrib/ec2/utils.py, keystone/api/s3tokens.py
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** The request that somebody has signed, as the service that got it tells it. Header names are in any case. */
export interface SignedRequest {
  readonly verb: string
  readonly host: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** SHA-256 of the body in hex; version 4 signs it. */
  readonly bodyHash: string
}

const V4 = 'AWS4-HMAC-SHA256'

/** Whether `signature` is the request's, with this secret. Some clients leave the port out of what they sign. */
export function ec2SignatureMatches(secret: string, request: SignedRequest, signature: string): boolean {
  const hosts = [request.host, request.host.replace(/:\d+$/, '')]
  return [...new Set(hosts)].some((host) => {
    const made = ec2Signature(secret, { ...request, host })
    return made !== undefined && equal(made, signature)
  })
}

/** Undefined for a request that is signed in no way that is taken here, or not completely. */
export function ec2Signature(secret: string, request: SignedRequest): string | undefined {
  if (request.params.SignatureVersion === '2') return version2(secret, request)
  if (request.params.SignatureVersion === undefined && isVersion4(request)) return version4(secret, request)
  return undefined
}

/** @param signed what was signed, as the client put it: S3's own string, or one of version 4 */
export function s3SignatureMatches(secret: string, signed: Buffer, signature: string): boolean {
  const made = signed.subarray(0, 4).toString('latin1') === 'AWS4' ? s3Version4(secret, signed) : s3Old(secret, signed)
  return made !== undefined && equal(made, signature)
}

function version2(secret: string, { verb, host, path, params }: SignedRequest): string {
  const query = canonicalQuery({ ...params, SignatureMethod: 'HmacSHA256' })
  return hmac(secret, `${verb}\n${host}\n${path}\n${query}`).toString('base64')
}

function isVersion4({ headers, params }: SignedRequest): boolean {
  return (header(headers, 'authorization') ?? '').startsWith(V4) || params['X-Amz-Algorithm'] === V4
}

function version4(secret: string, { verb, host, path, params, headers, bodyHash }: SignedRequest): string | undefined {
  const authorization = header(headers, 'authorization')
  const part = (name: string) =>
    authorization === undefined
      ? params[`X-Amz-${name}`]
      : new RegExp(`(?:^|[\\s,])${name}=([^,\\s]*)`).exec(authorization)?.[1]
  const [credential, signedHeaders] = [part('Credential'), part('SignedHeaders')]
  const date = header(headers, 'x-amz-date') ?? params['X-Amz-Date']
  if (credential === undefined || signedHeaders === undefined || date === undefined) return undefined
  const [, day, region, service, end, ...more] = credential.split('/')
  if (day === undefined || region === undefined || service === undefined || end !== 'aws4_request') return undefined
  if (more.length > 0 || !date.startsWith(day)) return undefined

  const shown = signedHeaders.split(';').flatMap((name) => {
    const value = name === 'host' ? (header(headers, name) === undefined ? undefined : host) : header(headers, name)
    return value === undefined ? [] : [`${name}:${value.trim()}`]
  })
  const query = verb.toUpperCase() === 'POST' ? '' : canonicalQuery(params)
  const canonical = [verb.toUpperCase(), path, query, `${shown.join('\n')}\n`, signedHeaders, bodyHash].join('\n')
  const digest = createHash('sha256').update(canonical).digest('hex')
  const key = version4Key(secret, [day, region, service])
  return hmac(key, [V4, date, `${day}/${region}/${service}/aws4_request`, digest].join('\n')).toString('hex')
}

/** Services that S3's credentials are good for. */
const S3_SERVICES = ['s3', 'iam', 'sts']

function s3Version4(secret: string, signed: Buffer): string | undefined {
  const parts = signed.toString('utf8').split('\n')
  const scope = (parts[2] ?? '').split('/')
  if (parts.length !== 4 || parts[0] !== V4 || scope.length !== 4 || scope[3] !== 'aws4_request') return undefined
  if (!S3_SERVICES.includes(scope[2]!)) return undefined
  return hmac(version4Key(secret, scope.slice(0, 3)), signed).toString('hex')
}

function s3Old(secret: string, signed: Buffer): string {
  return createHmac('sha1', secret).update(signed).digest('base64')
}

function version4Key(secret: string, scope: readonly string[]): Buffer {
  return [...scope, 'aws4_request'].reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`))
}

function hmac(key: string | Buffer, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** Sorted by their names' code points, and each percent-encoded as RFC 3986 has it. */
function canonicalQuery(params: Readonly<Record<string, string>>): string {
  return Object.keys(params)
    .filter((name) => name !== 'X-Amz-Signature')
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${quoted(name)}=${quoted(params[name]!)}`)
    .join('&')
}

function quoted(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

function header(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  const found = Object.keys(headers).find((each) => each.trim().toLowerCase() === name)
  return found === undefined ? undefined : headers[found]
}

/** In a time that tells nothing about where they differ. */
function equal(made: string, given: string): boolean {
  const [a, b] = [Buffer.from(made), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}
