/**
 * The ranges of a subnet that automatic addresses come from. Pure; both ends of a pool are inclusive.
 * Source: neutron/ipam/utils.py generate_pools, neutron/db/ipam_backend_mixin.py validate_allocation_pools.
 */
import { refusal } from '../errors.ts'
import { type Address, type Cidr, parseAddress, showAddress, showCidr } from './ip-address.ts'

export interface Pool {
  readonly first: bigint
  readonly last: bigint
}

/** As the API writes it. */
export interface WrittenPool {
  readonly start: string
  readonly end: string
}

/** The addresses that a pool may hold: without the network's own and, where the subnet has one, the broadcast address. */
export function poolBounds(cidr: Cidr): Pool {
  if (cidr.first === cidr.last) return { first: cidr.first, last: cidr.last }
  if (cidr.version === 6) return { first: cidr.first + 1n, last: cidr.last }
  if (cidr.prefixLength > 30) return { first: cidr.first, last: cidr.last }
  return { first: cidr.first + 1n, last: cidr.last - 1n }
}

/** Everything but the gateway. */
export function defaultPools(cidr: Cidr, gateway: Address | undefined): Pool[] {
  const { first, last } = poolBounds(cidr)
  if (gateway === undefined || gateway.value < first || gateway.value > last) return [{ first, last }]
  return [
    { first, last: gateway.value - 1n },
    { first: gateway.value + 1n, last },
  ].filter((pool) => pool.first <= pool.last)
}

/**
 * The pools that a user asks for, in their order.
 * @throws DomainError `network.pool.invalid`, `network.pool.out-of-bounds`, `network.pool.overlap`, `network.pool.holds-gateway`
 */
export function checkedPools(written: readonly WrittenPool[], cidr: Cidr, gateway: Address | undefined): Pool[] {
  const bounds = poolBounds(cidr)
  const pools = written.map((pool) => {
    const first = parseAddress(pool.start)
    const last = parseAddress(pool.end)
    const shown = `${pool.start}-${pool.end}`
    if (first?.version !== cidr.version || last?.version !== cidr.version || first.value > last.value) {
      throw refusal('network.pool.invalid', shown)
    }
    if (first.value < bounds.first || last.value > bounds.last) {
      throw refusal('network.pool.out-of-bounds', shown, showCidr(cidr))
    }
    return { first: first.value, last: last.value, shown }
  })
  for (const [index, one] of pools.entries()) {
    for (const other of pools.slice(index + 1)) {
      if (one.first <= other.last && other.first <= one.last) {
        throw refusal('network.pool.overlap', one.shown, other.shown, showCidr(cidr))
      }
    }
  }
  refuseGatewayInPools(pools, cidr, gateway)
  return pools.map(({ first, last }) => ({ first, last }))
}

/** @throws DomainError `network.pool.holds-gateway` */
export function refuseGatewayInPools(pools: readonly Pool[], cidr: Cidr, gateway: Address | undefined): void {
  if (gateway === undefined) return
  for (const pool of pools) {
    if (gateway.value < pool.first || gateway.value > pool.last) continue
    const { start, end } = showPool(pool, cidr.version)
    throw refusal('network.pool.holds-gateway', showAddress(gateway), `${start}-${end}`)
  }
}

export function showPool(pool: Pool, version: 4 | 6): WrittenPool {
  return {
    start: showAddress({ version, value: pool.first }),
    end: showAddress({ version, value: pool.last }),
  }
}

/** How many addresses pools hold in all. */
export function sizeOf(pools: readonly Pool[]): bigint {
  return pools.reduce((sum, pool) => sum + pool.last - pool.first + 1n, 0n)
}

/**
 * The address at `place` (0 … size - 1) when the pools are laid end to end.
 */
export function addressAt(pools: readonly Pool[], place: bigint): bigint {
  let left = place
  for (const pool of pools) {
    const size = pool.last - pool.first + 1n
    if (left < size) return pool.first + left
    left -= size
  }
  throw new RangeError('beyond the pools')
}
