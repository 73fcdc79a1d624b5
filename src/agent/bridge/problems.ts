/** What on this host would keep the plane's frames from passing, and the remedy: one line each. */
import { existsSync, readFileSync } from 'node:fs'
import { CommandFailed, run } from './command.ts'
import { METADATA_PORT } from './metadata-nat.ts'

export interface NftChain {
  family: string
  table: string
  name: string
  hook?: string
  type?: string
  policy?: string
}

const OURS = /^stratolith_[0-9a-f]{8}$/

export async function hostProblems(metadataBridge: string): Promise<string[]> {
  if (!existsSync('/proc/sys/net/bridge'))
    return ['br_netfilter is not loaded, so bridged frames meet no rules: modprobe br_netfilter']
  const listed = JSON.parse(await run('nft', ['-j', 'list', 'chains'])) as { nftables: { chain?: NftChain }[] }
  const problems: string[] = []
  for (const chain of droppingChains(listed.nftables.flatMap(({ chain }) => chain ?? [])))
    problems.push(
      ...chainProblems(
        chain,
        await run('nft', ['list', 'chain', chain.family, chain.table, chain.name]),
        metadataBridge,
      ),
    )
  return [...problems, ...(await legacyProblems())]
}

/** Chains of others that see our frames and drop what no rule of theirs accepts. */
export function droppingChains(chains: readonly NftChain[]): NftChain[] {
  return chains.filter(
    ({ policy, type, table, family }) =>
      policy === 'drop' && type === 'filter' && !OURS.test(table) && ['ip', 'ip6', 'inet', 'bridge'].includes(family),
  )
}

/** `text` is the chain as nft lists it: one with a rule for our bridges was cared for. */
export function chainProblems({ family, table, name, hook }: NftChain, text: string, metadataBridge: string): string[] {
  const place = `The chain ${name} of the firewall table ${family} ${table}`
  const insert = `nft insert rule ${family} ${table} ${name}`
  if (hook === 'forward' && !/brq|physdev/.test(text))
    return [
      `${place} drops what it does not know, also what guests send each other and beyond this host. ` +
        `Accept it there: ${insert} iifname '"brq*"' accept; ${insert} oifname '"brq*"' accept`,
    ]
  if (hook === 'input' && !/mdb-/.test(text))
    return [
      `${place} drops what it does not know, also guests' requests for metadata. ` +
        `Accept them there: ${insert} iifname ${metadataBridge} tcp dport ${METADATA_PORT} accept`,
    ]
  return []
}

/** iptables of the older kind does not show in nft. */
async function legacyProblems(): Promise<string[]> {
  const names = '/proc/net/ip_tables_names'
  if (!existsSync(names) || !readFileSync(names, 'utf8').split('\n').includes('filter')) return []
  try {
    const rules = await run('iptables-legacy', ['-S', 'FORWARD'])
    if (!rules.startsWith('-P FORWARD DROP') || /brq|physdev/.test(rules)) return []
    return [
      'The chain FORWARD of iptables-legacy drops what it does not know, also frames between guests. Accept them there: ' +
        'iptables-legacy -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT',
    ]
  } catch (error) {
    if (error instanceof CommandFailed) return ['iptables-legacy has a filter table that cannot be read.']
    throw error
  }
}
