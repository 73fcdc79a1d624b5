/**
 * The little language of extra specs: `>= 2`, `s== KVM`, `<in> avx`, `<all-in> a b`, `<or> x <or> y`; without an
 * operator the texts must be equal. Source: nova/scheduler/filters/extra_specs_ops.py
 */

const NUMBERS: Readonly<Record<string, (had: number, needed: number) => boolean>> = {
  // Upstream's `=` means "at least", for the sake of old flavors.
  '=': (had, needed) => had >= needed,
  '==': (had, needed) => had === needed,
  '!=': (had, needed) => had !== needed,
  '>=': (had, needed) => had >= needed,
  '<=': (had, needed) => had <= needed,
}

const TEXTS: Readonly<Record<string, (had: string, needed: string) => boolean>> = {
  's==': (had, needed) => had === needed,
  's!=': (had, needed) => had !== needed,
  's<': (had, needed) => had < needed,
  's<=': (had, needed) => had <= needed,
  's>': (had, needed) => had > needed,
  's>=': (had, needed) => had >= needed,
  '<in>': (had, needed) => had.includes(needed),
}

export function matches(had: string, requirement: string): boolean {
  const [operator, ...words] = requirement.split(/\s+/).filter((word) => word !== '')
  if (operator === undefined) return had === requirement
  if (operator === '<or>') return words.some((word, index) => index % 2 === 0 && word === had)
  if (operator === '<all-in>') return words.length > 0 && words.every((word) => had.includes(word))
  if (Object.hasOwn(TEXTS, operator)) return words[0] !== undefined && TEXTS[operator]!(had, words[0])
  if (Object.hasOwn(NUMBERS, operator)) {
    const [ours, theirs] = [Number(had), Number(words[0])]
    return (
      words[0] !== undefined &&
      had !== '' &&
      !Number.isNaN(ours) &&
      !Number.isNaN(theirs) &&
      NUMBERS[operator]!(ours, theirs)
    )
  }
  return had === requirement
}
