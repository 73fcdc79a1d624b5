/** Take a card out of a standing server; the port that a boot or an attach made goes with it. */
import type { Stories, Story } from '../../durable/stories.ts'
import type { PortId } from '../../ids.ts'
import { closeAction } from '../instance-actions/store.ts'
import { removeNic } from '../servers/store.ts'
import { unplugCard } from './attach-interface.ts'
import { type Deed, deed } from './deed.ts'
import type { Parts } from './parts.ts'

export interface DetachInterface extends Deed {
  readonly portId: PortId
  readonly macAddress: string
}

const UNPLUG_WITHIN_MS = 5 * 60_000

export function defineDetachInterface(stories: Stories, parts: Parts): Story<DetachInterface> {
  return stories.define('compute.detach-interface', (order) => {
    const { serverId, storyId, host, portId } = order
    return deed(
      parts,
      'detach interface',
      order,
      async (step) => {
        // Only forward: what failed is done again by a second detach.
        await step('unplug card', { run: () => unplugCard(parts, order, order), withinMs: UNPLUG_WITHIN_MS })
        await step('unbind port', { run: () => parts.network.unbindPort(serverId, portId), attempts: 3 })
        await step('report detached', {
          run: async () => {
            await removeNic(parts.db, serverId, portId)
            await closeAction(parts.db, serverId, storyId, { host })
          },
        })
      },
      async () => {},
    )
  })
}
