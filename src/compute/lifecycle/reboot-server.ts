/**
 * Reboot a server. A soft reboot asks the guest; a hard one cuts the power and makes everything anew, and is what a soft
 * one becomes when the guest does not listen.
 */
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { closeAction } from '../instance-actions/store.ts'
import { deedFailed, enterTask, settle } from '../servers/store.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'
import { raiseGuest } from './raise-guest.ts'
import { POWER } from './states.ts'
import { SHUTDOWN_WITHIN_MS } from './stop-server.ts'

export interface RebootServer extends Deed {
  readonly kind: 'soft' | 'hard'
}

export function defineRebootServer(stories: Stories, parts: Parts): Story<RebootServer> {
  return stories.define('compute.reboot-server', (order) =>
    deed(
      parts,
      'reboot',
      order,
      async (step) => {
        const { serverId, storyId, host, kind } = order
        const { hypervisor } = parts.agents.on(host)
        const obeyed =
          kind === 'soft' &&
          (await step('ask the guest to restart', {
            run: async () => {
              try {
                await hypervisor.reboot(serverId, SHUTDOWN_WITHIN_MS)
                return true
              } catch (error) {
                if (!isDomainError(error)) throw error
                await enterTask(parts.db, serverId, 'rebooting_hard')
                return false
              }
            },
            withinMs: SHUTDOWN_WITHIN_MS + 60_000,
          }))
        if (!obeyed) {
          await step('cut the power', { run: () => hypervisor.destroy(serverId) })
          await raiseGuest(step, parts, order)
        }
        await step('report ACTIVE', {
          run: async () => {
            await settle(parts.db, serverId, 'active', POWER.running)
            await closeAction(parts.db, serverId, storyId, { host })
          },
        })
      },
      // The power may be cut and the guest not back.
      (fault) => deedFailed(parts.db, order.serverId, fault),
    ),
  )
}
