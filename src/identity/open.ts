/** Puts identity together: its parts, its plugin, and what other services may ask of it. */
import { join } from 'node:path'
import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import { jsonParser } from '../http/json-body.ts'
import { asService } from '../http/service.ts'
import type { ServiceContext } from '../http/service-context.ts'
import { openApplicationCredentials } from './application-credentials/application-credentials.ts'
import { applicationCredentialRoutes } from './application-credentials/routes.ts'
import { openGrants } from './assignments/grants.ts'
import { openRoleAssignments } from './assignments/role-assignments.ts'
import { assignmentRoutes } from './assignments/routes.ts'
import { bootstrap } from './bootstrap.ts'
import { openCatalog } from './catalog/catalog.ts'
import { openChanges } from './changes.ts'
import { openCredentials } from './credentials/credentials.ts'
import { credentialRoutes } from './credentials/routes.ts'
import { domainConfigRoutes } from './domain-config/routes.ts'
import { openDomainConfig } from './domain-config/domain-config.ts'
import { openDomains } from './domains/domains.ts'
import { domainRoutes } from './domains/routes.ts'
import { openEc2Credentials } from './ec2-credentials/ec2-credentials.ts'
import { ec2CredentialRoutes } from './ec2-credentials/routes.ts'
import { openEndpointFilter } from './endpoint-filter/endpoint-filter.ts'
import { endpointFilterRoutes } from './endpoint-filter/routes.ts'
import { openEndpointPolicies } from './endpoint-policies/endpoint-policies.ts'
import { endpointPolicyRoutes } from './endpoint-policies/routes.ts'
import { openEndpoints } from './endpoints/endpoints.ts'
import { endpointRoutes } from './endpoints/routes.ts'
import { forbidden, invalid, textUnstorable } from './errors.ts'
import { faultOf } from './faults.ts'
import { openFederation } from './federation/federation.ts'
import { federationRoutes } from './federation/routes.ts'
import { openGroups } from './groups/groups.ts'
import { groupRoutes } from './groups/routes.ts'
import type { Identity } from './index.ts'
import { openLimits } from './limits/limits.ts'
import { limitRoutes } from './limits/routes.ts'
import { openLinks } from './links.ts'
import { notOfferedRoutes } from './not-offered/routes.ts'
import { openPasswordHashing } from './passwords/hashing.ts'
import { openPasswordProof } from './passwords/proof.ts'
import { identityPolicies } from './policies.ts'
import { openProjects } from './projects/projects.ts'
import { projectRoutes } from './projects/routes.ts'
import { findProject } from './projects/store.ts'
import { openRegions } from './regions/regions.ts'
import { regionRoutes } from './regions/routes.ts'
import { openRoles } from './roles/roles.ts'
import { roleRoutes } from './roles/routes.ts'
import { serviceRoutes } from './services/routes.ts'
import { openServices } from './services/services.ts'
import { DEFAULT_SETTINGS, type IdentitySettings } from './settings.ts'
import { unstorable } from './storable-text.ts'
import { storedPolicyRoutes } from './stored-policies/routes.ts'
import { openStoredPolicies } from './stored-policies/stored-policies.ts'
import { openAccessMemory } from './tokens/access.ts'
import { openKeyRing } from './tokens/key-ring.ts'
import { openLogin } from './tokens/login.ts'
import { revocationEventRoutes } from './tokens/revocation-events.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { type IdentityCaller, openTokens } from './tokens/tokens.ts'
import { trustRoutes } from './trusts/routes.ts'
import { openTrusts } from './trusts/trusts.ts'
import { userRoutes } from './users/routes.ts'
import { openUsers } from './users/users.ts'
import { versionRoutes } from './versions/routes.ts'

/** Bodies larger than this are refused; upstream's limit. */
const MAX_BODY_BYTES = 114_688

export async function openIdentity(
  { db, log, stateDir, region, publicUrl }: ServiceContext,
  settings: IdentitySettings = DEFAULT_SETTINGS,
): Promise<Identity> {
  const changes = openChanges(db)
  const [keys, blobKeys] = await Promise.all([
    openKeyRing(join(stateDir, 'identity', 'keys')),
    openKeyRing(join(stateDir, 'identity', 'credential-keys')),
  ])
  const hashing = openPasswordHashing(settings)
  const proof = openPasswordProof({ db, hashing, settings })
  const access = openAccessMemory(db, changes, settings)
  const tokens = openTokens({ db, changes, access, keys, settings, log })
  const credentials = openCredentials({ db, changes, keys: blobKeys })
  const { totpSeedsOf } = credentials
  const login = openLogin({ db, changes, tokens, access, hashing, proof, settings, keys, totpSeedsOf })
  const catalog = openCatalog(db, changes)
  const projects = openProjects({ db, changes, settings })
  const domains = openDomains({ db, changes })
  const users = openUsers({ db, changes, hashing, proof, settings })
  const groups = openGroups({ db, changes, settings })
  const roles = openRoles({ db, changes })
  const grants = openGrants({ db, changes })
  const roleAssignments = openRoleAssignments({ db })
  const regions = openRegions({ db, changes })
  const services = openServices({ db, changes })
  const endpoints = openEndpoints({ db, changes })
  const applicationCredentials = openApplicationCredentials({ db, changes, hashing })
  const limits = openLimits({ db, changes })
  const federation = openFederation({ db, changes })
  const trusts = openTrusts({ db, changes, settings })
  const ec2Credentials = openEc2Credentials({ db, changes, keys: blobKeys, tokens })
  const passwordRules = {
    password_regex: settings.passwordPattern?.source ?? null,
    password_regex_description: settings.passwordPatternMeaning || null,
  }
  const domainConfig = openDomainConfig({ db, changes, passwordRules })
  const storedPolicies = openStoredPolicies({ db, changes })
  const endpointPolicies = openEndpointPolicies({ db, changes })
  const endpointFilter = openEndpointFilter({ db, changes })
  const identityUrl = publicUrl('identity')

  /** How long ago a user's token may have ended, for the bearer of a service's. Source: keystonemiddleware/auth_token */
  const graceFor = async (serviceToken: string): Promise<number> => {
    const { caller } = await tokens.verify(serviceToken)
    return caller.roles.includes('service') ? settings.allowExpiredWindowSeconds : 0
  }

  const authenticate: Identity['authenticate'] = async (token, requestId, serviceToken) => {
    const { caller } = await tokens.verify(token, serviceToken === undefined ? 0 : await graceFor(serviceToken))
    return { ...caller, requestId }
  }

  /** A token of a signed request says who signed it, to the service that got the request; it manages nothing here. */
  const authenticateHere = async (token: string, requestId: string): Promise<IdentityCaller> => {
    const caller = { ...(await tokens.verify(token)).caller, requestId }
    if (!caller.token.methods.includes('ec2credential')) return caller
    throw forbidden('login.ec2-token', 'A token of a signed request is not taken by identity itself.')
  }

  const plugin: FastifyPluginAsync = async (app) => {
    asService(app, {
      name: 'identity',
      policies: identityPolicies,
      authenticate: authenticateHere,
      identityUrl,
      fault: (error) => faultOf(error, identityUrl),
    })
    takeBodies(app)
    prepare(app)
    const links = openLinks(identityUrl, app.prefix)
    await app.register(versionRoutes, { links })
    await app.register(
      async (v3) => {
        await v3.register(tokenRoutes, {
          login,
          tokens,
          access,
          catalog,
          projects,
          domains,
          federation,
          settings,
          links,
        })
        await v3.register(domainRoutes, { domains, links })
        await v3.register(projectRoutes, { projects, limits, links })
        await v3.register(userRoutes, { users, groups, projects, links })
        await v3.register(applicationCredentialRoutes, { applicationCredentials, links })
        await v3.register(groupRoutes, { groups, links })
        await v3.register(roleRoutes, { roles, links })
        await v3.register(credentialRoutes, { credentials, links })
        await v3.register(limitRoutes, { limits, links })
        await v3.register(trustRoutes, { trusts, links })
        await v3.register(regionRoutes, { regions, links })
        await v3.register(serviceRoutes, { services, links })
        await v3.register(endpointRoutes, { endpoints, links })
        await v3.register(federationRoutes, { federation, links })
        await v3.register(notOfferedRoutes, { links })
        await v3.register(assignmentRoutes, { grants, roleAssignments, links })
        await v3.register(ec2CredentialRoutes, { ec2Credentials, catalog, federation, links })
        await v3.register(domainConfigRoutes, { domainConfig })
        await v3.register(storedPolicyRoutes, { storedPolicies, links })
        await v3.register(endpointPolicyRoutes, { endpointPolicies, links })
        await v3.register(endpointFilterRoutes, { prefix: '/OS-EP-FILTER', endpointFilter, links })
        await v3.register(revocationEventRoutes, { db, links })
      },
      { prefix: '/v3' },
    )
  }

  return {
    plugin,
    policies: identityPolicies,
    authenticate,
    bootstrap: (order) => bootstrap(order, { db, changes, hashing, region }),
    async projectExists(id) {
      return (await findProject(db, id))?.isDomain === false
    },
    async close() {
      tokens.close()
      await hashing.close()
    },
  }
}

/** A body is JSON, also where nobody says so; where somebody says otherwise it is refused. */
function takeBodies(app: FastifyInstance): void {
  const parseJson = jsonParser(app)
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    const [type] = (request.headers['content-type'] ?? '').split(/\s*;/) as [string]
    if (body === '') done(null, undefined)
    else if (type === '' || type.toLowerCase().endsWith('+json')) parseJson(request, body as string, done)
    else done(invalid('body.media-type', 'The body must be application/json, and the Content-Type header say so.'))
  })
}

/** What all of identity's routes have in common beside what every service's have. */
function prepare(app: FastifyInstance): void {
  app.addHook('onRoute', function answerHeadAndTrailingSlash(this: FastifyInstance, route: RouteOptions) {
    route.bodyLimit ??= MAX_BODY_BYTES
    const { method, config = {}, schema, handler } = route
    const url = (route as RouteOptions & { routePath: string }).routePath
    if (config.aliasOf !== undefined) return
    const same = { url, handler, config, ...(schema && { schema }) }
    if (method === 'GET' && !this.hasRoute({ method: 'HEAD', url: route.url })) this.route({ ...same, method: 'HEAD' })
    // Upstream's first middleware takes a slash at the end off every path, and clients rely on it.
    if (url.endsWith('/') || url === '') return
    if (this.hasRoute({ method: method as 'GET', url: `${route.url}/` })) return
    this.route({ ...same, method, url: `${url}/`, config: { ...config, aliasOf: url } })
  })

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('vary', 'X-Auth-Token')
  })

  app.addHook('preHandler', async (request) => {
    const bad = unstorable(request.params) ?? unstorable(request.query) ?? unstorable(request.body)
    if (bad !== undefined) throw textUnstorable(bad)
  })
}
