/** Plug one more card into a standing server, running or not. */
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { BindOrder, BoundPort, NicPlan } from '../../network/index.ts'
import { closeAction } from '../instance-actions/store.ts'
import { addNic, removeNic } from '../servers/store.ts'
import { type Deed, deed } from './deed.ts'
import { interfaceSpec } from './domain-spec.ts'
import type { Parts } from './parts.ts'

export interface AttachInterface extends Deed {
  /** Its port's id is settled, whether the port is to be made or stands. */
  readonly nic: NicPlan
  readonly ports: Omit<BindOrder, 'host' | 'nics'>
  readonly vifModel: string
}

export function defineAttachInterface(stories: Stories, parts: Parts): Story<AttachInterface> {
  return stories.define('compute.attach-interface', (order) => {
    const { serverId, storyId, host, nic } = order
    return deed(
      parts,
      'attach interface',
      order,
      async (step) => {
        const { hypervisor } = parts.agents.on(host)
        const port = await step('bind port', {
          run: async () => {
            const bound = await parts.network.bindPorts({ ...order.ports, host, nics: [nic] })
            return bound.find(({ portId }) => portId === nic.portId)!
          },
          undo: () => parts.network.unbindPort(serverId, nic.portId),
        })
        await step('plug card in', {
          run: () => hypervisor.attachInterface(serverId, interfaceSpec(port, order.vifModel)),
          undo: () => unplugCard(parts, order, port),
        })
        await step('report attached', {
          run: async () => {
            await addNic(parts.db, serverId, nic)
            await closeAction(parts.db, serverId, storyId, { host })
          },
          undo: () => removeNic(parts.db, serverId, nic.portId),
        })
      },
      // The server is as it was.
      async () => {},
    )
  })
}

/** A guest that is gone has no card. */
export async function unplugCard(
  parts: Parts,
  { serverId, host }: Deed,
  { macAddress }: Pick<BoundPort, 'macAddress'>,
): Promise<void> {
  try {
    await parts.agents.on(host).hypervisor.detachInterface(serverId, macAddress)
  } catch (error) {
    if (!isDomainError(error, 'agent.domain.unknown')) throw error
  }
}
