/**
 * Every policy that guards a mounted route, of all services, against upstream's check string of that name: for each
 * persona, and for each way in which what the request is about may be the persona's own, another's or nobody's.
 */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { mountedRoutes } from '../../src/cli/routes.ts'
import { resourcePolicies } from '../../src/compute/resources.ts'
import { COMPUTE_POLICIES } from '../../src/compute/policies.ts'
import type { ListedRoute } from '../../src/http/route-list.ts'
import { AUTHENTICATED, type PolicyTable, type Target } from '../../src/http/policy.ts'
import { identityPolicies } from '../../src/identity/policies.ts'
import { imagePolicies } from '../../src/image/policies.ts'
import { POLICIES as networkPolicies } from '../../src/network/policies.ts'
import { policies as placementPolicies } from '../../src/placement/policies.ts'
import { volumePolicies } from '../../src/volume/policies.ts'
import { namesIn } from './check-string.ts'
import { callerOf, credentialsOf, IDS, PERSONAS, scopeOf } from './people.ts'
import { readUpstream, type Upstream } from './upstream.ts'

const TABLES: Readonly<Record<string, PolicyTable>> = {
  identity: identityPolicies,
  image: imagePolicies,
  compute: { ...resourcePolicies, ...COMPUTE_POLICIES },
  placement: placementPolicies,
  network: networkPolicies,
  volume: volumePolicies,
}

/**
 * What one of upstream's names for a part of the target is in ours, and what it may be. `absent` is upstream's missing
 * key; ours says it with null, because a field that is not there at all means that nothing is known yet.
 */
interface Part {
  readonly ours: string | readonly string[]
  readonly values: readonly unknown[]
}

const ABSENT = Symbol('absent')
const project = (ours: string | readonly string[]): Part => ({ ours, values: [IDS.project, 'elsewhere'] })
const idOf = (ours: string | readonly string[], mine: string): Part => ({ ours, values: [mine, 'elsewhere', ABSENT] })
const truth = (ours: string): Part => ({ ours, values: [true, false] })

/** By service, because the same word of upstream is another field of ours here and there. */
const PARTS: Readonly<Record<string, Readonly<Record<string, Part>>>> = {
  identity: {
    user_id: idOf('pathUserId', IDS.user),
    'target.user.id': idOf(['targetUserId', 'pathUserId'], IDS.user),
    'target.user.domain_id': idOf('userDomainId', IDS.domain),
    'target.group.domain_id': idOf('groupDomainId', IDS.domain),
    'target.project.id': idOf('targetProjectId', IDS.project),
    'target.project.domain_id': idOf('projectDomainId', IDS.domain),
    'target.domain.id': idOf('targetDomainId', IDS.domain),
    'target.domain_id': idOf('listDomainId', IDS.domain),
    'target.role.name': { ours: 'roleName', values: ['admin', 'manager', 'member', 'reader', 'service'] },
    'target.role.domain_id': { ours: 'roleDomainId', values: [null, IDS.domain, 'elsewhere'] },
    'target.credential.user_id': idOf('credentialUserId', IDS.user),
    'target.token.user_id': idOf('tokenUserId', IDS.user),
    'target.trust.trustor_user_id': idOf('trustorUserId', IDS.user),
    'target.trust.trustee_user_id': idOf('trusteeUserId', IDS.user),
    'target.limit.domain.id': idOf('limitDomainId', IDS.domain),
    'target.limit.project_id': idOf('limitProjectId', IDS.project),
    'target.limit.project.domain_id': idOf('limitProjectDomainId', IDS.domain),
  },
  image: {
    project_id: project('projectId'),
    // The owner that the request names, which is the one it is about.
    owner: { ours: [], values: [IDS.project] },
    member_id: { ours: 'memberProjectId', values: [IDS.project, 'elsewhere', ABSENT] },
    visibility: { ours: 'visibility', values: ['public', 'community', 'shared', 'private'] },
  },
  compute: { project_id: project('projectId'), user_id: { ours: 'userId', values: [IDS.user, 'somebody'] } },
  placement: { project_id: project('projectId') },
  volume: {
    project_id: project('projectId'),
    domain_id: { ours: [], values: ['elsewhere'] },
  },
  network: {
    project_id: project('projectId'),
    'network:project_id': project('networkProjectId'),
    'security_group:project_id': project('groupProjectId'),
    'ext_parent:project_id': project('projectId'),
    shared: truth('shared'),
    'router:external': truth('external'),
    device_owner: { ours: 'deviceOwner', values: ['network:dhcp', 'compute:nova'] },
    target_tenant: { ours: [], values: ['elsewhere'] },
    target_project: { ours: [], values: ['elsewhere'] },
  },
}

/** Security groups are shared with nobody here: the kind of object is refused in RBAC policies. */
const NEVER_SHARED = /^get_security_group(:tags)?$/

/** Names of ours that upstream has no policy for, each with who may and why. */
const OURS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  identity: {
    'versions:get': 'version documents',
    'identity:authenticate': 'logging in',
    'identity:change_password': 'who knows the old password may',
    'identity:revocation_list': 'upstream has the policy and does not ask it: the list is gone for everybody',
  },
  image: {
    versions: 'version documents',
    schemas: 'upstream asks for the token alone',
    info: 'upstream asks for the token alone',
  },
  compute: {
    'compute:versions': 'version documents',
    'compute:gone': '404 or 410 for everybody',
    'compute:flavors': 'upstream guards flavors by the token alone',
    'compute:server:schedule_info': 'ours: why a server is where it is',
    'compute:server:schedule_info:host': 'ours: the names of the hosts in it',
  },
  placement: { 'placement:versions': 'version documents' },
  network: {
    versions: 'version documents',
    resources: 'the list of resources, which upstream guards by nothing',
    get_extension: 'the list of extensions, which upstream guards by nothing',
    get_quota: 'upstream asks the rule for other projects only; everybody reads the quota of his own',
    get_quotas: 'upstream asks whether the caller is an administrator',
    'create_security_group_rule:tags': 'upstream has no rule and asks for the owner',
    'get_security_group_rule:tags': 'upstream has no rule and asks for the owner',
    'update_security_group_rule:tags': 'upstream has no rule and asks for the owner',
    'delete_security_group_rule:tags': 'upstream has no rule and asks for the owner',
  },
  volume: {
    'volume:versions': 'version documents',
    'volume:extensions': 'the list of extensions, which upstream guards by nothing',
    'volume:resource_filters': 'the list of filters, which upstream guards by nothing',
    'volume:availability_zone_list': 'the list of zones, which upstream guards by nothing',
    'volume:attachment_get': 'upstream reads attachments by their volume alone',
  },
}

describe('the policy of every route', () => {
  let routes: readonly ListedRoute[]
  before(async () => {
    routes = await mountedRoutes()
  })

  for (const [service, table] of Object.entries(TABLES)) {
    it(`of ${service} has a name that upstream knows, or a reason to have none`, () => {
      const { policies } = readUpstream(service)
      const named = new Set(routes.filter((route) => route.service === service).map((route) => route.policy!))
      const unknown = [...named].filter((name) => !policies.has(name) && !Object.hasOwn(OURS[service]!, name))
      assert.deepEqual(unknown, [])
    })

    it(`of ${service} lets pass whom upstream's lets pass, and refuses all others`, () => {
      const upstream = readUpstream(service)
      const taken = routes.find((route) => route.service === service && route.scopes !== undefined)?.scopes
      const wrong = new Set<string>()
      for (const name of Object.keys(table)) {
        if (!upstream.policies.has(name) || Object.hasOwn(OURS[service]!, name)) continue
        for (const difference of differences({ service, table, taken }, name, upstream)) wrong.add(difference)
      }
      assert.deepEqual([...wrong], [])
    })
  }
})

/** @param taken the scopes of tokens that the service takes where a policy guards; undefined for all */
function* differences(
  { service, table, taken }: { service: string; table: PolicyTable; taken: readonly string[] | undefined },
  name: string,
  upstream: Upstream,
): Generator<string> {
  const { scopes, text, check } = upstream.policies.get(name)!
  const rule = table[name]!
  const situations = situationsOf(service, namesIn(text, upstream.rules)).filter(
    ({ theirs }) => !(NEVER_SHARED.test(name) && theirs.shared === true),
  )
  for (const persona of PERSONAS) {
    const [caller, credentials] = [callerOf(persona), credentialsOf(persona)]
    const isTaken = taken === undefined || rule === AUTHENTICATED || taken.includes(scopeOf(persona))
    const allows = (target: Target) => isTaken && rule.allows(caller, target)
    const inScope = scopes.length === 0 || scopes.includes(scopeOf(persona))
    let somewhere = false
    for (const { ours, theirs } of situations) {
      const expected = inScope && check(credentials, theirs)
      somewhere ||= expected
      if (allows(ours) === expected) continue
      yield `${persona.name} ${expected ? 'may' : 'may not'} ${name} for ${JSON.stringify(ours)}`
      break
    }
    // The route asks before it knows what the request is about, and must not turn away who may.
    if (somewhere && !allows({})) yield `${persona.name} is turned away by the route of ${name}`
  }
}

/** Every combination of what the names may be. */
function situationsOf(service: string, names: ReadonlySet<string>) {
  // An image is never without a visibility: to ours, one that has none is an image that is not known yet.
  const known = service === 'image' && names.size > 0 ? { visibility: 'private' } : {}
  let all: { ours: Record<string, unknown>; theirs: Record<string, unknown> }[] = [{ ours: known, theirs: {} }]
  for (const name of names) {
    const part = PARTS[service]![name]
    if (part === undefined) throw new Error(`${service} compares ${name}, which the test knows nothing of`)
    all = all.flatMap(({ ours, theirs }) =>
      part.values.map((value) => ({
        ours: {
          ...ours,
          ...Object.fromEntries([part.ours].flat().map((field) => [field, value === ABSENT ? null : value])),
        },
        theirs: { ...theirs, ...(value !== ABSENT && { [name]: value }) },
      })),
    )
  }
  return all
}
