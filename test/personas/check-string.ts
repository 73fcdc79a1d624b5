/**
 * Upstream's check strings, read and evaluated as oslo.policy does: the test's own reading of who may do what, which
 * shares nothing with ours. Source: oslo_policy/_parser.py, oslo_policy/_checks.py; neutron/policy.py, `FieldCheck`
 */

/** What a token says, nested as upstream has it: `{project_id, roles, token: {domain: {id}}}`. Absent things are null. */
export type Credentials = Readonly<Record<string, unknown>>
/** What the request is about, by dotted names: `{'target.user.id': …}`. */
export type TargetFacts = Readonly<Record<string, unknown>>

export type Check = (credentials: Credentials, target: TargetFacts) => boolean

/** The check strings that `rule:` may name. */
export type Rules = Readonly<Record<string, string>>

export function readCheck(text: string, rules: Rules): Check {
  const tokens = tokensOf(text)
  let at = 0
  if (tokens.length === 0) return () => true

  // `or` binds weakest, then `and`, then `not`.
  function either(): Check {
    const parts = [both()]
    while (tokens[at] === 'or') {
      at++
      parts.push(both())
    }
    return (c, t) => parts.some((part) => part(c, t))
  }
  function both(): Check {
    const parts = [negated()]
    while (tokens[at] === 'and') {
      at++
      parts.push(negated())
    }
    return (c, t) => parts.every((part) => part(c, t))
  }
  function negated(): Check {
    if (tokens[at] !== 'not') return single()
    at++
    const part = negated()
    return (c, t) => !part(c, t)
  }
  function single(): Check {
    const token = tokens[at++]
    if (token === undefined) throw new Error(`the check ends too soon: ${text}`)
    if (token !== '(') return checkOf(token, rules)
    const inside = either()
    if (tokens[at++] !== ')') throw new Error(`a parenthesis is open: ${text}`)
    return inside
  }

  const whole = either()
  if (at < tokens.length) throw new Error(`what is ${tokens[at]} doing here: ${text}`)
  return whole
}

/** The names in `%(…)s` that a check compares, those of the rules that it refers to included; of neutron, `field:…` too. */
export function namesIn(text: string, rules: Rules, seen: readonly string[] = []): ReadonlySet<string> {
  const names = new Set<string>()
  for (const token of tokensOf(text)) {
    const compared = /%\(([^)]+)\)s$/.exec(token)?.[1]
    if (compared !== undefined) names.add(compared)
    const field = /^field:[^:]+:(.+?)=/.exec(token)?.[1]
    if (field !== undefined) names.add(field)
    const rule = /^rule:(.+)$/.exec(token)?.[1]
    if (rule === undefined || seen.includes(rule)) continue
    for (const name of namesIn(rules[rule]!, rules, [...seen, rule])) names.add(name)
  }
  return names
}

function tokensOf(text: string): readonly string[] {
  return text
    .split(/\s+/)
    .filter((part) => part !== '')
    .flatMap((part) => {
      // What `%(name)s` has of parentheses is within the word: it ends with a letter.
      const [, before, word, after] = /^(\(*)(.*?)(\)*)$/.exec(part)!
      return [...before!, ...(word === '' ? [] : [word!]), ...after!]
    })
}

function checkOf(token: string, rules: Rules): Check {
  if (token === '@') return () => true
  if (token === '!') return () => false
  const colon = token.indexOf(':')
  const [kind, match] = [token.slice(0, colon), token.slice(colon + 1)]
  switch (kind) {
    case 'rule': {
      const text = rules[match]
      if (text === undefined) throw new Error(`there is no rule ${match}`)
      return readCheck(text, rules)
    }
    case 'role':
      return (credentials) => (credentials.roles as string[]).includes(match.toLowerCase())
    case 'field':
      return fieldCheck(match)
    default:
      return comparison(kind, match)
  }
}

/** `kind:%(name)s`: kind is a path into the credentials, or a literal. What is absent from the target equals nothing. */
function comparison(kind: string, match: string): Check {
  const name = /^%\(([^)]+)\)s$/.exec(match)?.[1]
  const literal = /^'(.*)'$/.exec(kind)?.[1] ?? (kind === 'None' ? 'None' : undefined)
  return (credentials, target) => {
    if (name !== undefined && !(name in target)) return false
    const wanted = name === undefined ? match : shown(target[name])
    if (literal !== undefined) return wanted === literal
    const found = kind
      .split('.')
      .reduce<unknown>((value, step) => (value as Record<string, unknown> | null)?.[step], credentials)
    return found !== undefined && wanted === shown(found)
  }
}

/** As Python prints it. */
function shown(value: unknown): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return String(value)
}

/** `resource:field=value`, or `=~pattern`. */
function fieldCheck(match: string): Check {
  const [, name, pattern, value] = /^[^:]+:(.+?)=(~?)(.*)$/.exec(match)!
  return (_credentials, target) => {
    const found = target[name!]
    if (found === undefined || found === null) return false
    return pattern === '~' ? new RegExp(value!).test(String(found)) : shown(found) === value
  }
}
