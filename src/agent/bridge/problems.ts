/** What on this host would keep the plane's frames from passing, and the remedy: one line each. */
import { existsSync, readFileSync } from 'node:fs'
import { CommandFailed, run } from './command.ts'

interface NftChain {
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
  const { nftables } = JSON.parse(await run('nft', ['-j', 'list', 'chains'])) as { nftables: { chain?: NftChain }[] }
  const problems: string[] = []
  for (const { chain } of nftables) {
    if (chain?.policy !== 'drop' || chain.type !== 'filter' || OURS.test(chain.table)) continue
    if (!['ip', 'ip6', 'inet', 'bridge'].includes(chain.family)) continue
    const place = `The chain ${chain.name} of the firewall table ${chain.family} ${chain.table}`
    if (chain.hook === 'forward' && !(await mentions(chain, /brq|physdev|is-bridged/)))
      problems.push(
        `${place} drops what it does not know, also frames between guests. Accept them there: ` +
          `nft insert rule ${chain.family} ${chain.table} ${chain.name} iifname '"brq*"' oifname '"brq*"' accept`,
      )
    if (chain.hook === 'input' && !(await mentions(chain, /mdb-/)))
      problems.push(
        `${place} drops what it does not know, also guests' requests for metadata. Accept them there: ` +
          `nft insert rule ${chain.family} ${chain.table} ${chain.name} iifname ${metadataBridge} tcp dport 9697 accept`,
      )
  }
  return [...problems, ...(await legacyProblems())]
}

/** A chain with a rule for our bridges was cared for. */
async function mentions({ family, table, name }: NftChain, what: RegExp): Promise<boolean> {
  return what.test(await run('nft', ['list', 'chain', family, table, name]))
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
