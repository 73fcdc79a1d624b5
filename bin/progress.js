// What setting up says to people: a ticked line for each thing that is done, and, while several things are waited for at
// once, one line that tells how far each is. Where no terminal is, that line is written anew every now and then.

const DRAW_EVERY_MS = 250
const WRITE_EVERY_MS = 10_000

/** @param stream where it is said: the standard error, or for tests anything with `write`, `isTTY` and `columns` */
export function openProgress(stream = process.stderr, writeEveryMs = WRITE_EVERY_MS) {
  const tty = stream.isTTY === true && process.env.TERM !== 'dumb'
  const colour = tty && process.env.NO_COLOR === undefined
  const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const waits = new Map()
  let clock

  const line = () => {
    const between = '  |  '
    // On a terminal each has its share of the width.
    const room = Math.floor(((stream.columns || 80) - 5 - between.length * (waits.size - 1)) / waits.size)
    const parts = [...waits].map(([name, { since, news }]) => {
      const seconds = `${Math.round((Date.now() - since) / 1000)} s`
      const whole = [name, seconds, news].filter((part) => part !== '').join(', ')
      return tty ? whole.slice(0, room) : whole
    })
    return parts.join(between)
  }
  const wipe = () => tty && stream.write('\r\x1b[K')
  const draw = () => stream.write(tty ? `\r\x1b[K  ${paint(33, '…')} ${line()}` : `  … ${line()}\n`)
  const say = (text) => {
    wipe()
    stream.write(`${text}\n`)
    if (tty && waits.size > 0) draw()
  }
  const end = (name, mark) => {
    const wait = waits.get(name)
    waits.delete(name)
    if (waits.size === 0) clearInterval(clock)
    say(`  ${mark} ${name.padEnd(44)} ${`${((Date.now() - wait.since) / 1000).toFixed(1)} s`.padStart(9)}`)
  }

  return {
    say,
    /** Waits for work, which may tell how far it is: `during(name, (tell) => …)`. A failure is marked and thrown on. */
    async during(name, work) {
      const wait = { since: Date.now(), news: '' }
      waits.set(name, wait)
      if (waits.size === 1) clock = setInterval(draw, tty ? DRAW_EVERY_MS : writeEveryMs)
      if (tty) draw()
      try {
        const result = await work((news) => {
          wait.news = news
        })
        end(name, paint(32, '✔'))
        return result
      } catch (error) {
        end(name, paint(31, '✘'))
        throw error
      }
    },
  }
}
