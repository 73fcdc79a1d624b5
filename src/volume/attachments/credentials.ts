/** CHAP accounts of volumes. */
import { randomBytes } from 'node:crypto'

export interface Credentials {
  readonly authUsername: string
  readonly authPassword: string
}

/** 16 letters and digits each: initiators of others insist on 12 to 16, and nothing needs to be quoted anywhere. */
export function newCredentials(): Credentials {
  return { authUsername: randomText(16), authPassword: randomText(16) }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is four times 62: the bytes above would favour the first letters.
      if (byte < 248 && text.length < length) text += LETTERS[byte % 62]
    }
  }
  return text
}
