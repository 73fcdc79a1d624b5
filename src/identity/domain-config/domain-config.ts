/**
 * Configuration of a domain's own identity driver: kept and shown, a group or an option at a time. Nothing reads it, as
 * nothing does upstream while domain-specific drivers are off. Source: keystone/resource/core.py, `DomainConfigManager`
 */
import type { Database, Sql } from '../../database/database.ts'
import type { Changes } from '../changes.ts'
import { domainConfigNotFound, forbidden, notFound } from '../errors.ts'
import { DEFAULT_DOMAIN } from '../projects/projects.ts'
import { findProject } from '../projects/store.ts'
import { DEFAULTS, isGroup, isOption, isSensitive } from './options.ts'
import * as store from './store.ts'
import type { OptionRow, Part } from './store.ts'

/** Group to option to value; of a single option, that option alone. */
export type Config = Readonly<Record<string, unknown>>

export interface DomainConfig {
  /** Replaces all that there was. `made` when there was nothing. */
  create(domainId: string, config: Config): Promise<{ config: Config; made: boolean }>
  /** @throws DomainError not-found, `identity.domain-config.not-found`, when nothing of it is set */
  show(part: Part): Promise<Config>
  /** Merges into what there is; a group or option that is named must be set already. @returns all of the domain */
  update(part: Part, config: Config): Promise<Config>
  delete(part: Part): Promise<void>
  defaults(group?: string, option?: string): Config
  /** The rules for passwords, which anybody may read: of the default domain, because they hold for all. */
  passwordRules(domainId: string, option?: string): Promise<Config>
}

export interface PasswordRules {
  readonly password_regex: string | null
  readonly password_regex_description: string | null
}

export function openDomainConfig({
  db,
  changes,
  passwordRules,
}: {
  db: Database
  changes: Changes
  passwordRules: PasswordRules
}): DomainConfig {
  async function requireDomain(id: string): Promise<void> {
    if ((await findProject(db, id))?.isDomain !== true) throw notFound('domain', id)
  }

  return {
    async create(domainId, config) {
      await requireDomain(domainId)
      const rows = rowsOf(config)
      const before = await changes.commit(async (tx) => {
        const gone = await store.deleteOptions(tx, { domainId })
        await store.putOptions(tx, domainId, rows)
        return gone
      })
      return { config: configOf(rows), made: before === 0 }
    },

    async show(part) {
      checkPart(part)
      await requireDomain(part.domainId)
      const shown = (await store.listOptions(db, part)).filter((row) => !row.sensitive)
      if (shown.length === 0) throw domainConfigNotFound(part)
      return part.option === undefined ? configOf(shown) : { [part.option]: shown[0]!.value }
    },

    async update(part, config) {
      await requireDomain(part.domainId)
      const { group, option } = part
      // A body for one option names the option alone.
      const whole = group !== undefined && option !== undefined ? { [group]: config } : config
      const rows = rowsOf(whole)
      checkPart(part)
      if (group !== undefined && rows.some((row) => row.group !== group || (option ?? row.option) !== row.option)) {
        throw forbidden('domain-config.other-part', `The body may set ${option ?? `the group ${group}`} and no more.`)
      }
      return await changes.commit(async (tx) => {
        if (group !== undefined) await requireSet(tx, part)
        await store.putOptions(tx, part.domainId, rows)
        return configOf(await store.listOptions(tx, { domainId: part.domainId }))
      })
    },

    async delete(part) {
      await requireDomain(part.domainId)
      checkPart(part)
      await changes.commit(async (tx) => {
        const gone = await store.deleteOptions(tx, part)
        if (gone === 0 && part.group !== undefined) throw domainConfigNotFound(part)
      })
    },

    defaults(group, option) {
      checkPart({ group, option })
      if (group === undefined) return DEFAULTS
      if (option === undefined) return { [group]: DEFAULTS[group] }
      if (isSensitive(group, option)) {
        throw forbidden('domain-config.default-hidden', `The default of ${option} is not shown.`)
      }
      return { [option]: DEFAULTS[group]![option] }
    },

    async passwordRules(domainId, option) {
      if (domainId !== DEFAULT_DOMAIN) {
        await requireDomain(domainId)
        throw forbidden(
          'domain-config.password-rules',
          'The rules for passwords are shown for the default domain only.',
        )
      }
      if (option === undefined) return { security_compliance: passwordRules }
      if (!Object.hasOwn(passwordRules, option)) {
        throw forbidden(
          'domain-config.password-rules',
          'Of the rules for passwords, password_regex and password_regex_description are shown.',
        )
      }
      return { [option]: passwordRules[option as keyof PasswordRules] }
    },
  }
}

async function requireSet(sql: Sql, part: Part): Promise<void> {
  if ((await store.listOptions(sql, part)).length === 0) throw domainConfigNotFound(part)
}

/** @throws DomainError forbidden, `identity.domain-config.unsupported` */
function checkPart({ group, option }: { group?: string | undefined; option?: string | undefined }): void {
  if (group === undefined) return
  if (!isGroup(group)) throw unsupported(`the group ${group}`)
  if (option !== undefined && !isOption(group, option)) throw unsupported(`the option ${option} of the group ${group}`)
}

function unsupported(what: string) {
  return forbidden('domain-config.unsupported', `A domain cannot set ${what.slice(0, 160)}.`)
}

/** @throws DomainError forbidden, `identity.domain-config.empty` or `identity.domain-config.unsupported` */
function rowsOf(config: Config): readonly OptionRow[] {
  const groups = Object.entries(config)
  if (groups.length === 0) throw forbidden('domain-config.empty', 'The configuration sets no options.')
  return groups.flatMap(([group, options]) => {
    if (
      typeof options !== 'object' ||
      options === null ||
      Array.isArray(options) ||
      Object.keys(options).length === 0
    ) {
      throw forbidden('domain-config.empty', `The group ${group.slice(0, 64)} must be an object of options.`)
    }
    return Object.entries(options).map(([option, value]) => {
      checkPart({ group, option })
      return { group, option, value, sensitive: isSensitive(group, option) }
    })
  })
}

function configOf(rows: readonly OptionRow[]): Config {
  const config: Record<string, Record<string, unknown>> = {}
  for (const { group, option, value, sensitive } of rows) {
    if (sensitive) continue
    config[group] ??= {}
    config[group][option] = value
  }
  return config
}
