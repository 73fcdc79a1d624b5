/** Two ways of doing the same, in turn, so that what else the machine does weighs on both. */

export interface Spent {
  wallS: number
  /** Of the whole process, all threads. */
  cpuS: number
}

export interface Compared {
  ours: Spent
  theirs: Spent
  /** Ours divided by theirs, pair by pair, the median. */
  wallRatio: number
  cpuRatio: number
}

/** What this process spends on it. */
export async function spend(work: () => Promise<unknown>): Promise<Spent> {
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  await work()
  const wallS = Number(process.hrtime.bigint() - before) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wallS, cpuS: (user + system) / 1e6 }
}

/** One uncounted turn of each first; who begins alternates. Each of the four figures is a median by itself. */
export async function compare(
  rounds: number,
  ours: () => Promise<Spent>,
  theirs: () => Promise<Spent>,
): Promise<Compared> {
  await ours()
  await theirs()
  const pairs: { ours: Spent; theirs: Spent }[] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0 ? await ours() : undefined
    const other = await theirs()
    pairs.push({ ours: first ?? (await ours()), theirs: other })
  }
  const middle = (of: (pair: { ours: Spent; theirs: Spent }) => number) => median(pairs.map(of))
  return {
    ours: { wallS: middle((pair) => pair.ours.wallS), cpuS: middle((pair) => pair.ours.cpuS) },
    theirs: { wallS: middle((pair) => pair.theirs.wallS), cpuS: middle((pair) => pair.theirs.cpuS) },
    wallRatio: middle((pair) => pair.ours.wallS / pair.theirs.wallS),
    cpuRatio: middle((pair) => pair.ours.cpuS / pair.theirs.cpuS),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
