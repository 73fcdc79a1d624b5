/** Which names somebody may have meant. */

/** At most three, best first: those with few letters to change, and those that begin or end with what was typed. */
export function nearest(typed: string, names: readonly string[]): string[] {
  const few = Math.max(1, Math.floor(typed.length / 3))
  return names
    .map((name) => ({ name, changes: changesBetween(typed, name) }))
    .filter(({ name, changes }) => changes <= few || (typed.length > 2 && name.split('-').includes(typed)))
    .sort((a, b) => a.changes - b.changes)
    .slice(0, 3)
    .map(({ name }) => name)
}

/** Letters to add, to drop, to replace, or to exchange with the next one. */
function changesBetween(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const line = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1
      const steps = [(line[column - 1] ?? 0) + 1, (above[column] ?? 0) + 1, (above[column - 1] ?? 0) + same]
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) steps.push((before[column - 2] ?? 0) + 1)
      line.push(Math.min(...steps))
    }
    before = above
    above = line
  }
  return above[to.length] ?? 0
}
