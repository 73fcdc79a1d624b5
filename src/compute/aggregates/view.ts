/** From an aggregate to the API's answer. */
import { type Microversion, microversion } from '../../http/microversions.ts'
import { toMicroseconds } from '../timestamps.ts'
import type { Aggregate } from './aggregates.ts'

const UUIDS = microversion('2.41')

/** As the answer to its making: without hosts and metadata. */
export function viewMadeAggregate(aggregate: Aggregate, version: Microversion) {
  return {
    id: aggregate.id,
    ...(version >= UUIDS && { uuid: aggregate.uuid }),
    name: aggregate.name,
    availability_zone: aggregate.metadata.availability_zone ?? null,
    created_at: toMicroseconds(aggregate.createdAt),
    updated_at: aggregate.updatedAt === null ? null : toMicroseconds(aggregate.updatedAt),
    deleted: false,
    deleted_at: null,
  }
}

export function viewAggregate(aggregate: Aggregate, version: Microversion) {
  return { ...viewMadeAggregate(aggregate, version), hosts: aggregate.hosts, metadata: aggregate.metadata }
}
