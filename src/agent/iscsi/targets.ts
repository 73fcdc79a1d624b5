/**
 * Targets of tgtd, each one volume: made so by comparing what is shown with what is wanted, so that every call may be
 * repeated. Order of making: target, LUN, account, and the initiators last: nobody gets in before, so no client ever
 * sees half a target. Two clouds never share a tgtd.
 */
import type { ExportOrder } from '../contract.ts'
import type { VolumeId } from '../../ids.ts'
import { ask, askUnless, type TgtRequest } from './tgt-control.ts'
import { readShownTargets, type ShownTarget } from './shown-targets.ts'

/** LUN 0 is tgt's own controller. */
export const VOLUME_LUN = 1

export function targetIqn(volumeId: VolumeId): string {
  return `iqn.2010-10.org.openstack:volume-${volumeId}`
}

export interface Targets {
  ensure(order: ExportOrder, path: string): Promise<void>
  /** Throws out who is connected. Finding none is fine. */
  remove(volumeId: VolumeId): Promise<void>
  removeAll(): Promise<void>
  isExported(volumeId: VolumeId): Promise<boolean>
  /** tgt reads the size of a file when it is told the path, and lets itself be told only while the LUN is offline. */
  rereadSize(volumeId: VolumeId): Promise<void>
  count(): Promise<number>
  /** Removes every target that is not of one of these volumes. */
  removeOthers(volumeIds: readonly VolumeId[]): Promise<void>
}

export function openTargets(socketPath: string): Targets {
  const tell = (request: TgtRequest) => ask(socketPath, request)
  const show = async () => readShownTargets(await tell({ mode: 'target', op: 'show' }))
  const find = async (iqn: string) => (await show()).find((target) => target.iqn === iqn)

  /** What tgtd was given as password; it never tells. Where it is adopted, an account is taken to be the one we made. */
  const passwords = new Map<string, string>()

  const destroy = async (target: ShownTarget, all: readonly ShownTarget[]) => {
    await askUnless(socketPath, ['no such target'], { mode: 'target', op: 'delete', tid: target.tid, force: true })
    const others = all.filter((other) => other.tid !== target.tid)
    for (const user of target.accounts) {
      if (others.some((other) => other.accounts.includes(user))) continue
      await askUnless(socketPath, ['no such account'], { mode: 'account', op: 'delete', parameters: { user } })
      passwords.delete(user)
    }
  }

  const ensureTarget = async (order: ExportOrder): Promise<{ target: ShownTarget; others: readonly ShownTarget[] }> => {
    const iqn = targetIqn(order.volumeId)
    let all = await show()
    // The number or the name may stand for something of the past.
    for (const other of all.filter((each) => (each.tid === order.targetNumber) !== (each.iqn === iqn))) {
      await destroy(other, all)
      all = all.filter((each) => each !== other)
    }
    const found = all.find((target) => target.iqn === iqn)
    if (found !== undefined) return { target: found, others: all.filter((each) => each !== found) }
    await tell({ mode: 'target', op: 'new', tid: order.targetNumber, parameters: { targetname: iqn } })
    const target = { tid: order.targetNumber, iqn, sessions: [], luns: [], accounts: [], initiators: [] }
    return { target, others: all }
  }

  const ensureLun = async ({ tid, luns }: ShownTarget, volumeId: VolumeId, path: string) => {
    const at = { mode: 'device', tid, lun: BigInt(VOLUME_LUN) } as const
    const found = luns.find(({ lun }) => lun === VOLUME_LUN)
    if (found?.path === path) {
      if (!found.isOnline) await bringOnline(at, path)
      return
    }
    if (found !== undefined) await tell({ ...at, op: 'delete' })
    await tell({ ...at, op: 'new', parameters: { path, bstype: 'rdwr', blocksize: '512' } })
    // thin_provisioning lets a guest's discard free room. A serial has 36 characters at most.
    await tell({
      ...at,
      op: 'update',
      parameters: { thin_provisioning: '1', vendor_id: 'STRATO', product_id: 'VOLUME', scsi_sn: volumeId },
    })
  }

  const bringOnline = async (at: Pick<TgtRequest, 'mode' | 'tid' | 'lun'>, path: string) => {
    await tell({ ...at, op: 'update', parameters: { path } })
    await tell({ ...at, op: 'update', parameters: { online: '1' } })
  }

  const ensureAccount = async (target: ShownTarget, order: ExportOrder, others: readonly ShownTarget[]) => {
    const { authUsername: user, authPassword: password } = order
    const isBound = target.accounts.includes(user)
    const sharers = others.filter((other) => other.accounts.includes(user))
    const known = passwords.get(user)
    const isKnown = isBound || sharers.length > 0
    if (!isKnown || (known !== undefined && known !== password)) {
      await askUnless(socketPath, ['no such account'], { mode: 'account', op: 'delete', parameters: { user } })
      await tell({ mode: 'account', op: 'new', parameters: { user, password } })
      for (const { tid } of [target, ...sharers]) await tell({ mode: 'account', op: 'bind', tid, parameters: { user } })
    } else if (!isBound) {
      await tell({ mode: 'account', op: 'bind', tid: target.tid, parameters: { user } })
    }
    passwords.set(user, password)
    for (const other of target.accounts.filter((each) => each !== user)) {
      await askUnless(socketPath, ['no such account'], {
        mode: 'account',
        op: 'unbind',
        tid: target.tid,
        parameters: { user: other },
      })
      if (others.some((each) => each.accounts.includes(other))) continue
      await askUnless(socketPath, ['no such account'], { mode: 'account', op: 'delete', parameters: { user: other } })
      passwords.delete(other)
    }
  }

  const ensureInitiators = async (target: ShownTarget, wanted: readonly string[]) => {
    const { tid } = target
    for (const name of target.initiators.filter((each) => !wanted.includes(each))) {
      await askUnless(socketPath, ['no such ACL entry'], {
        mode: 'target',
        op: 'unbind',
        tid,
        parameters: { 'initiator-name': name },
      })
    }
    for (const { sid, initiator, connections } of target.sessions) {
      if (wanted.includes(initiator)) continue
      for (const cid of connections) {
        const gone = ['no such session', 'no such connection'] as const
        await askUnless(socketPath, gone, { mode: 'connection', op: 'delete', tid, sid, cid })
      }
    }
    for (const name of wanted.filter((each) => !target.initiators.includes(each))) {
      await tell({ mode: 'target', op: 'bind', tid, parameters: { 'initiator-name': name } })
    }
  }

  return {
    async ensure(order, path) {
      const { target, others } = await ensureTarget(order)
      await ensureLun(target, order.volumeId, path)
      await ensureAccount(target, order, others)
      await ensureInitiators(target, order.initiators)
    },

    async remove(volumeId) {
      const all = await show()
      const found = all.find((target) => target.iqn === targetIqn(volumeId))
      if (found !== undefined) await destroy(found, all)
    },

    async removeAll() {
      const all = await show()
      for (const target of all) await destroy(target, all)
    },

    isExported: async (volumeId) => (await find(targetIqn(volumeId))) !== undefined,

    async rereadSize(volumeId) {
      const target = await find(targetIqn(volumeId))
      const lun = target?.luns.find((each) => each.lun === VOLUME_LUN)
      if (target === undefined || lun === undefined) return
      const at = { mode: 'device', tid: target.tid, lun: BigInt(VOLUME_LUN) } as const
      await tell({ ...at, op: 'update', parameters: { online: '0' } })
      await bringOnline(at, lun.path)
    },

    count: async () => (await show()).length,

    async removeOthers(volumeIds) {
      const kept = new Set(volumeIds.map(targetIqn))
      const all = await show()
      for (const target of all) if (!kept.has(target.iqn)) await destroy(target, all)
    },
  }
}
