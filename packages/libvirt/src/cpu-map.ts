/** Sets of CPUs: bits in bytes on the wire, numbers here, and ranges in some texts of libvirt. */
import { requestError } from './errors.ts'

/** REMOTE_CPUMAP_MAX bytes. */
const MOST_CPUS = 2048 * 8

export function cpuMapBytes(cpus: readonly number[]): Uint8Array {
  const most = Math.max(-1, ...cpus)
  const map = new Uint8Array(Math.max(1, Math.ceil((most + 1) / 8) || 1))
  for (const cpu of cpus) {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= MOST_CPUS) throw requestError(`no CPU: ${cpu}`)
    map[cpu >> 3] = (map[cpu >> 3] as number) | (1 << (cpu & 7))
  }
  return map
}

export function cpusOfMap(map: Uint8Array): number[] {
  const cpus: number[] = []
  for (const [index, byte] of map.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) cpus.push(index * 8 + bit)
  }
  return cpus
}

/** Several maps behind each other. A remainder is no map. */
export function cpusOfMaps(maps: Uint8Array, bytesOfOne: number): number[][] {
  const count = bytesOfOne === 0 ? 0 : Math.floor(maps.length / bytesOfOne)
  return Array.from({ length: count }, (_, at) => cpusOfMap(maps.subarray(at * bytesOfOne, (at + 1) * bytesOfOne)))
}

/** As libvirt's texts have it, such as `0,2,5`. */
export function cpuList(cpus: readonly number[]): string {
  for (const cpu of cpus) {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= MOST_CPUS) throw requestError(`no CPU: ${cpu}`)
  }
  return cpus.join(',')
}
