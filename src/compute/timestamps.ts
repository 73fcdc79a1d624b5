/** Two ways to write a time, both UTC, as upstream's answers have them. */

/** `2026-01-02T03:04:05Z`: servers, actions. */
export function toSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

/** `2026-01-02T03:04:05.678000`, microseconds and no zone: keypairs, services, aggregates. */
export function toMicroseconds(time: Date): string {
  return `${time.toISOString().slice(0, 23)}000`
}
