/** Sixteen bytes on the wire, text with dashes everywhere else. */
import { requestError } from './errors.ts'

/** With dashes, in lower case. */
export function uuidText(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < 16; at++) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += '-'
    text += octets[bytes[at] as number]
  }
  return text
}
const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))

/** With or without dashes, in any case. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '')
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw requestError(`no uuid: ${text}`)
  return new Uint8Array(Buffer.from(hex, 'hex'))
}
