/**
 * What a user may name as the source of an image: scheme, host and port by the operator's lists, and a host that is
 * written as what it is. Source: import_filtering_opts in glance/async_/flows/_internal_plugins, validate_import_uri and
 * normalize_hostname in glance/common/utils.py
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { openTurns } from '../../data/turns.ts'
import type { WebSettings } from '../../settings.ts'
import { isAllowedAddress } from './address.ts'

export interface Source {
  readonly url: URL
  /** The host's name, or its address without brackets. */
  readonly host: string
}

export interface ResolvedSource extends Source {
  /** Addresses that were looked at; a connection goes to one of these and to no other. */
  readonly addresses: readonly string[]
}

const LONGEST_URI = 4096
const LOOKUPS_AT_ONCE = 2
const LOOKUP_WITHIN_MS = 10_000

/** The name has no address, which may be otherwise in a minute. */
export class SourceUnknown extends Error {
  override readonly name = 'SourceUnknown'
}

/** Why a source is not taken is for the log; a user is told only that it is so. */
export class SourceRefused extends Error {
  override readonly name = 'SourceRefused'
}

/** @throws SourceRefused */
export function readSource(uri: string, settings: WebSettings): Source {
  if (uri.length > LONGEST_URI) throw new SourceRefused('too long')
  // The URL parser forgives much; what it would forgive is not taken.
  const written = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\]+)/i.exec(uri)
  if (written === null || !URL.canParse(uri) || /[\s\p{Cc}\\]/u.test(uri)) throw new SourceRefused('not a URL')
  const url = new URL(uri)
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== 'http' && scheme !== 'https') throw new SourceRefused(`scheme ${scheme}`)
  if (!isListed(scheme, settings.allowedSchemes, settings.disallowedSchemes))
    throw new SourceRefused(`scheme ${scheme}`)
  if (url.username !== '' || url.password !== '' || written[2]!.includes('@')) throw new SourceRefused('credentials')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === '') throw new SourceRefused('no host')
  refuseDisguises(written[2]!, url.hostname)
  if (!isListed(plain(host), settings.allowedHosts.map(plain), settings.disallowedHosts.map(plain)))
    throw new SourceRefused(`host ${host}`)
  // As upstream: a port that is not written is the scheme's and passes.
  const port = /:(\d+)$/.exec(written[2]!)?.[1]
  if (port !== undefined && !isListed(Number(port), settings.allowedPorts, settings.disallowedPorts)) {
    throw new SourceRefused(`port ${port}`)
  }
  return { url, host }
}

/** Asks for the host's addresses, all of which must be allowed. @throws SourceRefused, SourceUnknown */
export async function resolveSource(source: Source, settings: WebSettings): Promise<ResolvedSource> {
  const { host } = source
  const addresses = isIP(host) > 0 ? [host] : await addressesOf(host)
  const refused = addresses.find((address) => !isAllowedAddress(address, settings))
  if (refused !== undefined) throw new SourceRefused(`address ${refused}`)
  return { ...source, addresses }
}

/**
 * Names are resolved on Node's few pool threads, which files need, too: names of users, whose servers may never answer,
 * must not take them all.
 */
const lookups = openTurns(LOOKUPS_AT_ONCE)

async function addressesOf(host: string): Promise<string[]> {
  const clock = AbortSignal.timeout(LOOKUP_WITHIN_MS)
  const late = new Promise<never>((_, reject) => {
    clock.addEventListener('abort', () => reject(new SourceUnknown(`nobody says where ${host} is`)))
  })
  const found = lookups.take(async () => {
    clock.throwIfAborted()
    return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)
  })
  try {
    return await Promise.race([found, late])
  } catch (error) {
    if (error instanceof SourceUnknown) throw error
    throw new SourceUnknown(`${host} has no address`, { cause: error })
  }
}

/** Names that resolvers take for an address: `2130706433`, `0177.0.0.1`, `127.1`, `0x7f.1`, and one with a dot behind. */
function refuseDisguises(authority: string, hostname: string): void {
  const written = authority.replace(/:\d*$/, '').toLowerCase()
  const isAddress = hostname.startsWith('[') || isIP(hostname) > 0
  if (hostname.startsWith('[') && !/^\[[0-9a-f:.]+\]$/.test(written)) throw new SourceRefused('disguised address')
  if (isAddress && !hostname.startsWith('[') && written !== hostname) throw new SourceRefused('disguised address')
  if (!isAddress && /^[0-9.]+$/.test(hostname)) throw new SourceRefused('disguised address')
}

/** A name in the one form of many: `Cloud.Example.` is `cloud.example`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.+$/, '')
}

/** Where there is a list of the allowed, that of the disallowed counts for nothing. */
function isListed<T>(value: T, allowed: readonly T[], disallowed: readonly T[]): boolean {
  return allowed.length > 0 ? allowed.includes(value) : !disallowed.includes(value)
}
