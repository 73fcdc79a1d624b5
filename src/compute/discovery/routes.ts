/**
 * The version documents, which clients read before they have a token. The older v2.0 is named, because clients look for
 * it in its place; nothing is served below it.
 * Source: nova/api/openstack/compute/versions.py, views/versions.py
 */
import type { FastifyPluginAsync } from 'fastify'
import { showMicroversion } from '../../http/microversions.ts'
import { MICROVERSIONS } from '../versions.ts'

const config = { policy: 'compute:versions' }

/** @param base the public URL of compute, without a version */
export const discoveryRoutes: FastifyPluginAsync<{ base: string }> = async (app, { base }) => {
  app.get('/', { config }, async () => ({ versions: [listed(base, V2), listed(base, V21)] }))
  for (const version of [V2, V21]) {
    app.get(`/${version.path}`, { config }, async () => ({ version: whole(base, version) }))
    app.get(`/${version.path}/`, { config }, async () => ({ version: whole(base, version) }))
  }
}

interface Version {
  readonly id: string
  readonly path: string
  readonly status: 'CURRENT' | 'DEPRECATED'
  /** Bounds of its microversions; empty where it has none. */
  readonly version: string
  readonly minVersion: string
  readonly updated: string
  readonly mediaType: string
}

const V2: Version = {
  id: 'v2.0',
  path: 'v2',
  status: 'DEPRECATED',
  version: '',
  minVersion: '',
  updated: '2025-07-04T12:00:00Z',
  mediaType: 'application/vnd.openstack.compute+json;version=2',
}

const V21: Version = {
  id: 'v2.1',
  path: 'v2.1',
  status: 'CURRENT',
  version: showMicroversion(MICROVERSIONS.max),
  minVersion: showMicroversion(MICROVERSIONS.min),
  updated: '2013-07-23T11:33:21Z',
  mediaType: 'application/vnd.openstack.compute+json;version=2.1',
}

function listed(base: string, { id, path, status, version, minVersion, updated }: Version) {
  return {
    id,
    status,
    version,
    min_version: minVersion,
    updated,
    links: [{ rel: 'self', href: `${base}/${path}/` }],
  }
}

function whole(base: string, version: Version) {
  const document = listed(base, version)
  return {
    ...document,
    links: [...document.links, { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }],
    'media-types': mediaTypes(version),
  }
}

const mediaTypes = ({ mediaType }: Version) => [{ base: 'application/json', type: mediaType }]
