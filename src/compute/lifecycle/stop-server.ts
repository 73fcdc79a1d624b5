/** Stop a server: the guest is asked first, and the power is cut when it does not listen. */
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import { closeAction } from '../instance-actions/store.ts'
import { endTask, settle } from '../servers/store.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'
import { POWER } from './states.ts'

/** How long a guest may take to shut down. Source: nova's option shutdown_timeout */
export const SHUTDOWN_WITHIN_MS = 60_000

export function defineStopServer(stories: Stories, parts: Parts): Story<Deed> {
  return stories.define('compute.stop-server', (order) =>
    deed(
      parts,
      'stop',
      order,
      async (step) => {
        const { hypervisor } = parts.agents.on(order.host)
        await step('shut down', {
          run: async () => {
            try {
              await hypervisor.shutdown(order.serverId, SHUTDOWN_WITHIN_MS)
            } catch (error) {
              // A guest that is gone is off; one that does not listen, or cannot, has its power cut.
              if (isDomainError(error, 'agent.domain.unknown')) return
              if (!isDomainError(error, 'agent.guest.ignored-shutdown', 'agent.hypervisor.failed')) throw error
              await hypervisor.destroy(order.serverId)
            }
          },
          withinMs: SHUTDOWN_WITHIN_MS + 60_000,
        })
        await step('report SHUTOFF', {
          run: async () => {
            await settle(parts.db, order.serverId, 'stopped', POWER.shutDown)
            await closeAction(parts.db, order.serverId, order.storyId, { host: order.host })
          },
        })
      },
      (fault) => endTask(parts.db, order.serverId, fault),
    ),
  )
}
