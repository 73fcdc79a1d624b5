/** Sixteen bytes on the wire, text with dashes everywhere else. */
import { requestError } from './errors.ts'

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** With or without dashes, in any case. */
export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '')
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw requestError(`no uuid: ${text}`)
  return new Uint8Array(Buffer.from(hex, 'hex'))
}
