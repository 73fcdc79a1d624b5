/** What tests asked of the routes and were answered: written by record.ts, one file a process. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Named } from './route-key.ts'

export interface Conversation extends Named {
  /** Which of upstream's variants of the call it was, such as `(bulk)`. */
  readonly variant?: string
  readonly status: number
  /** The test, from the root of the checkout. */
  readonly file: string
}

/** All that were recorded into a folder, in any order. */
export function readConversations(dir: string): Conversation[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as Conversation[])
}

/** Answers of a route that did what it was asked. */
export function succeeded({ status }: Conversation): boolean {
  return status < 400
}

/** Answers that say, and nothing else, that the route does not do this here. @param declared another status that says so */
export function refusedByName({ status }: Conversation, declared?: number): boolean {
  return status === 410 || status === 501 || status === declared
}
