/** The metadata of a resource, whole and by key. Volumes and snapshots have it alike. Source: cinder/api/v3/{volume,snapshot}_metadata.py */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { DomainError } from '../domain-error.ts'
import type { Caller } from '../http/caller.ts'
import { microversion } from '../http/microversions.ts'
import { invalidRequest } from './errors.ts'
import { Metadata as MetadataShape, MetadataItem } from './parameter-types.ts'
import type { VolumePolicy } from './policies.ts'

type Metadata = Readonly<Record<string, string>>

export interface MetadataResource {
  /** `/v3/volumes/:id/metadata` */
  readonly url: string
  readonly policies: Readonly<Record<'get' | 'create' | 'update' | 'delete', VolumePolicy>>
  read(caller: Caller, id: string): Promise<Metadata>
  /** Adds and replaces; answers all of it. */
  add(caller: Caller, id: string, metadata: Metadata): Promise<Metadata>
  replace(caller: Caller, id: string, metadata: Metadata): Promise<void>
  /** @throws DomainError not-found */
  remove(caller: Caller, id: string, key: string): Promise<void>
  keyNotFound(id: string, key: string): DomainError
}

type ById = { Params: { id: string } }
type ByKey = { Params: { id: string; key: string } }

const closed = { additionalProperties: false }
const MetadataBody = Type.Object({ metadata: MetadataShape }, closed)
const MetadataItemBody = Type.Object({ meta: MetadataItem }, closed)

export function metadataRoutes(app: FastifyInstance, resource: MetadataResource): void {
  const { url, policies } = resource

  /** From 3.15 a client may say which metadata it means to change. */
  const refuseChangedMeanwhile = async (request: FastifyRequest<ById>) => {
    const asked = request.headers['if-match']
    if (asked === undefined || asked === '*' || request.microversion < microversion('3.15')) return
    const tags = asked.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''))
    if (tags.includes(etagOf(await resource.read(request.caller, request.params.id)))) return
    throw new DomainError('conflict', 'volume.metadata.changed-meanwhile', 'The metadata has changed meanwhile.')
  }

  app.get<ById>(url, { config: { policy: policies.get } }, async (request, reply) => {
    const metadata = await resource.read(request.caller, request.params.id)
    if (request.microversion >= microversion('3.15')) reply.header('etag', etagOf(metadata))
    return { metadata }
  })

  app.post<ById & { Body: { metadata: Metadata } }>(
    url,
    { config: { policy: policies.create }, schema: { body: MetadataBody } },
    async ({ caller, params, body }) => ({ metadata: await resource.add(caller, params.id, body.metadata) }),
  )

  app.put<ById & { Body: { metadata: Metadata } }>(
    url,
    { config: { policy: policies.update }, schema: { body: MetadataBody } },
    async (request) => {
      await refuseChangedMeanwhile(request)
      await resource.replace(request.caller, request.params.id, request.body.metadata)
      return { metadata: request.body.metadata }
    },
  )

  app.get<ByKey>(`${url}/:key`, { config: { policy: policies.get } }, async ({ caller, params: { id, key } }) => {
    const metadata = await resource.read(caller, id)
    if (!Object.hasOwn(metadata, key)) throw resource.keyNotFound(id, key)
    return { meta: { [key]: metadata[key] } }
  })

  app.put<ByKey & { Body: { meta: Metadata } }>(
    `${url}/:key`,
    { config: { policy: policies.update }, schema: { body: MetadataItemBody } },
    async (request) => {
      await refuseChangedMeanwhile(request)
      const { meta } = request.body
      if (!Object.hasOwn(meta, request.params.key)) {
        throw invalidRequest('volume.request.key-mismatch', 'Request body and URI mismatch')
      }
      await resource.add(request.caller, request.params.id, meta)
      return { meta }
    },
  )

  app.delete<ByKey>(
    `${url}/:key`,
    { config: { policy: policies.delete } },
    async ({ caller, params: { id, key } }, reply) => {
      await resource.remove(caller, id, key)
      return reply.code(200).send()
    },
  )
}

function etagOf(metadata: Metadata): string {
  return createHash('md5').update(JSON.stringify({ metadata })).digest('hex')
}
