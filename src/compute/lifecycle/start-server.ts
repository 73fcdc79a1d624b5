/** Start a server that is off. */
import type { Stories, Story } from '../../durable/stories.ts'
import { closeAction } from '../instance-actions/store.ts'
import { endTask, settle } from '../servers/store.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'
import { raiseGuest } from './raise-guest.ts'
import { POWER } from './states.ts'

export function defineStartServer(stories: Stories, parts: Parts): Story<Deed> {
  return stories.define('compute.start-server', (order) =>
    deed(
      parts,
      'start',
      order,
      async (step) => {
        await raiseGuest(step, parts, order)
        await step('report ACTIVE', {
          run: async () => {
            await settle(parts.db, order.serverId, 'active', POWER.running)
            await closeAction(parts.db, order.serverId, order.storyId, { host: order.host })
          },
        })
      },
      // It is off, as before.
      (fault) => endTask(parts.db, order.serverId, fault),
    ),
  )
}
