/** Quotas are enforced by triggers (migrations/0002-quotas.sql); their refusal becomes ours here. */
import { violatedConstraint } from '../../database/database.ts'
import { refusal } from '../errors.ts'

/** @throws DomainError over-quota, `network.quota.exceeded`, when the write within hits a quota */
export async function withinQuota<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint?.startsWith('quota_')) throw refusal('network.quota.exceeded', constraint.slice('quota_'.length))
    throw error
  }
}
