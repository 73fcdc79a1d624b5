/** How much more fits into one inventory. Source: placement's capacity formula, (total - reserved) * allocation ratio. */
import type { Room } from './types.ts'

/** What is free, and the largest single allocation that would be taken. Never below zero. */
export function roomIn(room: Room | undefined): { free: number; largest: number } {
  if (room === undefined) return { free: 0, largest: 0 }
  const free = Math.max(0, Math.floor((room.total - room.reserved) * room.allocationRatio) - room.used)
  const most = Math.min(free, room.maxUnit ?? free)
  const largest = most - (most % (room.stepSize ?? 1))
  return { free, largest: largest < (room.minUnit ?? 1) ? 0 : largest }
}

export function fits(room: Room | undefined, amount: number): boolean {
  return (
    room !== undefined &&
    amount <= roomIn(room).largest &&
    amount >= (room.minUnit ?? 1) &&
    amount % (room.stepSize ?? 1) === 0
  )
}

/** `4096 MiB RAM`: an amount of a resource class in words. */
export function amountOf(resourceClass: string, amount: number): string {
  switch (resourceClass) {
    case 'VCPU':
      return `${amount} vCPU`
    case 'PCPU':
      return `${amount} dedicated CPU`
    case 'MEMORY_MB':
      return `${amount} MiB RAM`
    case 'DISK_GB':
      return `${amount} GiB disk`
    default:
      return `${amount} ${resourceClass}`
  }
}
