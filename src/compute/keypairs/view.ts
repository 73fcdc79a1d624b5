/** From a keypair to the API's answers. Source: nova/api/openstack/compute/views/keypairs.py */
import { type Microversion, microversion } from '../../http/microversions.ts'
import { toMicroseconds } from '../timestamps.ts'
import type { Keypair } from './keypairs.ts'

const TYPES = microversion('2.2')

/** As lists show it. */
export function viewKeypair(keypair: Keypair, version: Microversion) {
  return {
    name: keypair.name,
    public_key: keypair.publicKey,
    fingerprint: keypair.fingerprint,
    ...(version >= TYPES && { type: keypair.type }),
  }
}

export function viewMadeKeypair(keypair: Keypair, version: Microversion, privateKey?: string) {
  return {
    ...viewKeypair(keypair, version),
    user_id: keypair.userId,
    ...(privateKey !== undefined && { private_key: privateKey }),
  }
}

export function viewWholeKeypair(keypair: Keypair, version: Microversion) {
  return {
    ...viewKeypair(keypair, version),
    user_id: keypair.userId,
    id: keypair.id,
    created_at: toMicroseconds(keypair.createdAt),
    updated_at: null,
    deleted: false,
    deleted_at: null,
  }
}
