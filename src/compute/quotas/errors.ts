/** What can go wrong with setting quotas. */
import { DomainError } from '../../domain-error.ts'

export const badLimit = {
  belowUsage: (limit: number, resource: string, used: number) =>
    new DomainError(
      'invalid',
      'compute.quota.invalid',
      `Quota limit ${limit} for ${resource} must be greater than or equal to already used and reserved ${used}.`,
    ),
  aboveProject: (limit: number, resource: string, most: number) =>
    new DomainError(
      'invalid',
      'compute.quota.invalid',
      `Quota limit ${limit} for ${resource} must be less than or equal to ${most}.`,
    ),
}

export const classNameTooLong = () =>
  new DomainError('invalid', 'compute.quota-class.name', 'quota_class_name has more than 255 characters.')
