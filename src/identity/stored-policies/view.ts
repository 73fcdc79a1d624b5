/** Stored policies as they go out. */
import type { Links } from '../links.ts'
import type { StoredPolicy } from './store.ts'

export function viewPolicy(policy: StoredPolicy, links: Links): Record<string, unknown> {
  return {
    ...policy.extra,
    id: policy.id,
    type: policy.type,
    blob: policy.blob,
    links: { self: links.self('policies', policy.id) },
  }
}
