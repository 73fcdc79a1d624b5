/**
 * Whether a capability satisfies what a type's extra spec wants of it.
 * Source: cinder/scheduler/filters/extra_specs_ops.py and capabilities_filter.py.
 */

type Capability = string | number | boolean | undefined

const COMPARISONS: Readonly<Record<string, (have: string, want: string) => boolean>> = {
  '=': (have, want) => Number(have) >= Number(want),
  '==': (have, want) => Number(have) === Number(want),
  '!=': (have, want) => Number(have) !== Number(want),
  '>=': (have, want) => Number(have) >= Number(want),
  '<=': (have, want) => Number(have) <= Number(want),
  's==': (have, want) => have === want,
  's!=': (have, want) => have !== want,
  's<': (have, want) => have < want,
  's<=': (have, want) => have <= want,
  's>': (have, want) => have > want,
  's>=': (have, want) => have >= want,
  '<in>': (have, want) => have.includes(want),
  '<is>': (have, want) => isTrue(have) === isTrue(want),
}

/** @param want a text, or an operator followed by one: `<is> True`, `>= 4`, `<or> a <or> b` */
export function satisfies(capability: Capability, want: string): boolean {
  if (capability === undefined) return false
  const have = String(capability)
  const words = want.trim().split(/\s+/)
  if (words[0] === '<or>') return want.split('<or>').some((each) => each.trim() !== '' && each.trim() === have)
  const compare = COMPARISONS[words[0]!]
  return compare === undefined ? have === want.trim() : compare(have, words.slice(1).join(' '))
}

/**
 * The capability that a key is about: `volume_backend_name` or `capabilities:volume_backend_name`. Keys of other scopes
 * are for others than the scheduler.
 */
export function capabilityName(key: string): string | undefined {
  const [scope, ...rest] = key.split(':')
  if (rest.length === 0) return scope
  return scope === 'capabilities' ? rest.join(':') : undefined
}

function isTrue(text: string): boolean {
  return /^(true|t|1|yes|y|on)$/i.test(text.trim())
}
