/** Which methods each path of a service answers: a known path that is asked by another is a 405 that names those it knows. */
import type { FastifyInstance } from 'fastify'

/** The methods that `path` answers, in the order of mounting; empty for an unknown path. Call before routes are mounted. */
export function rememberMethods(app: FastifyInstance): (path: string) => readonly string[] {
  const known = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const source = patternOf(url)
    const entry = known.get(source) ?? { pattern: new RegExp(source), methods: new Set() }
    known.set(source, entry)
    for (const each of [method].flat()) entry.methods.add(each)
  })
  return (path) => {
    const found = [...known.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(found.flatMap(({ methods }) => [...methods]))]
  }
}

/** `/users/:user_id` as a regular expression, with or without a slash at its end; a parameter may have a pattern of its own. */
function patternOf(url: string): string {
  const parts = url.replace(/\/$/, '').split(/(:[A-Za-z_]+(?:\([^)]*\))?|\*)/)
  const escaped = parts.map((part) => {
    if (part === '*') return '.*'
    if (part.startsWith(':')) return /\((.*)\)$/.exec(part)?.[1] ?? '[^/]+'
    return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  })
  return `^${escaped.join('')}/?$`
}
