/**
 * Metadata without a process or a socket per network: inside the network's DHCP namespace a guest's request to
 * 169.254.169.254 is sent on to one listener on the host, and its source becomes an address that stands for its port.
 * A guest cannot choose it: only known, anti-spoofed addresses are translated, and nothing else is let through. Pure.
 */
import { DHCP_LEG, METADATA_LEG } from './names.ts'

export const METADATA_ADDRESS = '169.254.169.254'
/** Where the listener is on the host. */
export const METADATA_PORT = 9697

/** Guests by IPv4 address, each with the address that stands for its port. */
export type Translations = ReadonlyMap<string, string>

const TABLE = 'ip stratolith'

export function wholeTranslation(translations: Translations, listener: { host: string; port: number }): string {
  const pairs = [...translations]
  const elements = (items: readonly string[]) => (items.length === 0 ? '' : ` elements = { ${items.join(', ')} }`)
  return `table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  map who { type ipv4_addr : ipv4_addr;${elements(pairs.map(([guest, port]) => `${guest} : ${port}`))}
  }
  set known { type ipv4_addr;${elements(pairs.map(([guest]) => guest))}
  }
  chain pre { type nat hook prerouting priority -100; policy accept;
    iifname "${DHCP_LEG}" ip daddr ${METADATA_ADDRESS} tcp dport 80 dnat to ${listener.host}:${listener.port}
  }
  chain post { type nat hook postrouting priority 100; policy accept;
    oifname "${METADATA_LEG}" snat to ip saddr map @who
  }
  chain only { type filter hook forward priority 0; policy drop;
    iifname "${METADATA_LEG}" ct state established,related accept
    iifname "${DHCP_LEG}" oifname "${METADATA_LEG}" ct status dnat ip saddr @known accept
  }
}
`
}

/** From one state to the next in one transaction; empty when nothing changes. */
export function changedTranslation(before: Translations, after: Translations): string {
  const lines: string[] = []
  const gone = [...before].filter(([guest, port]) => after.get(guest) !== port)
  const come = [...after].filter(([guest, port]) => before.get(guest) !== port)
  const put = (verb: string, set: string, items: readonly string[]) => {
    if (items.length > 0) lines.push(`${verb} element ${TABLE} ${set} { ${items.join(', ')} }\n`)
  }
  put(
    'delete',
    'who',
    gone.map(([guest, port]) => `${guest} : ${port}`),
  )
  put(
    'delete',
    'known',
    gone.map(([guest]) => guest),
  )
  put(
    'add',
    'who',
    come.map(([guest, port]) => `${guest} : ${port}`),
  )
  put(
    'add',
    'known',
    come.map(([guest]) => guest),
  )
  return lines.join('')
}
