/** Dictionaries in queries: `{'key': 'value'}` as Python prints them, or JSON. Clients of this API send both. */

const PAIR =
  /(?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)")\s*:\s*(?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)")\s*,?/gs

/** Undefined for anything but a dictionary of texts. */
export function dictionaryOf(text: string): Record<string, string> | undefined {
  const pairs: Record<string, string> = {}
  const rest = text.replace(PAIR, (_all, key1, key2, value1, value2) => {
    pairs[unescaped(key1 ?? key2)] = unescaped(value1 ?? value2)
    return ''
  })
  return /^\s*\{\s*\}\s*$/.test(rest) ? pairs : undefined
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1')
}
