/**
 * Which of our paths a path with a version in it means: any version that there is means the newest, and one that there is
 * not is told which there are. Source: glance/api/middleware/version_negotiation.py
 */
import { VERSIONS } from '../versions.ts'

const PREFIX = '/image/'
const NEGOTIABLE = new Set(VERSIONS.map((version) => `v${version}`))

/** @param url a request's target below any service: `/image/v2.5/images?limit=1` */
export function withoutMinorVersion(url: string): string {
  if (!url.startsWith(PREFIX) || url.startsWith('/image/v2/')) return url
  const [, version = '', rest = '', query = ''] = /^\/+([^/?#]*)([^?#]*)(.*)$/s.exec(url.slice(PREFIX.length - 1)) ?? []
  if (NEGOTIABLE.has(version)) return `/image/v2${rest}${query}`
  if (version === 'versions') return `/image/versions${query}`
  return version === 'v2' ? url : `${PREFIX}${query}`
}
