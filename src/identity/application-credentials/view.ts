/** Application credentials as they go out; the secret only in the answer to their making. */
import type { Links } from '../links.ts'
import { microseconds } from '../tokens/view.ts'
import type { ApplicationCredential } from './store.ts'

export function viewApplicationCredential(credential: ApplicationCredential, links: Links): Record<string, unknown> {
  return {
    id: credential.id,
    name: credential.name,
    description: credential.description,
    user_id: credential.userId,
    project_id: credential.projectId,
    roles: credential.roles,
    expires_at: credential.expiresAt === null ? null : microseconds(credential.expiresAt),
    unrestricted: credential.unrestricted,
    system: null,
    ...(credential.rules.length > 0 && { access_rules: credential.rules }),
    links: { self: links.self('users', credential.userId, 'application_credentials', credential.id) },
  }
}
