/** Users as they go out; the password never does. */
import type { Links } from '../links.ts'
import { microseconds } from '../tokens/view.ts'
import type { User } from './store.ts'

export function viewUser(user: User, links: Links): Record<string, unknown> {
  return {
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    ...(user.defaultProjectId !== null && { default_project_id: user.defaultProjectId }),
    password_expires_at: user.passwordExpiresAt === null ? null : microseconds(user.passwordExpiresAt),
    options: user.options,
    links: { self: links.self('users', user.id) },
  }
}
