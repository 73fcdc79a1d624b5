/** Moments as `virsh` writes them: in the time of whoever looks. */

/** Such as `2026-11-29 21:05:00`, and with its zone ` +0100`. */
export function localTime(secondsSince1970: number, { zone = false } = {}): string {
  const time = new Date(secondsSince1970 * 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  const east = -time.getTimezoneOffset()
  const offset = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`
  return `${day} ${clock}${zone ? ` ${offset}` : ''}`
}
