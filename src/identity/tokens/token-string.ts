/**
 * The text of a token: facts that never change, packed, signed, and written in base64url. What may change (roles, names,
 * whether the user is still enabled) is not in it.
 *
 *   kind 1 | key id 4 | body | HMAC-SHA-256 of all before 32
 *
 * At most 255 characters, as clients and upstream's own columns expect. Receipts for half a login are packed alike; their
 * kind keeps them from being tokens.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { DomainId, ProjectId, UserId } from '../../ids.ts'
import { type Scope, UNSCOPED } from './scope.ts'

export interface TokenFacts {
  readonly userId: UserId
  /** The user's `token_generation` when the token was issued. */
  readonly userGeneration: number
  readonly scope: Scope
  /** The same of the project or domain it is for; 0 for other scopes. */
  readonly scopeGeneration: number
  readonly methods: readonly Method[]
  /** 16 random bytes in base64url, unique to this token. */
  readonly auditId: string
  /** Of the first token of a chain in which each was obtained with the one before. */
  readonly parentAuditId?: string
  readonly issuedAt: Date
  readonly expiresAt: Date
  /** The delegation that the token lives by: it dies with it. */
  readonly applicationCredentialId?: string
  readonly trustId?: string
}

/** Ways to log in, in the order of their bits: append only. */
const METHODS = ['password', 'token', 'application_credential', 'totp', 'external', 'ec2credential'] as const
export type Method = (typeof METHODS)[number]

export interface SigningKey {
  readonly id: number
  readonly secret: KeyObject
}

/** First byte: what this is, and in which layout. */
const TOKEN = 1
const RECEIPT = 2
const MAC_BYTES = 32
const MAX_CHARACTERS = 255
const SCOPES = ['unscoped', 'project', 'domain', 'system'] as const

export function sealToken(key: SigningKey, facts: TokenFacts): string {
  return seal(TOKEN, key, facts)
}

/** The facts of a token that one of our keys has signed; undefined for every other text. Says nothing about expiry. */
export function openToken(keyOf: KeyLookup, text: string): TokenFacts | undefined {
  return unseal(TOKEN, keyOf, text)
}

export function sealReceipt(key: SigningKey, facts: TokenFacts): string {
  return seal(RECEIPT, key, facts)
}

export function openReceipt(keyOf: KeyLookup, text: string): TokenFacts | undefined {
  return unseal(RECEIPT, keyOf, text)
}

type KeyLookup = (id: number) => SigningKey | undefined

function seal(kind: number, key: SigningKey, facts: TokenFacts): string {
  const body = new Packer()
  body.uint(1, kind)
  body.uint(4, key.id)
  body.uint(
    2,
    METHODS.reduce((bits, method, at) => (facts.methods.includes(method) ? bits | (1 << at) : bits), 0),
  )
  body.uint(6, facts.issuedAt.getTime())
  body.uint(6, facts.expiresAt.getTime())
  body.bytes(Buffer.from(facts.auditId, 'base64url'))
  body.optional(facts.parentAuditId, (audit) => body.bytes(Buffer.from(audit, 'base64url')))
  body.id(facts.userId)
  body.uint(4, facts.userGeneration)
  body.uint(1, SCOPES.indexOf(facts.scope.kind))
  if (facts.scope.kind === 'project' || facts.scope.kind === 'domain') {
    body.id(facts.scope.id)
    body.uint(4, facts.scopeGeneration)
  }
  body.optional(facts.applicationCredentialId, (id) => body.id(id))
  body.optional(facts.trustId, (id) => body.id(id))
  const packed = body.packed()
  const text = Buffer.concat([packed, mac(key.secret, packed)]).toString('base64url')
  if (text.length > MAX_CHARACTERS) throw new Error(`a token of ${text.length} characters is longer than clients keep`)
  return text
}

function unseal(kind: number, keyOf: KeyLookup, text: string): TokenFacts | undefined {
  if (text.length > MAX_CHARACTERS || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  const all = Buffer.from(text, 'base64url')
  if (all.length < 5 + MAC_BYTES || all[0] !== kind) return undefined
  const key = keyOf(all.readUInt32BE(1))
  if (key === undefined) return undefined
  const packed = all.subarray(0, -MAC_BYTES)
  if (!timingSafeEqual(mac(key.secret, packed), all.subarray(-MAC_BYTES))) return undefined

  const body = new Unpacker(packed, 5)
  const bits = body.uint(2)
  const issuedAt = new Date(body.uint(6))
  const expiresAt = new Date(body.uint(6))
  const auditId = body.bytes(16).toString('base64url')
  const parentAuditId = body.optional(() => body.bytes(16).toString('base64url'))
  const userId = body.id() as UserId
  const userGeneration = body.uint(4)
  const scopeKind = SCOPES[body.uint(1)] ?? 'unscoped'
  let scope: Scope = scopeKind === 'system' ? { kind: scopeKind } : UNSCOPED
  let scopeGeneration = 0
  if (scopeKind === 'project' || scopeKind === 'domain') {
    const id = body.id()
    scope = scopeKind === 'project' ? { kind: scopeKind, id: id as ProjectId } : { kind: scopeKind, id: id as DomainId }
    scopeGeneration = body.uint(4)
  }
  const applicationCredentialId = body.optional(() => body.id())
  const trustId = body.optional(() => body.id())
  return {
    userId,
    userGeneration,
    scope,
    scopeGeneration,
    methods: METHODS.filter((_, at) => (bits & (1 << at)) !== 0),
    auditId,
    issuedAt,
    expiresAt,
    ...(parentAuditId !== undefined && { parentAuditId }),
    ...(applicationCredentialId !== undefined && { applicationCredentialId }),
    ...(trustId !== undefined && { trustId }),
  }
}

function mac(secret: KeyObject, packed: Buffer): Buffer {
  return createHmac('sha256', secret).update(packed).digest()
}

const HEX_ID = /^[0-9a-f]{32}$/

class Packer {
  readonly #buffer = Buffer.alloc(256)
  #at = 0

  uint(bytes: number, value: number): void {
    this.#at = this.#buffer.writeUIntBE(value, this.#at, bytes)
  }

  bytes(value: Buffer): void {
    this.#at += value.copy(this.#buffer, this.#at)
  }

  /** 32 hex digits take 17 bytes; any other id its length and itself. */
  id(value: string): void {
    const bytes = HEX_ID.test(value) ? Buffer.from(value, 'hex') : Buffer.from(value)
    this.uint(1, HEX_ID.test(value) ? 0 : bytes.length)
    this.bytes(bytes)
  }

  optional<T>(value: T | undefined, write: (value: T) => void): void {
    this.uint(1, value === undefined ? 0 : 1)
    if (value !== undefined) write(value)
  }

  packed(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }
}

class Unpacker {
  readonly #buffer: Buffer
  #at: number

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer
    this.#at = at
  }

  uint(bytes: number): number {
    const value = this.#buffer.readUIntBE(this.#at, bytes)
    this.#at += bytes
    return value
  }

  bytes(length: number): Buffer {
    const value = this.#buffer.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }

  id(): string {
    const length = this.uint(1)
    return length === 0 ? this.bytes(16).toString('hex') : this.bytes(length).toString()
  }

  optional<T>(read: () => T): T | undefined {
    return this.uint(1) === 0 ? undefined : read()
  }
}
