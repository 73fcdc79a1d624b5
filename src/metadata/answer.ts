/** What a guest gets for a path at 169.254.169.254. Pure. */
import { type Branch, EC2_VERSIONS, ec2Tree, isBranch, type Leaf, printEc2 } from './ec2-layout.ts'
import type { GuestFacts } from './index.ts'
import { OPENSTACK_VERSIONS, openstackFiles } from './openstack-layout.ts'

export interface MetadataAnswer {
  readonly status: 200 | 404
  readonly type: string
  readonly body: Uint8Array
}

/** Everything that does not begin with `openstack` is EC2's. Doubled and trailing slashes do not matter. */
export function answer(path: string, facts: GuestFacts): MetadataAnswer {
  const [layout, ...rest] = path
    .split('?')[0]!
    .split('/')
    .filter((part) => part !== '' && part !== '.')
  if (layout === 'openstack') return openstack(rest, facts)
  if (layout === 'ec2') return ec2(rest, facts)
  return ec2(layout === undefined ? [] : [layout, ...rest], facts)
}

function openstack([version, name, ...more]: string[], facts: GuestFacts): MetadataAnswer {
  if (version === undefined) return text(listOf([...OPENSTACK_VERSIONS, 'latest']))
  const files = openstackFiles(facts, version)
  if (files === undefined || more.length > 0) return nothing
  const hasPassword = version !== OPENSTACK_VERSIONS[0]
  if (name === undefined) return text(listOf([...files.keys(), ...(hasPassword ? ['password'] : [])]))
  // A place for guests to leave a password; none has been left.
  if (name === 'password' && hasPassword) return text('')
  const file = files.get(name)
  return file === undefined ? nothing : { status: 200, type: typed(file.type), body: file.body }
}

function ec2([version, ...names]: string[], facts: GuestFacts): MetadataAnswer {
  if (version === undefined) return text(listOf([...EC2_VERSIONS, 'latest']))
  let at: Leaf | Branch | undefined = ec2Tree(facts, version)
  for (const name of names) {
    if (at === undefined || !isBranch(at) || name === '_name' || !Object.hasOwn(at, name)) return nothing
    at = at[name]
  }
  return at === undefined ? nothing : { status: 200, type: typed('text/plain'), body: printEc2(at) }
}

const typed = (type: string) => `${type}; charset=UTF-8`
const listOf = (names: readonly string[]) => names.join('\n')
const text = (body: string): MetadataAnswer => ({ status: 200, type: typed('text/plain'), body: Buffer.from(body) })
const nothing: MetadataAnswer = { status: 404, type: typed('text/plain'), body: Buffer.from('404 Not Found\n') }
