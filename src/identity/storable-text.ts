/**
 * Text that PostgreSQL can keep. It takes no NUL in text, and no lone surrogates in jsonb, so such a request is answered
 * before any statement sees it.
 */

/** Deeper than anybody nests on purpose, and well within the stack. */
const MAX_DEPTH = 100

/**
 * The path of the first text in a JSON value that cannot be stored, or undefined when all can. Keys count too, and so
 * does what is nested too deeply to look at.
 */
export function unstorable(value: unknown, path = '', depth = 0): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : path || '/'
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > MAX_DEPTH) return path.slice(0, 64)
  for (const [key, each] of Object.entries(value)) {
    if (!isStorable(key)) return path || '/'
    const found = unstorable(each, `${path}/${key}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
