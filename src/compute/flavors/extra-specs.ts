/** Judges one extra spec. Source: nova/api/validation/extra_specs/validators.py */
import { truthOf } from '../parameter-types.ts'
import { badExtraSpec } from './errors.ts'
import {
  NAMESPACES,
  PATTERNS,
  RESOURCE_VALUE,
  RESOURCES,
  SPECS,
  TRAIT,
  TRAIT_VALUE,
  type ValueRule,
} from './extra-spec-rules.ts'

/** Placement's standard names. Custom ones begin with CUSTOM_ and may be any. */
export interface StandardNames {
  readonly resourceClasses: ReadonlySet<string>
  readonly traits: ReadonlySet<string>
}

/** @throws DomainError invalid `compute.flavor.extra-spec-invalid` */
export function checkExtraSpec(name: string, value: string, standard: StandardNames): void {
  const rule = ruleFor(name, standard)
  if (rule !== undefined) {
    checkValue(rule, value)
    return
  }
  const [namespace] = name.split(':')
  if (name.includes(':') && NAMESPACES.test(namespace!)) {
    throw badExtraSpec(`extra spec '${name}' does not appear to be a valid extra spec.`)
  }
}

function ruleFor(name: string, standard: StandardNames): ValueRule | undefined {
  if (Object.hasOwn(SPECS, name)) return SPECS[name]
  const known = (names: ReadonlySet<string>, found: string) => found.startsWith('CUSTOM_') || names.has(found)
  const resource = RESOURCES.exec(name)?.[2]
  if (resource !== undefined) return known(standard.resourceClasses, resource) ? RESOURCE_VALUE : undefined
  const trait = TRAIT.exec(name)?.[2]
  if (trait !== undefined) return known(standard.traits, trait) ? TRAIT_VALUE : undefined
  return PATTERNS.find((pattern) => pattern.name.test(name))?.value
}

function checkValue(rule: ValueRule, value: string): void {
  switch (rule.type) {
    case 'truth':
      if (truthOf(value) === undefined) throw badExtraSpec(`'${value}' is not a valid boolean-like value.`)
      return
    case 'integer': {
      if (!/^\s*[+-]?\d+\s*$/.test(value)) throw badExtraSpec(`'${value}' is not a valid integer value.`)
      const number = Number(value)
      if (rule.max !== undefined && number > rule.max) {
        throw badExtraSpec(`'${value}' is greater than the max value of '${rule.max}'.`)
      }
      if (rule.min !== undefined && number < rule.min) {
        throw badExtraSpec(`'${value}' is less than the min value of '${rule.min}'.`)
      }
      return
    }
    case 'text':
      if (rule.pattern !== undefined && !rule.pattern.test(value)) {
        throw badExtraSpec(`'${value}' is not of the format '${rule.pattern.source}'.`)
      }
      if (rule.oneOf !== undefined && !rule.oneOf.includes(value)) {
        throw badExtraSpec(`'${value}' is not one of: ${rule.oneOf.join(', ')}.`)
      }
  }
}
