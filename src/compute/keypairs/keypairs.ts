/** The rules of keypairs. They belong to users, whatever the project; only how many is a matter of the project's quota. */
import { type Database, violatedConstraint } from '../../database/database.ts'
import { fieldNotOffered } from '../errors.ts'
import type { Quotas } from '../quotas/quotas.ts'
import { badKeypair, keypairExists, noKeypair, noMarker, tooManyKeypairs } from './errors.ts'
import { newSshKeyPair, sshFingerprint, x509Fingerprint } from './ssh-key.ts'
import * as store from './store.ts'

export type { Keypair } from './store.ts'

export interface Keypairs {
  find(userId: string, name: string): Promise<store.Keypair | undefined>
  /** @throws DomainError not-found `compute.keypair.not-found` */
  get(userId: string, name: string): Promise<store.Keypair>
  list(userId: string, page: { limit: number; marker?: string }): Promise<readonly store.Keypair[]>
  /** @throws DomainError invalid `compute.keypair.invalid`, conflict `compute.keypair.exists`, over-quota `compute.keypair.quota` */
  importKey(order: KeypairOrder & { publicKey: string }): Promise<store.Keypair>
  /** The private key is in the answer and nowhere else. */
  generate(order: KeypairOrder): Promise<{ keypair: store.Keypair; privateKey: string }>
  remove(userId: string, name: string): Promise<void>
}

export interface KeypairOrder {
  readonly userId: string
  readonly name: string
  readonly type: 'ssh' | 'x509'
  /** Whose quota counts. */
  readonly projectId: string | undefined
}

export function openKeypairs({ db, quotas }: { db: Database; quotas: Quotas }): Keypairs {
  async function insert(order: KeypairOrder, publicKey: string, fingerprint: string): Promise<store.Keypair> {
    const { key_pairs: most } = await quotas.limits(order.projectId)
    try {
      const made = await db.begin(async (tx) => {
        await store.lockUser(tx, order.userId)
        return await store.insertKeypair(
          tx,
          { userId: order.userId, name: order.name, type: order.type, publicKey, fingerprint },
          most,
        )
      })
      if (made === undefined) throw tooManyKeypairs()
      return made
    } catch (error) {
      if (violatedConstraint(error) === 'keypairs_once') throw keypairExists(order.name)
      throw error
    }
  }

  return {
    find: (userId, name) => store.findKeypair(db, userId, name),

    async get(userId, name) {
      const found = await store.findKeypair(db, userId, name)
      if (found === undefined) throw noKeypair(name, userId)
      return found
    },

    async list(userId, page) {
      if (page.marker !== undefined && (await store.findKeypair(db, userId, page.marker)) === undefined) {
        throw noMarker(page.marker)
      }
      return await store.listKeypairs(db, userId, page)
    },

    async importKey(order) {
      const fingerprint = order.type === 'ssh' ? sshFingerprint(order.publicKey) : x509Fingerprint(order.publicKey)
      if (fingerprint === undefined) {
        throw badKeypair(
          order.type === 'ssh' ? 'failed to generate fingerprint' : 'failed to generate X509 fingerprint',
        )
      }
      return await insert(order, order.publicKey, fingerprint)
    },

    async generate(order) {
      if (order.type === 'x509') throw fieldNotOffered('Generating a keypair of type x509')
      const { privateKey, publicKey, fingerprint } = await newSshKeyPair()
      return { keypair: await insert(order, publicKey, fingerprint), privateKey }
    },

    async remove(userId, name) {
      if (!(await store.deleteKeypair(db, userId, name))) throw noKeypair(name, userId)
    },
  }
}
