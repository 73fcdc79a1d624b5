/** Cards of standing servers: which there are, plugging one in, taking one out. */
import { isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import { isUuid, type PortId } from '../../ids.ts'
import type { BoundPort, NicRequest } from '../../network/index.ts'
import { asInvalid, attachFailed, badField, noInterface } from '../errors.ts'
import { findActionOfStory } from '../instance-actions/store.ts'
import type { AttachInterface } from '../lifecycle/attach-interface.ts'
import { begin } from '../lifecycle/deed.ts'
import type { DetachInterface } from '../lifecycle/detach-interface.ts'
import type { Parts } from '../lifecycle/parts.ts'
import type { Server } from '../servers/server.ts'

export interface Interfaces {
  list(server: Server): Promise<readonly BoundPort[]>
  /** @throws DomainError not-found `compute.interface.not-found` */
  get(server: Server, portId: string): Promise<BoundPort>
  /** Answers when the card is plugged in. @throws DomainError what stood in the way */
  attach(caller: Caller, server: Server, wish: NicRequest): Promise<BoundPort>
  /** Goes on by itself. */
  detach(caller: Caller, server: Server, portId: string): Promise<void>
}

export function openInterfaces(
  stories: Stories,
  { db, network }: Pick<Parts, 'db' | 'network'>,
  {
    attachInterface,
    detachInterface,
  }: { attachInterface: Story<AttachInterface>; detachInterface: Story<DetachInterface> },
): Interfaces {
  const list = async (server: Server) => (await network.portsOf([server.id])).get(server.id) ?? []
  const get = async (server: Server, portId: string) => {
    const found = isUuid(portId) ? (await list(server)).find((port) => port.portId === portId) : undefined
    if (found === undefined) throw noInterface(portId, server.id)
    return found
  }

  return {
    list,
    get,

    async attach(caller, server, wish) {
      const networks = wish.networkId === undefined && wish.portId === undefined ? ('auto' as const) : [wish]
      const [nic] = await asInvalid(() => network.plan(caller, { networks, securityGroups: [] }))
      if (nic === undefined) throw badField('No network was given, and there is none that the project may use.')
      const plan = wish.tag === undefined ? nic : { ...nic, tag: wish.tag }
      const story = await begin(stories, caller, server.id, {
        move: 'change interfaces',
        word: 'attach_interface',
        action: 'attach_interface',
        story: attachInterface,
        more: async (locked) => ({
          nic: plan,
          vifModel: locked.image?.properties.hw_vif_model ?? 'virtio',
          ports: {
            serverId: locked.id,
            serverName: locked.name,
            hostname: locked.hostname,
            projectId: locked.projectId,
            userId: locked.userId,
            availabilityZone: locked.availabilityZone ?? '',
          },
        }),
      })
      // Upstream answers with the card, so the answer waits for it.
      await stories.ended(story)
      const action = await findActionOfStory(db, server.id, story)
      if (action?.message === 'Error') throw attachFailed(action)
      return await get(server, plan.portId)
    },

    async detach(caller, server, portId) {
      const port = await get(server, portId)
      try {
        await begin(stories, caller, server.id, {
          move: 'change interfaces',
          word: 'detach_interface',
          action: 'detach_interface',
          story: detachInterface,
          more: async () => ({ portId: port.portId as PortId, macAddress: port.macAddress }),
        })
      } catch (error) {
        // A server that has gone meanwhile has no card either.
        if (isDomainError(error, 'compute.server.not-found')) throw noInterface(portId, server.id)
        throw error
      }
    },
  }
}
