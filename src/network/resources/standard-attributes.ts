/**
 * What every resource has beside its own: id, owner, description, tags, revision and times; and the precondition
 * `If-Match: revision_number=N`.
 * Source: neutron/extensions/standardattrdescription.py, revisions.py, timestamp.py, tagging.py, neutron/api/api_common.py.
 */
import type { FastifyRequest } from 'fastify'
import type { ProjectId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import { defaulted, readOnly } from './attributes.ts'
import { byInteger, byText, byUuid, tagFilters } from './filters.ts'
import { text } from './values.ts'

/** A row's columns of this kind. */
export interface StandardRow {
  readonly id: string
  readonly projectId: ProjectId
  readonly description: string
  readonly tags: readonly string[]
  readonly revisionNumber: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** @param alias of the resource's table */
export function standardAttributes(alias: string) {
  const tags = tagFilters(`${alias}.tags`)
  const owner = { filter: byText(`${alias}.project_id`), sort: `${alias}.project_id` }
  return {
    id: readOnly({ filter: byUuid(`${alias}.id`), sort: `${alias}.id` }),
    project_id: readOnly(owner),
    tenant_id: readOnly(owner),
    description: defaulted('', text(255), { put: true, filter: byText(`${alias}.description`) }),
    tags: readOnly({ filter: tags.tags }),
    'tags-any': readOnly({ filter: tags['tags-any'] }),
    'not-tags': readOnly({ filter: tags['not-tags'] }),
    'not-tags-any': readOnly({ filter: tags['not-tags-any'] }),
    revision_number: readOnly({ filter: byInteger(`${alias}.revision_number`) }),
    created_at: readOnly({}),
    updated_at: readOnly({}),
  } as const
}

/** The columns of StandardRow, for a SELECT or RETURNING. */
export function standardColumns(alias: string): string {
  return ['id', 'project_id', 'description', 'tags', 'revision_number', 'created_at', 'updated_at']
    .map((column) => `${alias}.${column}`)
    .join(', ')
}

/** The last members of every answer. */
export function viewStandard(row: StandardRow) {
  return {
    description: row.description,
    tags: row.tags,
    created_at: seconds(row.createdAt),
    updated_at: seconds(row.updatedAt),
    revision_number: row.revisionNumber,
    project_id: row.projectId,
    tenant_id: row.projectId,
  }
}

/** `2026-01-31T12:00:00Z` */
export function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

/** The revision that `If-Match` insists on. @throws DomainError `network.request.bad` */
export function wantedRevision(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match']
  if (header === undefined) return undefined
  const wanted = header.split(',').flatMap((tag) => {
    const found = /^\s*(?:W\/)?"?revision_number=([^"]*)"?\s*$/.exec(tag)
    return found === null ? [] : [found[1]!]
  })
  if (wanted.length > 1) throw refusal('network.request.bad', 'if-match', 'only one revision_number can be asked for')
  const [number] = wanted
  if (number === undefined) return undefined
  if (!/^\d{1,9}$/.test(number)) {
    throw refusal('network.request.bad', 'if-match', 'the revision is written revision_number=NUMBER')
  }
  return Number(number)
}
