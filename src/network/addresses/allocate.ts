/** Takes addresses for ports: SQL only. Which addresses a port should have is decided in wishes.ts. */
import { randomBytes } from 'node:crypto'
import type { Transaction } from '../../database/database.ts'
import type { NetworkId, PortId, SubnetId } from '../../ids.ts'
import { refusal } from '../errors.ts'
import { addressAt, type Pool, sizeOf } from './allocation-pools.ts'
import { showAddress } from './ip-address.ts'

/** What allocation needs to know of a subnet. */
export interface SubnetPools {
  readonly id: SubnetId
  readonly ipVersion: 4 | 6
  readonly pools: readonly Pool[]
}

/** One address of a port: exactly this one, or any free one of some subnets, the first of them preferred. */
export type AddressWish =
  | { readonly subnetId: SubnetId; readonly ipAddress: string }
  | { readonly anyOf: readonly SubnetPools[] }

export interface AddressOrder {
  readonly portId: PortId
  readonly networkId: NetworkId
  /** Order among the port's addresses. */
  readonly position: number
  readonly wish: AddressWish
}

/** Random addresses to try before the exact search, which reads all of a subnet's addresses. */
const GUESSES = 6
const ATTEMPTS = 200

interface Candidate {
  readonly order: number
  readonly turn: number
  readonly subnet_id: string
  /** Absent: look for a gap in the subnet. */
  readonly ip: string | null
  readonly exact: boolean
}

interface Outcome {
  readonly number: number
  readonly ip: string | null
  readonly added: boolean
}

/**
 * Gives each order its address. Another transaction may take the same address first: then it is chosen anew. Addresses
 * are random, so that two control planes seldom meet and a freed address does not come back at once.
 * @throws DomainError `network.address.in-use` for an exact one; `network.address.none-left`
 */
export async function allocate(tx: Transaction, orders: readonly AddressOrder[]): Promise<void> {
  let open = [...orders]
  for (let attempt = 0; open.length > 0; attempt++) {
    const outcomes = await take(tx, open)
    const left: AddressOrder[] = []
    for (const { number, ip, added } of outcomes) {
      const order = open[number]!
      if (added) continue
      if ('ipAddress' in order.wish) throw refusal('network.address.in-use', order.networkId, order.wish.ipAddress)
      if (ip === null || attempt >= ATTEMPTS) throw refusal('network.address.none-left', order.networkId)
      left.push(order)
    }
    open = left
  }
}

/**
 * One statement for all: the guesses first; where all are taken, a gap: the first address of a pool or the one behind a
 * taken one, so that nothing free is overlooked.
 */
async function take(tx: Transaction, orders: readonly AddressOrder[]): Promise<readonly Outcome[]> {
  const wanted = orders.map(({ portId, networkId, position }, number) => ({
    number,
    port_id: portId,
    network_id: networkId,
    position,
  }))
  const candidates = orders.flatMap(({ wish }, order) => candidatesFor(wish, order))
  return await tx<Outcome[]>`
    with wanted as (
      select * from jsonb_to_recordset(${tx.json(wanted as never)}::jsonb)
        as w(number integer, port_id uuid, network_id uuid, position smallint)
    ), candidate as (
      select * from jsonb_to_recordset(${tx.json(candidates as never)}::jsonb)
        as c("order" integer, turn integer, subnet_id uuid, ip inet, exact boolean)
    ), guessed as (
      select distinct on (w.number) w.number, c.subnet_id, c.ip
        from wanted w join candidate c on c."order" = w.number
       where c.ip is not null
         and (c.exact or not exists (
           select from network.ip_allocations a where a.network_id = w.network_id and a.ip_address = c.ip))
       order by w.number, c.turn
    ), searched as (
      select distinct on (w.number) w.number, c.subnet_id, gap.ip
        from wanted w
        join candidate c on c."order" = w.number and c.ip is null
       cross join lateral (
         select free.ip from (
           select p.first_ip as ip from network.allocation_pools p where p.subnet_id = c.subnet_id
           union all
           select case when a.ip_address < p.last_ip then a.ip_address + 1 end
             from network.allocation_pools p
             join network.ip_allocations a on a.subnet_id = p.subnet_id and a.ip_address between p.first_ip and p.last_ip
            where p.subnet_id = c.subnet_id
         ) free
         where free.ip is not null and not exists (
           select from network.ip_allocations a where a.network_id = w.network_id and a.ip_address = free.ip)
         order by random() limit 1
       ) gap
       where w.number not in (select number from guessed)
       order by w.number, c.turn
    ), chosen as (
      select * from guessed union all select * from searched
    ), added as (
      insert into network.ip_allocations (network_id, ip_address, subnet_id, port_id, position)
      select w.network_id, chosen.ip, chosen.subnet_id, w.port_id, w.position
        from chosen join wanted w using (number)
      on conflict do nothing
      returning port_id, position
    )
    select w.number, host(chosen.ip) as ip, added.port_id is not null as added
      from wanted w
      left join chosen using (number)
      left join added on added.port_id = w.port_id and added.position = w.position
     order by w.number`
}

function candidatesFor(wish: AddressWish, order: number): Candidate[] {
  if ('ipAddress' in wish) return [{ order, turn: 0, subnet_id: wish.subnetId, ip: wish.ipAddress, exact: true }]
  return wish.anyOf.flatMap((subnet, place) => [
    ...guesses(subnet).map((ip, turn) => ({
      order,
      turn: place * (GUESSES + 1) + turn,
      subnet_id: subnet.id,
      ip,
      exact: false,
    })),
    { order, turn: place * (GUESSES + 1) + GUESSES, subnet_id: subnet.id, ip: null, exact: false },
  ])
}

function guesses({ pools, ipVersion }: SubnetPools): string[] {
  const size = sizeOf(pools)
  if (size === 0n) return []
  return Array.from({ length: GUESSES }, () => {
    const random = BigInt(`0x${randomBytes(17).toString('hex')}`)
    return showAddress({ version: ipVersion, value: addressAt(pools, random % size) })
  })
}
