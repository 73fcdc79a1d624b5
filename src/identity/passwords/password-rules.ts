/**
 * What a password must be, and for how long it is good. Source: keystone/conf/security_compliance.py,
 * keystone/identity/backends/sql.py, keystone/identity/backends/sql_model.py
 */
import type { Attributes } from '../attributes.ts'
import { forbidden, invalid } from '../errors.ts'
import type { IdentitySettings } from '../settings.ts'

export type PasswordSettings = Pick<
  IdentitySettings,
  | 'maxPasswordLength'
  | 'passwordLifetimeDays'
  | 'passwordMinimumAgeDays'
  | 'passwordPattern'
  | 'passwordPatternMeaning'
  | 'passwordChangeUponFirstUse'
>

const DAY_MS = 86_400_000

/** @throws DomainError forbidden, `identity.password.too-long`; invalid, `identity.password.requirements` */
export function checkPassword(settings: PasswordSettings, password: string): void {
  const { maxPasswordLength, passwordPattern, passwordPatternMeaning } = settings
  if (password.length > maxPasswordLength) {
    throw forbidden('password.too-long', `A password has at most ${maxPasswordLength} characters.`)
  }
  if (passwordPattern === undefined || password.search(passwordPattern) === 0) return
  throw invalid(
    'password.requirements',
    `The password does not match the requirements: ${passwordPatternMeaning || passwordPattern.source}.`,
  )
}

/** When a password that is set at `now` must be changed, by whoever set it; null for never. */
export function passwordEnd(
  settings: PasswordSettings,
  { options, by, now }: { options: Attributes; by: 'user' | 'administrator'; now: Date },
): Date | null {
  const firstUse = settings.passwordChangeUponFirstUse && options.ignore_change_password_upon_first_use !== true
  if (by === 'administrator' && firstUse) return now
  if (settings.passwordLifetimeDays === 0 || options.ignore_password_expiry === true) return null
  const end = now.getTime() + settings.passwordLifetimeDays * DAY_MS
  return new Date(end - (end % 1000))
}

/** Whether a password that had this end is good no more. */
export function hasEnded(end: Date | null, options: Attributes, now = new Date()): boolean {
  return end !== null && end <= now && options.ignore_password_expiry !== true
}

/**
 * Whoever chose a password keeps it for a while, or a history of passwords would be emptied in a minute.
 * @throws DomainError invalid, `identity.password.too-young`
 */
export function checkAge(
  settings: PasswordSettings,
  current: { readonly selfService: boolean; readonly createdAt: Date },
  now = new Date(),
): void {
  const days = settings.passwordMinimumAgeDays
  const left = current.createdAt.getTime() + days * DAY_MS - now.getTime()
  if (!current.selfService || left <= 0) return
  throw invalid(
    'password.too-young',
    `A password must be used for ${days} day(s) before it can be changed; try again in ${Math.floor(left / DAY_MS)} day(s), or ask an administrator.`,
  )
}
