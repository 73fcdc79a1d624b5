/**
 * The options that a domain may set, with upstream's defaults: those of the identity drivers, and nothing else.
 * Source: keystone/resource/core.py, `DomainConfigManager`; keystone/conf/identity.py, keystone/conf/ldap.py (2026-07)
 */

/** Group to option to default. */
export const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  identity: { driver: 'sql', list_limit: null },
  ldap: {
    url: 'ldap://localhost',
    user: null,
    suffix: 'cn=example,cn=com',
    query_scope: 'one',
    page_size: 0,
    alias_dereferencing: 'default',
    debug_level: null,
    chase_referrals: null,
    user_tree_dn: null,
    user_filter: null,
    user_objectclass: 'inetOrgPerson',
    user_id_attribute: 'cn',
    user_name_attribute: 'sn',
    user_mail_attribute: 'mail',
    user_description_attribute: 'description',
    user_pass_attribute: 'userPassword',
    user_enabled_attribute: 'enabled',
    user_enabled_invert: false,
    user_enabled_mask: 0,
    user_enabled_default: 'True',
    user_attribute_ignore: ['default_project_id'],
    user_default_project_id_attribute: null,
    user_enabled_emulation: false,
    user_enabled_emulation_dn: null,
    user_enabled_emulation_use_group_config: false,
    user_additional_attribute_mapping: [],
    group_tree_dn: null,
    group_filter: null,
    group_objectclass: 'groupOfNames',
    group_id_attribute: 'cn',
    group_name_attribute: 'ou',
    group_members_are_ids: false,
    group_member_attribute: 'member',
    group_desc_attribute: 'description',
    group_attribute_ignore: [],
    group_additional_attribute_mapping: [],
    tls_cacertfile: null,
    tls_cacertdir: null,
    use_tls: false,
    tls_req_cert: 'demand',
    use_pool: true,
    pool_size: 10,
    pool_retry_max: 3,
    pool_retry_delay: 0.1,
    pool_connection_timeout: -1,
    pool_connection_lifetime: 600,
    use_auth_pool: true,
    auth_pool_size: 100,
    auth_pool_connection_lifetime: 60,
  },
}

/** Options that can be set and are never shown, not even their defaults. */
const SENSITIVE: Readonly<Record<string, readonly string[]>> = { ldap: ['password'] }

export function isSensitive(group: string, option: string): boolean {
  return SENSITIVE[group]?.includes(option) ?? false
}

export function isGroup(group: string): boolean {
  return Object.hasOwn(DEFAULTS, group)
}

/** Whether a domain may set the option of a group that there is. */
export function isOption(group: string, option: string): boolean {
  return Object.hasOwn(DEFAULTS[group]!, option) || isSensitive(group, option)
}
