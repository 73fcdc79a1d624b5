/** MAC addresses: the base that ports get, and one spelling for what users write. */
import { randomBytes } from 'node:crypto'

/** Source: neutron's base_mac setting. */
const BASE = 'fa:16:3e'

export function randomMac(): string {
  return `${BASE}:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
}

const SPELLINGS = [
  /^([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2}):([0-9a-f]{1,2})$/i,
  /^([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})-([0-9a-f]{1,2})$/i,
  /^([0-9a-f]{2})([0-9a-f]{2})\.([0-9a-f]{2})([0-9a-f]{2})\.([0-9a-f]{2})([0-9a-f]{2})$/i,
  /^([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i,
]

/** `fa:16:3e:00:0a:0b` for any usual spelling; `undefined` for what is no MAC address of a station. */
export function parseMac(text: string): string | undefined {
  for (const spelling of SPELLINGS) {
    const found = spelling.exec(text)
    if (found === null) continue
    const mac = found
      .slice(1)
      .map((part) => part.toLowerCase().padStart(2, '0'))
      .join(':')
    return mac === '00:00:00:00:00:00' ? undefined : mac
  }
  return undefined
}

export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}
