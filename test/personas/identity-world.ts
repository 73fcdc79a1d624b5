/** Identity with a person for every persona, and things that are their own, their domain's, and a foreign domain's. */
import { type IdentityUnderTest, identityUnderTest, type Made } from '../../src/identity/identity-under-test.ts'
import type { Credentials, TargetFacts } from './check-string.ts'
import { credentialsOf, PERSONAS, type Persona } from './people.ts'

export interface Person {
  readonly persona: Persona
  readonly userId: string
  readonly projectId: string | undefined
  readonly domainId: string | undefined
  readonly token: string
  /** What upstream's checks know of the token. */
  readonly credentials: Credentials
}

/** Ids for the names in paths, and what upstream's checks would know of the things behind them. */
export interface Things {
  readonly ids: Readonly<Record<string, string>>
  readonly facts: TargetFacts
  /** A token to ask about. */
  readonly subject: string
}

export interface IdentityWorld extends AsyncDisposable {
  readonly test: IdentityUnderTest
  readonly people: readonly Person[]
  /** The persona's own, of others in the domain, of another domain. */
  things(person: Person, whose: Whose): Things
}

export type Whose = 'own' | 'home' | 'foreign'

interface Place {
  readonly domainId: string
  readonly projectId: string
  readonly groupId: string
  readonly limitId: string
}

export async function identityWorld(): Promise<IdentityWorld> {
  await using undo = new AsyncDisposableStack()
  const test = undo.use(await identityUnderTest())
  const { db } = test.service.context
  const asAdmin = async (method: string, path: string, body?: unknown): Promise<Made> => {
    const answer = await test.ask(test.admin, method, `/v3/${path}`, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const roles: Record<string, string> = {}
  for (const name of ['admin', 'manager', 'member', 'reader', 'service']) roles[name] = await test.roleId(name)

  const service = await test.make('/v3/services', { service: { type: 'thing', name: 'thing' } })
  const registered = ['things', 'unlimited things'].map((name) => ({
    service_id: service.id,
    resource_name: name,
    default_limit: 3,
  }))
  // The second has no limits under it, so it can go.
  const [, unused] = (await asAdmin('POST', 'registered_limits', { registered_limits: registered })).registered_limits
  await test.make('/v3/regions', { region: { id: 'lonely' } })
  const disabled = await test.make('/v3/domains', { domain: { name: 'disabled', enabled: false } })
  const endpoint = await test.make('/v3/endpoints', {
    endpoint: { service_id: service.id, region_id: 'RegionOne', interface: 'public', url: 'http://here' },
  })
  const policy = await test.make('/v3/policies', { policy: { type: 'text/plain', blob: 'x' } })
  for (const place of [
    `endpoints/${endpoint.id}`,
    `services/${service.id}`,
    `services/${service.id}/regions/RegionOne`,
  ]) {
    await asAdmin('PUT', `policies/${policy.id}/OS-ENDPOINT-POLICY/${place}`)
  }
  const group = (
    await asAdmin('POST', 'OS-EP-FILTER/endpoint_groups', {
      endpoint_group: { name: 'thing', filters: { service_id: service.id } },
    })
  ).endpoint_group
  const plainRole = await test.make('/v3/roles', { role: { name: 'plain' } })
  const impliedRole = await test.make('/v3/roles', { role: { name: 'implied' } })
  await asAdmin('PUT', `roles/${plainRole.id}/implies/${impliedRole.id}`)

  async function place(name: string): Promise<Place> {
    const domain = await test.make('/v3/domains', { domain: { name } })
    const project = await test.make('/v3/projects', { project: { name, domain_id: domain.id, tags: ['tag'] } })
    const made = await test.make('/v3/groups', { group: { name, domain_id: domain.id } })
    const limits = await asAdmin('POST', 'limits', {
      limits: [{ service_id: service.id, resource_name: 'things', resource_limit: 1, project_id: project.id }],
    })
    await asAdmin('PUT', `domains/${domain.id}/config`, { config: { identity: { driver: 'sql' } } })
    await asAdmin('PUT', `OS-EP-FILTER/endpoint_groups/${group.id}/projects/${project.id}`)
    await asAdmin('PUT', `OS-EP-FILTER/projects/${project.id}/endpoints/${endpoint.id}`)
    return { domainId: domain.id, projectId: project.id, groupId: made.id, limitId: limits.limits[0].id }
  }
  const home = await place('home')
  const foreign = await place('foreign')
  const other = await test.make('/v3/projects', { project: { name: 'other', domain_id: home.domainId } })

  /** A user with everything that users own, put there by SQL: most of it only he could make himself. */
  async function owner(at: Place, name: string): Promise<Made> {
    const user = await test.make('/v3/users', { user: { name, password: name, domain_id: at.domainId } })
    for (const where of [`projects/${at.projectId}`, `domains/${at.domainId}`]) {
      for (const actor of [`users/${user.id}`, `groups/${at.groupId}`]) {
        await asAdmin('PUT', `${where}/${actor}/roles/${plainRole.id}`)
        await asAdmin('PUT', `OS-INHERIT/${where}/${actor}/roles/${plainRole.id}/inherited_to_projects`)
      }
    }
    for (const actor of [`users/${user.id}`, `groups/${at.groupId}`]) {
      await asAdmin('PUT', `system/${actor}/roles/${plainRole.id}`)
    }
    await asAdmin('PUT', `groups/${at.groupId}/users/${user.id}`)
    const credential = await test.make('/v3/credentials', {
      credential: { user_id: user.id, type: 'cert', blob: 'x', project_id: at.projectId },
    })
    const ec2 = (await asAdmin('POST', `users/${user.id}/credentials/OS-EC2`, { tenant_id: at.projectId })).credential
    await db`insert into identity.application_credentials (id, user_id, project_id, name, secret_hash)
             values (${`ac-${user.id}`}, ${user.id}, ${at.projectId}, 'own', 'none')`
    await db`insert into identity.access_rules (id, user_id, service, method, path)
             values (${`ar-${user.id}`}, ${user.id}, 'compute', 'GET', '/')`
    await db`insert into identity.trusts (id, trustor_user_id, trustee_user_id, project_id, impersonation)
             values (${`tr-${user.id}`}, ${user.id}, ${test.ids.demoUserId}, ${at.projectId}, false)`
    await db`insert into identity.trust_roles (trust_id, role_id) values (${`tr-${user.id}`}, ${plainRole.id})`
    return { ...user, credentialId: credential.id, access: ec2.access, secret: ec2.secret }
  }
  const owners = { home: await owner(home, 'of home'), foreign: await owner(foreign, 'of foreign') }

  const SCOPES = {
    system: { where: 'system', scope: { system: { all: true } }, projectId: undefined, domainId: undefined },
    domain: {
      where: `domains/${home.domainId}`,
      scope: { domain: { id: home.domainId } },
      projectId: undefined,
      domainId: home.domainId,
    },
    project: {
      where: `projects/${home.projectId}`,
      scope: { project: { id: home.projectId } },
      projectId: home.projectId,
      domainId: undefined,
    },
    'other project': {
      where: `projects/${other.id}`,
      scope: { project: { id: other.id } },
      projectId: other.id as string,
      domainId: undefined,
    },
    none: { where: undefined, scope: undefined, projectId: undefined, domainId: undefined },
  } as const
  const people: Person[] = []
  const selves = new Map<Person, Made>()
  for (const persona of PERSONAS) {
    const { where, scope, projectId, domainId } = SCOPES[persona.scope]
    const self = await owner(home, persona.name)
    if (where !== undefined) await asAdmin('PUT', `${where}/users/${self.id}/roles/${roles[persona.role!]}`)
    const answer = await test.ask(undefined, 'POST', '/v3/auth/tokens', {
      auth: {
        identity: { methods: ['password'], password: { user: { id: self.id, password: persona.name } } },
        ...(scope !== undefined && { scope }),
      },
    })
    const ids = { userId: self.id, projectId, domainId, projectDomainId: home.domainId }
    const credentials = credentialsOf(persona, ids)
    const token = String(answer.headers['x-subject-token'])
    const person = { persona, userId: self.id, projectId, domainId, token, credentials }
    people.push(person)
    selves.set(person, self)
  }
  const otherSubject = await test.login('demo')

  const shared = {
    role_id: plainRole.id,
    prior_role_id: plainRole.id,
    implies_role_id: impliedRole.id,
    region_id: 'RegionOne',
    service_id: service.id,
    endpoint_id: endpoint.id,
    policy_id: policy.id,
    endpoint_group_id: group.id,
    registered_limit_id: unused.id,
    disabled_domain_id: disabled.id,
    tag: 'tag',
    group: 'identity',
    option: 'driver',
  }

  const opened = undo.move()
  return {
    test,
    people,
    things(person, whose) {
      const at = whose === 'foreign' ? foreign : home
      const user = whose === 'own' ? selves.get(person)! : owners[whose]
      return {
        ids: {
          ...shared,
          domain_id: at.domainId,
          project_id: at.projectId,
          group_id: at.groupId,
          limit_id: at.limitId,
          user_id: user.id,
          credential_id: user.credentialId,
          access: user.access,
          secret: user.secret,
          application_credential_id: `ac-${user.id}`,
          access_rule_id: `ar-${user.id}`,
          trust_id: `tr-${user.id}`,
        },
        facts: {
          user_id: user.id,
          'target.user.id': user.id,
          'target.user.domain_id': at.domainId,
          'target.group.domain_id': at.domainId,
          'target.project.id': at.projectId,
          'target.project.domain_id': at.domainId,
          'target.domain.id': at.domainId,
          'target.role.name': 'plain',
          'target.role.domain_id': null,
          'target.credential.user_id': user.id,
          'target.trust.trustor_user_id': user.id,
          'target.trust.trustee_user_id': test.ids.demoUserId,
          'target.limit.project_id': at.projectId,
          'target.limit.project.domain_id': at.domainId,
          'target.token.user_id': whose === 'own' ? person.userId : test.ids.demoUserId,
        },
        subject: whose === 'own' ? person.token : otherSubject,
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
